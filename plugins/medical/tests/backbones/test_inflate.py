"""An inflated network sees a constant volume as its 2D original sees a slice, whatever its family."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hub.errors import ContractError
from hub_medical.backbones.inflate import InflatedConv, inflate, pad_depth


def network(name: str, in_chans: int = 1) -> nn.Module:
    """With statistics of normalization that are not those of the start."""
    torch.manual_seed(0)
    net = timm.create_model(name, features_only=True, in_chans=in_chans).eval()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            layer.running_var.uniform_(0.8, 1.2)  # type: ignore[union-attr]
            layer.weight.data.uniform_(0.5, 1)  # some start at 0, which hides what is before them
    return net


class Everything(nn.Module):
    """Kinds of layers and of paddings that one network seldom has together."""

    def __init__(self, in_chans: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(in_chans, 8, 7, 2, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.pools = nn.ModuleList(
            [
                nn.MaxPool2d(3, 2, 1),
                nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False),
                nn.AvgPool2d(3, 2, 1, count_include_pad=True),
                nn.MaxPool2d(2, 2, ceil_mode=True),
                nn.Sequential(nn.Conv2d(8, 8, (1, 3), (2, 2), (0, 1)), nn.Conv2d(8, 8, (3, 1), 1, (1, 0))),
                nn.Conv2d(8, 8, 1, 2),
            ]
        )
        self.dilated = nn.Conv2d(48, 12, 3, padding=2, dilation=2, groups=4, bias=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        return [x, self.dilated(torch.cat([pool(x) for pool in self.pools], 1))]


@torch.no_grad()
def assert_inflated(net: nn.Module, images: Tensor, depth: int, **options: object) -> list[Tensor]:
    """The features of a volume that is constant along depth, compared with those of a slice."""
    expected = net(images)
    volume = images.unsqueeze(2).expand(-1, -1, depth, -1, -1)
    found = inflate(deepcopy(net), in_chans=images.shape[1], **options)(volume)  # type: ignore[arg-type]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other.unsqueeze(2).expand_as(one), rtol=1e-4, atol=1e-4)
    return list(found)


@pytest.mark.parametrize(
    "name",
    [
        *("resnet18", "resnet50", "resnet50d", "seresnet18", "resnext50_32x4d", "ecaresnet26t", "densenet121"),
        *("mobilenetv3_small_050", "efficientnet_b0", "regnety_002", "resnetv2_50", "vgg11_bn"),
    ],
)
def test_families(name: str) -> None:
    found = assert_inflated(network(name), torch.rand(1, 1, 64, 32), 5)
    assert [f.shape[2] for f in found][-5:] == [3, 2, 1, 1, 1]


@pytest.mark.parametrize("name", ["resnet50d", "mobilenetv3_small_050"])
def test_kernels_and_strides_along_depth(name: str) -> None:
    images = torch.rand(1, 1, 64, 32)
    assert [f.shape[2] for f in assert_inflated(network(name), images, 5, depth_kernel=1)] == [3, 2, 1, 1, 1]
    found = assert_inflated(network(name), images, 5, depth_kernel=3, depth_strides=(1, 1, 2, 2, 1))
    assert [f.shape[2] for f in found] == [5, 5, 3, 2, 2]


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(20, 40), st.integers(20, 40)),
    depth=st.integers(1, 9),
    channels=st.integers(1, 3),
    kernel=st.sampled_from([None, 1, 3]),
    strides=st.lists(st.sampled_from([1, 2]), max_size=5),
)
def test_any_shape(
    size: tuple[int, int], depth: int, channels: int, kernel: int | None, strides: Sequence[int]
) -> None:
    torch.manual_seed(0)
    net = Everything(channels).eval()
    first, last = assert_inflated(
        net, torch.rand(2, channels, *size), depth, depth_kernel=kernel, depth_strides=strides
    )
    by = [*strides, 2, 2]
    assert first.shape[2] == -(-depth // by[0])
    assert last.shape[2] == -(-first.shape[2] // by[1])


@torch.no_grad()
def test_flat_kernels_see_every_slice_alone() -> None:
    net = network("resnet18")
    volume = torch.rand(2, 1, 4, 64, 64)
    expected = [torch.stack(slices, 2) for slices in zip(*(net(volume[:, :, i]) for i in range(4)), strict=True)]
    found = inflate(net, depth_kernel=1, depth_strides=(1, 1, 1, 1, 1), in_chans=1)(volume)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_weights_keep_their_names_and_add_up_to_those_of_the_image_network() -> None:
    net = network("seresnet18", 3)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    after = inflate(net, in_chans=3).state_dict()
    assert after.keys() == before.keys()
    assert after["conv1.weight"].shape == (64, 3, 7, 7, 7)
    for name, value in before.items():
        folded = after[name].ndim > value.ndim
        torch.testing.assert_close(after[name].sum(2) if folded else after[name], value)


def test_it_learns_and_keeps_what_is_frozen() -> None:
    net = Everything(1).train()
    net.dilated.requires_grad_(False)
    volume = torch.rand(2, 1, 6, 32, 32, requires_grad=True)
    inflate(net, in_chans=1)(volume)[1].square().mean().backward()
    assert net.training
    assert not net.dilated.weight.requires_grad
    assert volume.grad is not None
    stem = net.stem[0]
    assert isinstance(stem, InflatedConv)
    assert stem.weight.grad is not None
    assert int(net.stem[1].num_batches_tracked) == 1, "trying it out changes no statistics"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("tf_efficientnet_b0", r"conv_stem \(Conv2dSame\)"),
        ("convnext_atto", r"stages_0\.blocks\.0"),
        ("swin_tiny_patch4_window7_224", "takes no image"),
    ],
)
def test_layers_that_nobody_can_inflate_are_named(name: str, layer: str) -> None:
    with pytest.raises(ContractError, match=rf"{name} cannot become three-dimensional: .*{layer}"):
        inflate(network(name), in_chans=1, name=name)


class Silent(nn.Module):
    """Computes something else on volumes without an error."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(1, 4, 3, padding=1), nn.Sequential(nn.Conv2d(4, 4, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.conv(x)
        return [x * self.gate(x.mean((2, 3), keepdim=True))]


def test_what_differs_without_an_error_is_found() -> None:
    with pytest.raises(ContractError, match=r"what it computes between its layers differs"):
        inflate(Silent(), in_chans=1)


@given(depth=st.integers(1, 12), kernel=st.integers(1, 7), stride=st.integers(1, 3), dilation=st.integers(1, 2))
def test_depth_is_divided_and_rounded_up(depth: int, kernel: int, stride: int, dilation: int) -> None:
    x = torch.arange(float(depth)).view(1, 1, depth, 1, 1)
    padded = pad_depth(x, kernel, stride, dilation)
    weight = torch.ones(1, 1, kernel, 1, 1)
    out = nn.functional.conv3d(padded, weight, stride=(stride, 1, 1), dilation=(dilation, 1, 1))
    assert out.shape[2] == -(-depth // stride)
    if kernel % 2:  # its middle lies over every stride-th slice
        middle = torch.zeros_like(weight)
        middle[0, 0, kernel // 2] = 1
        picked = nn.functional.conv3d(padded, middle, stride=(stride, 1, 1), dilation=(dilation, 1, 1))
        assert picked.flatten().tolist() == x[:, :, ::stride].flatten().tolist()
