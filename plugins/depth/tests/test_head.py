"""The head keeps the hub's contract, alone and beside others."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from hub import Batch, create
from hub.errors import DataError, OptionError
from hub.testing import IMAGE_SIZE, check_task

SMALL: dict[str, Any] = {"channels": 16, "width": 16}


@pytest.fixture
def target() -> np.ndarray:
    """Two maps, unknown in places."""
    depth = np.random.default_rng(0).uniform(0.5, 9, (2, IMAGE_SIZE, IMAGE_SIZE)).astype(np.float32)
    depth[:, :20], depth[:, 30:40], depth[:, 50:60] = np.nan, 0, -1
    return depth


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"loss": {"l1": 1.0, "log_l1": 0.5, "berhu": 2.0}},
        {"from_levels": ("p5", "p3"), "width": 6, "typical": 2000.0},
        {"backbone": "resnet18", "from_levels": ("c2", "c4")},
        {"backbone": "vit_tiny_patch16_224-fpn"},
    ],
)
def test_the_contract(options: dict[str, Any], target: np.ndarray) -> None:
    if "vit" in options.get("backbone", ""):
        options = {**options, "from_levels": ("p3", "p4")}
    check_task("depth", targets={"depth": target}, **options)


def test_an_untrained_head_answers_about_the_typical_depth() -> None:
    model = create("depth/resnet18-fpn", typical=700.0, **SMALL)
    found = model.predict(np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)).result
    assert found.depth.shape == found.size == (50, 70)
    assert found.depth.dtype == torch.float32
    assert found.depth.median().item() == pytest.approx(700, rel=0.2)
    assert (found.depth > 0).all()


@pytest.mark.parametrize("extreme", [-1e6, 1e6])
def test_no_weights_make_depth_zero_or_infinite(extreme: float) -> None:
    model = create("depth/resnet18-fpn", **SMALL)
    model.heads["depth"].predictor.bias.data.fill_(extreme)
    depth = model.predict(np.zeros((32, 32, 3), np.uint8)).result.depth
    assert depth.isfinite().all()
    assert (depth > 0).all()


def test_results_are_the_part_inside_the_padding_at_the_size_of_the_file() -> None:
    """A plane that rises from left to right stays one; what lies in the padding must not leak in."""
    head = create("depth/resnet18-fpn", **SMALL).heads["depth"]
    across = torch.arange(32, dtype=torch.float32) * 4 + 2  # at stride 4, the x of each cell's center
    depth = across.expand(1, 32, 32).clone()
    depth[:, :, 24:] = 1e6  # beyond the image's 88 columns, with the two cells that interpolation reaches
    batch = Batch(
        images=torch.zeros(1, 3, 128, 128, dtype=torch.uint8), sizes=torch.tensor([[64, 88]]),
        original_sizes=torch.tensor([[128, 264]]), ids=["x"],
    )  # fmt: skip
    (found,) = head.results({"depth": depth}, batch)
    assert (found.image_id, found.size, tuple(found.depth.shape)) == ("x", (128, 264), (128, 264))
    expected = (torch.arange(264) + 0.5) / 3
    torch.testing.assert_close(found.depth[:, 9:-9], expected[9:-9].expand(128, -1))


def test_what_lies_far_away_in_a_batch_changes_nothing() -> None:
    """Padding, say, or its absence: an image has one depth, whatever others share its batch."""
    head = create("depth/resnet18-fpn", from_levels=("p2", "p3"), **SMALL).heads["depth"]
    torch.nn.init.normal_(head.predictor.weight)
    random = torch.Generator().manual_seed(0)
    features = {"p2": torch.randn(1, 16, 16, 64, generator=random), "p3": torch.randn(1, 16, 8, 32, generator=random)}
    padded = {level: torch.where(torch.arange(f.shape[3]) < f.shape[3] // 2, f, 9.0) for level, f in features.items()}
    torch.testing.assert_close(head.depth(padded)[..., :24], head.depth(features)[..., :24])


def test_records_are_plain_and_the_file_is_the_map() -> None:
    import io

    found = create("depth/resnet18-fpn", **SMALL).predict(np.zeros((40, 60, 3), np.uint8)).result
    (record,) = json.loads(json.dumps(found.to_records()))
    assert record["nearest"] <= record["median"] <= record["farthest"]
    ((suffix, content),) = found.files().items()
    assert suffix == ".npy"
    np.testing.assert_array_equal(np.load(io.BytesIO(content)), found.depth.numpy())


def test_beside_a_detector(target: np.ndarray) -> None:
    """One trunk, one pass; only the detector has labels, and each learns from what the batch has."""
    model = create("faster-rcnn+depth/resnet18-fpn", labels=["cat"], channels=16)
    found = model.predict(np.zeros((64, 96, 3), np.uint8))
    assert set(found) == {"faster-rcnn", "depth"}
    assert found["depth"].depth.shape == (64, 96)
    batch = Batch(
        images=torch.zeros(2, 3, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8),
        sizes=torch.full((2, 2), IMAGE_SIZE), original_sizes=torch.full((2, 2), IMAGE_SIZE),
        maps={"depth": torch.from_numpy(target)},
    )  # fmt: skip
    assert set(model.train()(batch)) == {"depth"}


def test_wrong_options_are_named() -> None:
    with pytest.raises(OptionError, match="no loss 'silgo'. Did you mean silog"):
        create("depth/resnet18-fpn", loss={"silgo": 1.0})
    with pytest.raises(OptionError, match="typical"):
        create("depth/resnet18-fpn", typical=0)


def test_a_batch_without_depth_is_named() -> None:
    model = create("depth/resnet18-fpn", **SMALL)
    batch = model.prepare([np.zeros((32, 32, 3), np.uint8)])
    with pytest.raises(DataError, match="depth"):
        model.heads["depth"].losses(model.features(batch), batch)
