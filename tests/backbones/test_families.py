"""One backbone of each family: the outputs match the channels and strides of the trunk."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import hub
from hub import Trunk

FAMILIES = (
    "resnet18",  # basic blocks
    "resnet50",  # bottlenecks
    "resnetv2_50",  # pre-activation
    "resnext50_32x4d",  # groups
    "seresnet18",  # channel attention
    "skresnet18",  # attention over kernels
    "botnet26t_256",  # self-attention over a fixed square
    "densenet121",
    "mobilenetv3_large_100",
    "vit_tiny_patch16_224",  # one stride only
    "swin_tiny_patch4_window7_224",  # feature maps (B, H, W, C)
    "convnext_atto",  # no batch norm
)
SLOW = (
    "vgg11_bn", "wide_resnet50_2", "efficientnet_b0", "regnetx_002", "hrnet_w18_small", "pvt_v2_b0", "dla34",
    "mixer_s16_224", "maxvit_rmlp_pico_rw_256", "hiera_tiny_224", "nfnet_f0", "davit_tiny", "edgenext_xx_small",
)  # fmt: skip


def check(trunk: Trunk, in_chans: int = 3) -> None:
    height, width = trunk.probe_size
    with torch.no_grad():
        features = trunk.eval()(torch.zeros(2, in_chans, height, width))
    assert list(features) == list(trunk.channels) == list(trunk.strides) == list(trunk.levels)
    for level, feature in features.items():
        stride = trunk.strides[level]
        assert feature.shape == (2, trunk.channels[level], math.ceil(height / stride), math.ceil(width / stride))
        assert stride == 2 ** int(level[1:])


@pytest.mark.parametrize("name", FAMILIES)
def test_backbone_levels_and_pyramid(name: str) -> None:
    trunk = hub.create(f"{name}-fpn", channels=16, levels=None)
    check(trunk)
    assert trunk.strides == {"p2": 4, "p3": 8, "p4": 16, "p5": 32, "p6": 64}
    assert set(trunk.channels.values()) == {16}
    raw = tuple(trunk.body_levels)
    assert raw == tuple(sorted(raw))
    trunk.levels = raw
    features = trunk(torch.zeros(1, 3, *trunk.probe_size))
    assert [f.shape[1] for f in features.values()] == [
        f.shape[1] for f in trunk.body(torch.zeros(1, 3, *trunk.probe_size))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_more_families_of_backbones(name: str) -> None:
    check(hub.create(name))
    check(hub.create(f"{name}-fpn", channels=16))


def test_backbone_levels_of_a_resnet() -> None:
    trunk = hub.create("resnet18")
    check(trunk)
    assert trunk.channels == {"c1": 64, "c2": 64, "c3": 128, "c4": 256, "c5": 512}
    assert trunk.strides == {"c1": 2, "c2": 4, "c3": 8, "c4": 16, "c5": 32}


def test_a_plain_vit_has_one_level() -> None:
    assert hub.create("vit_tiny_patch16_224").strides == {"c4": 16}


@pytest.mark.parametrize("in_chans", [1, 4])
@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "vit_tiny_patch16_224"])
def test_other_numbers_of_channels(name: str, in_chans: int) -> None:
    trunk = hub.create(name, in_chans=in_chans)
    check(trunk, in_chans)
    assert trunk.preprocessing.in_chans == len(trunk.preprocessing.mean) == len(trunk.preprocessing.std) == in_chans


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
@pytest.mark.parametrize("size", [(64, 64), (96, 160), (224, 224)])
def test_images_of_any_size(name: str, size: tuple[int, int]) -> None:
    trunk = hub.create(name).eval()
    with torch.no_grad():
        features = trunk(torch.zeros(1, 3, *size))
    for level, feature in features.items():
        assert feature.shape[2:] == tuple(side // trunk.strides[level] for side in size)


def test_features_of_channels_last_networks_are_not_transposed() -> None:
    """A bright left half must be bright on the left of the features, not on top."""
    trunk = hub.create("swin_tiny_patch4_window7_224").eval()
    image = torch.zeros(1, 3, 128, 256)
    image[..., :128] = 1

    def contrast(feature: Tensor, dim: int) -> float:
        first, second = feature.chunk(2, dim)
        return float((first.mean((2, 3)) - second.mean((2, 3))).abs().mean())

    with torch.no_grad():
        finest = trunk(image)["c2"]
    assert contrast(finest, 3) > 5 * contrast(finest, 2)
