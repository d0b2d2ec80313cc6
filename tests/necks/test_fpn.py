"""The FPN against torchvision's, with copied weights."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool, LastLevelP6P7

from hub.backbones.create import create_trunk
from hub.errors import OptionError
from hub.necks.fpn import FPN

CHANNELS = {"c2": 8, "c3": 12, "c4": 16, "c5": 20}
STRIDES = {"c2": 4, "c3": 8, "c4": 16, "c5": 32}


def features(channels: dict[str, int] | None = None, side: int = 128) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        level: torch.randn(2, width, side >> int(level[1:]), side // 2 >> int(level[1:]), generator=generator)
        for level, width in (channels or CHANNELS).items()
    }


def copy(fpn: FPN, oracle: FeaturePyramidNetwork) -> None:
    with torch.no_grad():
        for i, level in enumerate(sorted(fpn.lateral)):
            for ours, theirs in (
                (fpn.lateral[level], oracle.inner_blocks[i][0]),
                (fpn.output[level], oracle.layer_blocks[i][0]),
            ):
                ours.weight.copy_(theirs.weight)
                ours.bias.copy_(theirs.bias.normal_())


@pytest.mark.parametrize("top", ["pool", "conv"])
def test_equals_torchvision(top: str) -> None:
    levels = ("p2", "p3", "p4", "p5", "p6", *(("p7",) if top == "conv" else ()))
    block = LastLevelMaxPool() if top == "pool" else LastLevelP6P7(16, 16)
    oracle = FeaturePyramidNetwork(list(CHANNELS.values()), 16, extra_blocks=block)
    fpn = FPN(CHANNELS, STRIDES, levels=levels, out_channels=16, top=top)  # type: ignore[arg-type]
    copy(fpn, oracle)
    if top == "conv":
        with torch.no_grad():
            for name, conv in fpn.extra_convs.items():
                conv.load_state_dict(getattr(block, name).state_dict())
    expected = list(oracle(OrderedDict(features())).values())
    out = fpn(features())
    assert list(out) == list(levels)
    for ours, theirs in zip(out.values(), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    "levels", [("p2",), ("p3", "p5"), ("p4", "p5", "p6", "p7"), ("p6",), ("p2", "p3", "p4", "p5", "p6", "p7")]
)
def test_only_the_requested_levels_are_built(levels: tuple[str, ...]) -> None:
    fpn = FPN(CHANNELS, STRIDES, levels=levels, out_channels=16, top="conv")
    out = fpn(features(side=256))
    assert tuple(out) == levels == tuple(fpn.channels) == tuple(fpn.strides)
    for level, feature in out.items():
        assert feature.shape == (2, 16, 256 // fpn.strides[level], 128 // fpn.strides[level])
    sum(f.sum() for f in out.values()).backward()
    assert all(p.grad is not None for p in fpn.parameters()), "an unused layer would hang distributed training"


def test_fewer_levels_have_the_same_values() -> None:
    """The top-down pathway starts at the top also if that level is not requested."""
    whole, part = FPN(CHANNELS, STRIDES, out_channels=16), FPN(CHANNELS, STRIDES, levels=("p3", "p4"), out_channels=16)
    part.load_state_dict(whole.state_dict(), strict=False)
    torch.testing.assert_close(part(features())["p3"], whole(features())["p3"])


@pytest.mark.parametrize(
    "channels", [{"c4": 8}, {"c2": 8, "c4": 8}, {"c0": 4, "c1": 4, "c2": 8, "c3": 8}, {"c3": 8, "c4": 8, "c5": 8}]
)
def test_levels_that_the_backbone_lacks(channels: dict[str, int]) -> None:
    fpn = FPN(channels, {level: 2 ** int(level[1:]) for level in channels}, out_channels=16)
    out = fpn(features(channels))
    for i, feature in zip(range(2, 7), out.values(), strict=True):
        assert feature.shape == (2, 16, 128 >> i, 64 >> i)
    sum(f.sum() for f in out.values()).backward()
    assert all(p.grad is not None for p in fpn.parameters())


def test_sides_that_do_not_halve_evenly() -> None:
    sides = {"c2": (25, 19), "c3": (13, 10), "c4": (7, 5), "c5": (4, 3)}
    odd = {level: torch.randn(1, CHANNELS[level], *side) for level, side in sides.items()}
    out = FPN(CHANNELS, STRIDES, out_channels=16)(odd)
    assert [tuple(f.shape[2:]) for f in out.values()] == [*sides.values(), (2, 2)]


@pytest.mark.parametrize(
    ("norm", "kind"), [("batch", nn.BatchNorm2d), ("group", nn.GroupNorm), ("sync", nn.SyncBatchNorm)]
)
def test_norms(norm: str, kind: type[nn.Module]) -> None:
    fpn = FPN(CHANNELS, STRIDES, out_channels=32, norm=norm)
    assert sum(isinstance(m, kind) for m in fpn.modules()) == 8
    assert not any(m.bias is not None for m in fpn.modules() if isinstance(m, nn.Conv2d))


@pytest.mark.parametrize("levels", [(), ("p1",), ("p2", "p8"), ("c2",)])
def test_levels_that_do_not_exist(levels: tuple[str, ...]) -> None:
    with pytest.raises(OptionError, match="an FPN has no level"):
        FPN(CHANNELS, STRIDES, levels=levels)


def test_unknown_norm() -> None:
    with pytest.raises(OptionError, match="unknown norm"):
        FPN(CHANNELS, STRIDES, norm="layer")


def test_a_backbone_that_ends_at_stride_64_is_read_to_its_end() -> None:
    trunk = create_trunk("shvit_s1-fpn", channels=16)
    assert trunk.body_levels[-1] == "c6"
    out = trunk(torch.randn(1, 3, 128, 128))
    assert out["p6"].shape[-2:] == (2, 2)
    torch.stack([level.square().mean() for level in out.values()]).sum().backward()
    idle = [name for name, p in trunk.named_parameters() if p.grad is None]
    assert not idle


def test_a_level_that_no_neck_or_head_reads_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "hub"):
        create_trunk("resnet18", levels=("c3", "c4"))
    assert "no head reads c5" in caplog.text
