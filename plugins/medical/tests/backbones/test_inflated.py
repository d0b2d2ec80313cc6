"""The backbone of volumes, as the hub makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from hub import create
from hub.errors import ContractError, OptionError, UnknownNameError


def test_features_are_volumes() -> None:
    trunk = create("inflated", in_chans=8, backbone={"of": "resnet18", "depth": 4})
    assert trunk.strides == {"c0": 1, "c1": 2, "c2": 4, "c3": 8, "c4": 16, "c5": 32}
    features = trunk(torch.rand(2, 8, 64, 96))
    assert {level: tuple(f.shape) for level, f in features.items()} == {
        "c0": (2, 2, 4, 64, 96),
        "c1": (2, 64, 2, 32, 48),
        "c2": (2, 64, 1, 16, 24),
        "c3": (2, 128, 1, 8, 12),
        "c4": (2, 256, 1, 4, 6),
        "c5": (2, 512, 1, 2, 3),
    }


def test_channels_of_a_slice_follow_each_other() -> None:
    trunk = create("inflated", in_chans=6, backbone={"of": "resnet18", "depth": 3}, levels=("c0",)).eval()
    volume = trunk(torch.arange(6.0).view(1, 6, 1, 1).expand(1, 6, 32, 32))["c0"]
    assert volume[0, :, :, 0, 0].tolist() == [[0, 2, 4], [1, 3, 5]]


def test_weights_of_images_with_their_preprocessing_and_origin(tmp_path: Path) -> None:
    flat = timm.create_model("resnet18")
    save_file(flat.state_dict(), tmp_path / "flat.safetensors")
    options = {"of": "resnet18.a1_in1k", "depth": 5, "depth_strides": [1, 1, 2, 2, 2]}
    trunk = create("inflated", pretrained=tmp_path / "flat.safetensors", in_chans=5, backbone=options)
    weight = trunk.state_dict()["body.net.net.layer1.0.conv1.weight"]
    torch.testing.assert_close(weight, flat.layer1[0].conv1.weight.detach()[:, :, None].expand_as(weight) / 3)
    assert trunk.provenance.backbone == "resnet18"
    assert trunk.provenance.source.endswith("flat.safetensors")
    assert trunk.preprocessing.mean == pytest.approx((0.449,) * 5, abs=1e-3)
    assert trunk.preprocessing.std == pytest.approx((0.226,) * 5, abs=1e-3)
    assert trunk.preprocessing.in_chans == 5


def test_norm_and_freezing_work_as_on_any_backbone() -> None:
    backbone = {"of": "resnet18", "depth": 4, "options": {"zero_init_last": False}}
    trunk = create("inflated", in_chans=4, norm="group", freeze=2, backbone=backbone)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in trunk.modules())
    trains = {name.split(".")[3] for name, p in trunk.named_parameters() if p.requires_grad}
    assert trains == {"layer2", "layer3", "layer4"}
    sum(f.mean() for f in trunk(torch.rand(1, 4, 64, 64)).values()).backward()


@pytest.mark.parametrize(
    ("in_chans", "options", "said"),
    [
        (15, {"of": "resnet18", "depth": 16}, ["in_chans is 15", "set in_chans to 16, or depth to 15"]),
        (3, {"of": "resnet18"}, ["lacks the option depth", "{of: resnet18, depth: 16}"]),
        (3, {"depth": 3}, ["lacks the option of"]),
        (3, {"of": "resnet18", "deph": 3}, ["no option 'deph'", "Did you mean depth"]),
        (4, {"of": "resnet18", "depth": 4, "depth_kernel": 2}, ["depth_kernel is 2", "1, 3, 5"]),
        (4, {"of": "resnet18", "depth": 4, "depth_strides": [4, 1]}, ["depth_strides are [4, 1]", "1 or 2"]),
        (4, {"of": "resnet18", "depth": 4, "options": {"zero": 1}}, ["does not accept the backbone option 'zero'"]),
    ],
)
def test_options_that_do_not_fit(in_chans: int, options: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(OptionError) as error:
        create("inflated", in_chans=in_chans, backbone=options)
    for words in said:
        assert words in str(error.value)


def test_networks_that_there_are_not_or_that_cannot_be_inflated() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean resnet18"):
        create("inflated", in_chans=4, backbone={"of": "resnet1", "depth": 4})
    with pytest.raises(ContractError, match="tf_efficientnet_b0 cannot become three-dimensional"):
        create("inflated", in_chans=4, backbone={"of": "tf_efficientnet_b0", "depth": 4})
