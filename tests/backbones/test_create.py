from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

import hub
from hub import BackboneSpec, NeckSpec, registry
from hub.backbones.trunk import Provenance
from hub.errors import BadNameError, ContractError, OptionError, UnknownNameError


@pytest.fixture(autouse=True)
def _unregister() -> Iterator[None]:
    yield
    for name in ("my_net", "my-neck"):
        registry.unregister(name)


class MyNeck(nn.Module):
    def __init__(self, channels: Any, strides: Any, *, levels: Any, out_channels: int = 4) -> None:
        super().__init__()
        self.channels = dict.fromkeys(levels, out_channels)
        self.strides = dict.fromkeys(levels, 8)
        self.conv = nn.Conv2d(channels["c3"], out_channels, 1)

    def forward(self, features: Any) -> Any:
        return {level: self.conv(features["c3"]) for level in self.channels}


class NoChannels(MyNeck):
    """Has no ``channels``."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        del self.channels


class StrideThree(nn.Module):
    """Has a stride of 3."""

    def __init__(self, pretrained: bool, in_chans: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_chans, 4, 3, 3)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [self.conv(x)]


class Flat(StrideThree):
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x.flatten(1)]


def test_pyramid_channels_and_levels() -> None:
    trunk = hub.create("resnet18-fpn", channels=24, levels=("p6", "p3"))
    features = trunk(torch.zeros(1, 3, 64, 64))
    assert [(n, tuple(f.shape)) for n, f in features.items()] == [("p6", (1, 24, 1, 1)), ("p3", (1, 24, 8, 8))]


def test_backbone_levels_beside_the_pyramid() -> None:
    trunk = hub.create("resnet18-fpn", channels=24, levels=("c2", "p3"))
    assert trunk.channels == {"c2": 64, "p3": 24}


def test_backbone_levels_alone_build_no_neck() -> None:
    trunk = hub.create("resnet18-fpn", levels=("c3",))
    assert trunk.neck is None
    assert trunk.strides == {"c3": 8}


def test_unknown_levels() -> None:
    with pytest.raises(OptionError, match="resnet18 has no level 'p3'.*") as caught:
        hub.create("resnet18", levels=("p3",))
    assert "resnet50-fpn" in str(caught.value), "the fix names a pyramid"
    with pytest.raises(OptionError, match="no level p9"):
        hub.create("resnet18-fpn", levels=("p9",))


def test_pyramid_options_without_a_neck() -> None:
    with pytest.raises(OptionError, match="has no neck"):
        hub.create("resnet18", channels=32)
    with pytest.raises(OptionError, match="has no neck"):
        hub.create("resnet18", neck={"top": "conv"})


def test_neck_options_are_checked() -> None:
    assert hub.create("resnet18-fpn", neck={"top": "conv", "out_channels": 16}).channels["p6"] == 16
    with pytest.raises(OptionError, match="neck fpn has no option 'out_channel'. Did you mean out_channels"):
        hub.create("resnet18-fpn", neck={"out_channel": 16})
    with pytest.raises(OptionError, match="top='pol'"):
        hub.create("resnet18-fpn", neck={"top": "pol"})


def test_unknown_neck() -> None:
    with pytest.raises(UnknownNameError, match="unknown neck 'fpm'. Did you mean fpn"):
        hub.create("resnet18-fpm")


def test_bad_name() -> None:
    with pytest.raises(BadNameError):
        hub.create("resnet 18")


def test_a_neck_registered_here() -> None:
    hub.register(NeckSpec(name="my-neck", summary="", target=f"{__name__}:MyNeck", levels=("q3",)))
    trunk = hub.create("resnet18-my-neck")
    assert {n: tuple(f.shape) for n, f in trunk(torch.zeros(1, 3, 64, 64)).items()} == {"q3": (1, 4, 8, 8)}
    assert hub.create("resnet18-local:my-neck", channels=6).channels == {"q3": 6}


def test_a_neck_without_channels() -> None:
    hub.register(NeckSpec(name="my-neck", summary="", target=f"{__name__}:NoChannels"))
    with pytest.raises(ContractError, match="local:my-neck has no mapping 'channels'"):
        hub.create("resnet18-my-neck")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("StrideThree", "stride 3.*not a power of two"),
        ("Flat", "its outputs are not feature maps"),
        ("return_nothing", "returned a NoneType"),
    ],
)
def test_backbones_that_violate_the_contract(target: str, message: str) -> None:
    hub.register(BackboneSpec(name="my_net", summary="", target=f"{__name__}:{target}"))
    with pytest.raises(ContractError, match=message):
        hub.create("my_net")


def return_nothing(pretrained: bool, in_chans: int) -> None:
    """A factory that forgot to return the backbone."""


@pytest.mark.parametrize("name", ["levit_128s", "eva02_tiny_patch14_224"])
def test_strides_that_are_not_powers_of_two(name: str) -> None:
    with pytest.raises(ContractError, match="not a power of two"):
        hub.create(name)


def test_backbone_options_are_timms_own() -> None:
    plain, other = (hub.create("resnet18", backbone={"zero_init_last": zero}) for zero in (True, False))
    last = "body.net.layer1.0.bn2.weight"
    assert not plain.state_dict()[last].any()
    assert other.state_dict()[last].all()
    with pytest.raises(OptionError, match="resnet18 does not accept the backbone option 'zero_init_lost'"):
        hub.create("resnet18", backbone={"zero_init_lost": True})


class Volumes(nn.Module):
    """Feature maps of volumes, whose slices are the channels of the image; depth has a separate stride."""

    probe_sizes = ((32, 48),)
    provenance = Provenance("elsewhere", "v1", "a file", "MIT")

    def __init__(self, pretrained: bool, in_chans: int) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []
        self.fine = nn.Conv3d(1, 4, 3, (1, 2, 2), 1)
        self.coarse = nn.Conv3d(4, 6, 3, (3, 4, 4), 1)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        self.seen.append(tuple(x.shape))
        fine = self.fine(x[:, None])
        return [x[:, None], fine, self.coarse(fine)]


def test_a_backbone_of_volumes() -> None:
    """Levels are named by the strides of height and width, and freezing follows the gradient."""
    hub.register(BackboneSpec(name="my_net", summary="", target=f"{__name__}:Volumes"))
    trunk = hub.create("my_net", in_chans=9, freeze=1)
    assert (trunk.channels, trunk.strides) == ({"c0": 1, "c1": 4, "c3": 6}, {"c0": 1, "c1": 2, "c3": 8})
    shapes = {level: tuple(f.shape) for level, f in trunk(torch.zeros(2, 9, 64, 32)).items()}
    assert shapes == {"c0": (2, 1, 9, 64, 32), "c1": (2, 4, 9, 32, 16), "c3": (2, 6, 3, 8, 4)}
    assert {name for name, p in trunk.named_parameters() if p.requires_grad} == {
        "body.net.coarse.weight",
        "body.net.coarse.bias",
    }


def test_provenance_and_probe_sizes_of_a_backbone_are_used() -> None:
    hub.register(BackboneSpec(name="my_net", summary="", target=f"{__name__}:Volumes"))
    trunk = hub.create("my_net", in_chans=9)
    assert str(trunk.provenance) == "elsewhere.v1 from a file (MIT)"
    assert trunk.body.net.seen[0] == (1, 9, 32, 48)
    assert trunk.preprocessing.in_chans == len(trunk.preprocessing.mean) == len(trunk.preprocessing.std) == 9
