"""The level ``pooled``: the vector that timm's classifier reads, computed in one pass with the feature maps."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

import hub
from hub.backbones.create import create_trunk
from hub.backbones.trunk import plain_key
from hub.errors import ContractError

X = torch.randn(1, 3, 128, 160, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "name",
    ["resnet18", "mobilenetv3_small_050", "convnext_atto", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"],
)
def test_it_is_the_input_of_timms_classifier(name: str) -> None:
    maps = tuple(create_trunk(name).channels)
    trunk = create_trunk(name, levels=(*maps, "pooled")).eval()
    oracle = timm.create_model(name, num_classes=3).eval()
    left_out = oracle.load_state_dict(trunk.body.net.state_dict(), strict=False)
    assert not left_out.unexpected_keys
    assert len(left_out.missing_keys) == 2  # the last layer alone
    x = torch.randn(1, 3, 224, 224) if "224" in name else X
    with torch.no_grad():
        out = trunk(x)
        assert torch.equal(out["pooled"], oracle.forward_head(oracle.forward_features(x), pre_logits=True))
    assert out["pooled"].shape == (1, trunk.channels["pooled"])
    assert "pooled" not in trunk.strides
    for level in maps:
        assert out[level].shape[1:] == (
            trunk.channels[level],
            x.shape[2] // trunk.strides[level],
            x.shape[3] // trunk.strides[level],
        )


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050"])
def test_feature_maps_are_the_same_with_and_without_it(name: str) -> None:
    plain = create_trunk(name).eval()
    both = create_trunk(name, levels=(*plain.levels, "pooled")).eval()
    plain.load_state_dict({key: both.state_dict()[key] for key in plain.state_dict()})
    with torch.no_grad():
        mine, theirs = plain(X), both(X)
    for level in plain.levels:
        assert torch.equal(mine[level], theirs[level])


def test_trunks_do_not_have_it_unless_requested() -> None:
    trunk = create_trunk("mobilenetv3_small_050-fpn")
    assert "pooled" not in trunk.channels
    assert not [key for key in trunk.state_dict() if "conv_head" in key or "classifier" in key]


def test_a_neck_and_the_vector_share_a_pass() -> None:
    trunk = create_trunk("resnet18-fpn", channels=16, levels=("p3", "pooled"), norm="frozen", freeze=2)
    calls: list[int] = []
    trunk.body.net.conv1.register_forward_hook(lambda *_: calls.append(1))
    out = trunk(X)
    assert {level: tuple(f.shape) for level, f in out.items()} == {"p3": (1, 16, 16, 20), "pooled": (1, 512)}
    assert len(calls) == 1
    assert not trunk.body.net.conv1.weight.requires_grad
    assert trunk.body.net.layer4[0].conv1.weight.requires_grad


class Bare(nn.Module):
    """A plugin's backbone that gives only feature maps."""

    def __init__(self, pretrained: bool = False, in_chans: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_chans, 8, 4, 4)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [self.conv(x)]


def test_the_error_of_a_backbone_without_it_names_the_alternative(monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.backbones import create as module
    from hub.backbones.timm_body import LoadedBackbone
    from hub.backbones.trunk import Provenance

    loaded = LoadedBackbone(Bare(), hub.Preprocessing(), Provenance("bare"), ((64, 128),))
    monkeypatch.setattr(module, "_load", lambda *_, **__: loaded)
    assert create_trunk("bare").strides == {"c2": 4}
    with pytest.raises(ContractError, match="from_level"):
        create_trunk("bare", levels=("pooled",))


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "mobilenetv3_small_050"])
def test_the_complete_model_has_the_initial_weights_of_the_feature_extractor(name: str) -> None:
    states = []
    for levels in (None, ("c5", "pooled")):
        torch.manual_seed(0)
        trunk = create_trunk(name, levels=levels)
        states.append({plain_key(key): value for key, value in trunk.state_dict().items()})
    maps, whole = states
    assert maps.keys() <= whole.keys()
    assert all(torch.equal(value, whole[key]) for key, value in maps.items())
