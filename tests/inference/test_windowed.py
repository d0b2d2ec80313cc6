"""Prediction of large images in windows, with heads whose results are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hub
from hub.contract import Batch, Windows
from hub.errors import OptionError
from hub.images import ResizeRule

LABELS = ["a", "b", "c"]


@pytest.fixture(scope="module")
def model() -> hub.Model:
    torch.manual_seed(0)
    return hub.create(
        "semantic-fpn/resnet18-fpn", labels=LABELS, channels=8, decoder_channels=8, resize=ResizeRule(32, 32)
    )


@pytest.fixture
def seen(model: hub.Model) -> Iterator[list[Batch]]:
    """The batches that the model is run on."""
    batches: list[Batch] = []
    hook = model.register_forward_pre_hook(lambda _, inputs: batches.append(inputs[0]))
    yield batches
    hook.remove()


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_an_image_keeps_its_own_resolution_and_all_windows_have_one_size(model: hub.Model, seen: list[Batch]) -> None:
    image = picture(150, 230)
    found = model.predict(image, windows=(64, 96), batch_size=4, precision="fp32").result
    assert found.classes.shape == (150, 230)
    assert all(batch.images.shape[1:] == (3, 64, 96) for batch in seen)
    assert sum(len(batch) for batch in seen) == 4 * 4
    assert max(len(batch) for batch in seen) == 4
    first, last = seen[0].images[0], seen[-1].images[-1]
    assert np.array_equal(first.permute(1, 2, 0).numpy(), image[:64, :96])
    assert np.array_equal(last.permute(1, 2, 0).numpy(), image[-64:, -96:])


def test_an_image_of_one_window_is_answered_as_without_windows(model: hub.Model) -> None:
    image = picture(64, 96)
    batch = model.prepare([image], resize=False)
    (whole,) = model.infer(batch, precision="fp32")["semantic-fpn"]
    (cut,) = model.infer(batch, precision="fp32", windows=Windows((64, 96)))["semantic-fpn"]
    assert torch.equal(whole.classes, cut.classes)  # type: ignore[attr-defined]


def test_a_smaller_image_is_padded_and_the_model_gets_its_size(model: hub.Model, seen: list[Batch]) -> None:
    found = model.predict(picture(40, 100), windows=64).result
    assert found.classes.shape == (40, 100)
    assert all(batch.images.shape[2:] == (64, 64) for batch in seen)
    assert all(batch.sizes.tolist() == [[40, 64]] * len(batch) for batch in seen)
    assert not seen[0].images[:, :, 40:].any()


def test_scaling_changes_the_windows_and_not_the_size_of_the_result(model: hub.Model, seen: list[Batch]) -> None:
    found = model.predict(picture(200, 300), windows=Windows(64, scale=0.32, overlap=0)).result
    assert found.classes.shape == (200, 300)
    assert sum(len(batch) for batch in seen) == 2  # of 64 × 96


def test_images_of_a_batch_are_cut_each_at_its_own_size_and_keep_their_ids(model: hub.Model) -> None:
    batch = model.prepare([picture(70, 90), picture(64, 130)], resize=False)
    batch.ids = [7, "x.png"]
    found = model.infer(batch, windows=Windows(64))["semantic-fpn"]
    assert [(r.image_id, r.size) for r in found] == [(7, (70, 90)), ("x.png", (64, 130))]
    alone = model.infer(model.prepare([picture(70, 90)], resize=False), windows=Windows(64))["semantic-fpn"]
    assert torch.equal(found[0].classes, alone[0].classes)  # type: ignore[attr-defined]


def test_lists_of_images_and_the_models_mode_are_kept(model: hub.Model) -> None:
    model.train()
    found = model.predict([picture(70, 64), picture(64, 70)], windows=64)
    assert [(p.result.image_id, p.result.size) for p in found] == [(0, (70, 64)), (1, (64, 70))]
    assert model.training


def test_every_head_answers_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    both: Any = hub.create(
        "faster-rcnn+semantic-fpn/resnet18-fpn",
        labels={"faster-rcnn": LABELS, "semantic-fpn": LABELS},
        channels=8,
        resize=ResizeRule(64, 64),
    )
    runs: list[int] = []
    both.trunk.register_forward_hook(lambda *_: runs.append(1))
    found = both.predict(picture(64, 96), windows=64, batch_size=8)
    assert len(runs) == 1
    assert isinstance(found["faster-rcnn"], hub.Detections)
    assert isinstance(found["semantic-fpn"], hub.SemanticMap)


def test_a_head_without_windows_is_refused_before_anything_is_computed() -> None:
    other: Any = hub.create("classification/resnet18", labels=LABELS, resize=ResizeRule(64, 64))
    other.trunk.register_forward_hook(lambda *_: pytest.fail("it was computed"))
    with pytest.raises(OptionError, match="Classification cannot predict in windows"):
        other.predict(picture(64, 96), windows=64)


def test_sides_that_the_strides_do_not_divide_are_refused_with_those_that_do(model: hub.Model) -> None:
    with pytest.raises(OptionError, match=r"100×64 pixels do not fit[\s\S]*use 128×64"):
        model.predict(picture(64, 64), windows=(100, 64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "sides"),
        ({"size": (64, 64, 64)}, "3 sides"),
        ({"size": 64, "overlap": 1.0}, "overlap by 1.0"),
        ({"size": 64, "overlap": -0.1}, "overlap by -0.1"),
        ({"size": 64, "scale": 0.0}, "scaled by 0.0"),
        ({"size": 64, "scale": float("nan")}, "scaled by nan"),
        ({"size": 64, "weights": "gausian"}, "gaussian, constant"),
        ({"size": 64, "batch_size": 0}, "batch size"),
    ],
)
def test_windows_that_there_cannot_be_are_refused_when_asked_for(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Windows(**options)


def test_a_file_is_predicted_from_its_parts_as_from_its_pixels(model: hub.Model, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="the optional dependency tifffile is not installed")
    image = picture(150, 230)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(64, 64), photometric="rgb")
    expected = model.predict(image, windows=(64, 96), precision="fp32").result
    found = model.predict(tmp_path / "a.tif", windows=(64, 96), precision="fp32").result
    assert torch.equal(found.classes, expected.classes)  # type: ignore[attr-defined]
    assert found.image_id == str(tmp_path / "a.tif")
