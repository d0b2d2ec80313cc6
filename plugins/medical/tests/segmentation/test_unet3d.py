"""The head of volumes: the hub's contract, its losses, its answers, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hub import BackboneSpec, Batch, Model, ResizeRule, create, load, register
from hub.errors import ContractError, OptionError
from hub.registry import unregister
from hub.testing import IMAGE_SIZE, check_task
from hub.weights import save
from hub_medical.segmentation.losses import voxel_losses
from hub_medical.segmentation.patch_result import PatchScores

NAMES = ["background", "head", "tail"]
TRUNK = {"in_chans": 4, "backbone": {"of": "mobilenetv3_small_050", "depth": 4}}


def make_model(**options: Any) -> Model:
    torch.manual_seed(0)
    small = {"widths": (4, 4, 8, 8, 16)}
    return create("unet3d/inflated", labels=NAMES, **{**TRUNK, **small, **options})


def make_batch(depth: int = 4, channels: int = 4, size: tuple[int, int] = (50, 36)) -> Batch:
    random = torch.Generator().manual_seed(0)
    images = torch.zeros(2, channels, 64, 64, dtype=torch.uint8)
    target = torch.full((2, depth, 64, 64), 255, dtype=torch.uint8)
    height, width = size
    images[..., :height, :width] = torch.randint(0, 256, (2, channels, height, width), generator=random)
    target[..., :height, :width] = torch.randint(0, 3, (2, depth, height, width), generator=random)
    sizes = torch.tensor([size, size])
    return Batch(images, sizes, sizes, ["a/000", "b/000"], maps={"semantic": target})


@pytest.mark.parametrize(
    "options", [{}, {"deep_supervision": True, "norm": "instance", "loss": {"focal": 1.0, "tversky": 0.5}}], ids=str
)
def test_contract(options: dict[str, Any]) -> None:
    target = np.zeros((2, 4, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    target[:, 1:3, 20:60, 30:80] = 1
    check_task("unet3d", backbone="inflated", targets={"semantic": target}, trunk=TRUNK, **options)


def test_it_learns_where_a_bright_box_is() -> None:
    model = make_model(loss={"cross_entropy": 1.0, "dice": 1.0}, deep_supervision=True)
    batch = make_batch()
    batch.images[:] = 40
    batch.maps["semantic"][:] = 0
    batch.images[:, 1:3, 8:24, 16:40] = 220
    batch.maps["semantic"][:, 1:3, 8:24, 16:40] = 2
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(50):
        optimizer.zero_grad()
        sum(model(batch)["unet3d"].values()).backward()  # type: ignore[union-attr]
        optimizer.step()
    model.train()
    with torch.no_grad():  # in batch statistics, which fifty steps do not settle
        found = model.heads["unet3d"].predict(model.features(batch), batch)["logits"].argmax(1)  # type: ignore[operator]
    truth = batch.maps["semantic"]
    both = ((found == 2) & (truth == 2)).sum()
    assert float(2 * both / ((found == 2).sum() + (truth == 2).sum())) > 0.8


def test_answers_have_the_size_of_the_file() -> None:
    model = make_model()
    found = model.predict(np.random.default_rng(0).integers(0, 256, (50, 36, 4), np.uint8)).result
    assert isinstance(found, PatchScores)
    assert found.probabilities.shape == (3, 4, 50, 36)
    torch.testing.assert_close(found.probabilities.sum(0).float(), torch.ones(4, 50, 36), atol=2e-3, rtol=0)
    assert sum(record["voxels"] for record in found.to_records()) == 4 * 50 * 36
    assert {record["label"] for record in found.to_records()} <= set(NAMES)


def test_what_lies_beyond_an_image_changes_nothing() -> None:
    model = make_model().eval()
    batch = make_batch()
    with torch.no_grad():
        before = model(batch)["unet3d"]["logits"][..., :50, :36]
        batch.images[..., 50:, :] = 200
        after = model(batch)["unet3d"]["logits"][..., :50, :36]
    torch.testing.assert_close(after, before)


def test_images_keep_their_size_and_checkpoints_know_it(tmp_path: Path) -> None:
    model = make_model().eval()
    assert model.preprocessing.resize == ResizeRule(shortest=None)
    with pytest.raises(OptionError, match="unet3d needs images with resize"):
        make_model(resize=ResizeRule(shortest=64))
    save(model, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    assert loaded.preprocessing == model.preprocessing
    image = np.random.default_rng(0).integers(0, 256, (33, 47, 4), np.uint8)
    assert torch.equal(loaded.predict(image).result.probabilities, model.predict(image).result.probabilities)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"loss": {"dcie": 1.0}}, "unknown loss 'dcie'. Did you mean dice"),
        ({"widths": (8, 8)}, "give 5 widths"),
        ({"from_levels": ("c1", "c2"), "widths": (8,)}, "the first must be c0"),
        ({"from_levels": ("c0", "c7"), "widths": (8,)}, "no level 'c7'"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        make_model(**options)


def test_labels_of_another_depth_are_refused() -> None:
    with pytest.raises(OptionError, match=r"for 4 slices.*\(3, 64, 64\)") as error:
        make_model()(make_batch(depth=3))
    assert "set in_chans" in str(error.value)


class Flat(torch.nn.Module):
    """A backbone of images with a map of their own size."""

    def __init__(self, pretrained: bool, in_chans: int) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Conv2d(in_chans, 4, 1), torch.nn.Conv2d(4, 4, 2, 2)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [self.a(x), self.b(self.a(x))]


def test_backbones_of_images_are_refused() -> None:
    with pytest.raises(OptionError, match="resnet18 has no level 'c0'"):
        create("unet3d/resnet18", labels=NAMES)
    register(BackboneSpec(name="flat", summary="of images", target=f"{__name__}:Flat"))
    try:
        model = create("unet3d/flat", labels=NAMES, from_levels=("c0", "c1"), widths=(4,), in_chans=4)
        with pytest.raises(ContractError, match="reads volumes"):
            model(make_batch())
    finally:
        unregister("flat", group="backbones")


def test_dice_is_monais() -> None:
    losses = pytest.importorskip("monai.losses")
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 6, 5, generator=random)
    target = torch.randint(0, 3, (2, 4, 6, 5), generator=random)
    found = voxel_losses({"dice": 1.0, "cross_entropy": 1.0}, {1.0: logits}, target)
    dice = losses.DiceLoss(softmax=True, to_onehot_y=True, batch=True, smooth_nr=0, smooth_dr=1e-7)
    torch.testing.assert_close(found["loss_dice"], dice(logits, target[:, None]))
    torch.testing.assert_close(found["loss_cross_entropy"], F.cross_entropy(logits, target))


def test_tversky_of_halves_is_dice_and_ignored_voxels_do_not_count() -> None:
    random = torch.Generator().manual_seed(1)
    logits = torch.randn(1, 3, 4, 6, 5, generator=random)
    target = torch.randint(0, 3, (1, 4, 6, 5), generator=random)
    weights = {"dice": 1.0, "tversky": 1.0, "cross_entropy": 1.0, "focal": 1.0}
    found = voxel_losses(weights, {1.0: logits}, target)
    torch.testing.assert_close(found["loss_tversky"], found["loss_dice"])
    more = torch.cat([target, torch.full_like(target[:, :1], 255)], 1)
    again = voxel_losses(weights, {1.0: torch.cat([logits, 9 * torch.randn(1, 3, 1, 6, 5)], 2)}, more)
    for name, value in found.items():
        torch.testing.assert_close(again[name], value)


def test_scales_are_averaged_by_their_shares() -> None:
    random = torch.Generator().manual_seed(2)
    fine, coarse = torch.randn(1, 2, 4, 4, 4, generator=random), torch.randn(1, 2, 2, 2, 2, generator=random)
    small = torch.randint(0, 2, (1, 2, 2, 2), generator=random)
    target = small.repeat_interleave(2, 1).repeat_interleave(2, 2).repeat_interleave(2, 3)
    found = voxel_losses({"cross_entropy": 3.0}, {0.75: fine, 0.25: coarse}, target)["loss_cross_entropy"]
    expected = 3 * (0.75 * F.cross_entropy(fine, target) + 0.25 * F.cross_entropy(coarse, small))
    torch.testing.assert_close(found, expected)
