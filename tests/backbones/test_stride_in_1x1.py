"""ResNets that downsample in the first 1 × 1 convolution of a bottleneck."""

from __future__ import annotations

import pytest
import torch

from hub.backbones.create import create_trunk
from hub.errors import OptionError


def test_weights_keep_their_names_and_levels_their_sizes_but_not_their_values() -> None:
    torch.manual_seed(0)
    # With zero-initialized norms at their end, the bottlenecks would not contribute anything.
    usual = create_trunk("resnet50", backbone={"zero_init_last": False}).eval()
    original = create_trunk("resnet50", backbone={"zero_init_last": False, "stride_in_1x1": True}).eval()
    original.load_state_dict(usual.state_dict())
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        expected, found = usual(image), original(image)
    assert original.strides == usual.strides
    assert {name: f.shape for name, f in found.items()} == {name: f.shape for name, f in expected.items()}
    torch.testing.assert_close(found["c2"], expected["c2"])  # the first stage does not downsample
    assert not torch.allclose(found["c3"], expected["c3"])


def test_the_first_convolution_of_a_downsampling_bottleneck_reads_every_other_pixel() -> None:
    trunk = create_trunk("resnet50", backbone={"stride_in_1x1": True})
    block = trunk.get_submodule("body.net.layer2.0")
    x = torch.randn(1, 256, 8, 8)
    sparse = torch.zeros_like(x)
    sparse[..., ::2, ::2] = x[..., ::2, ::2]
    with torch.inference_mode():
        first = block.get_submodule("conv1")
        assert torch.equal(first(x), first(sparse))
        assert first(x).shape[-2:] == (4, 4)


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto"])
def test_networks_without_bottlenecks_are_refused(name: str) -> None:
    with pytest.raises(OptionError, match="stride_in_1x1"):
        create_trunk(name, backbone={"stride_in_1x1": True})
