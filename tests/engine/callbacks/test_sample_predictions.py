"""Which images are drawn, and that annotations and predictions are beside each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import hub
from hub.contract import Detections
from hub.data.formats.shapes import Shapes, ShapesOptions
from hub.engine.callbacks.sample_predictions import _visible_score, draw_predictions, informative_images
from hub.labels import LabelSpace


def shapes(root: Path) -> Shapes:
    return Shapes(ShapesOptions(root=str(root / "shapes"), split="val", train=1, val=6, size=64))


def detections(*scores: float) -> Detections:
    count = len(scores)
    boxes, labels = torch.zeros(count, 4), torch.zeros(count, dtype=torch.int64)
    return Detections(
        image_id=1, size=(8, 8), boxes=boxes, scores=torch.tensor(scores), labels=labels, label_space=LabelSpace(("a",))
    )


def test_images_without_objects_are_not_chosen(tmp_path: Path) -> None:
    data = shapes(tmp_path)
    assert informative_images(data, 3) == [0, 2, 5]
    first = data.instances.offsets[1]
    data.instances.usable[:first] = False  # nothing is left in the first image
    assert informative_images(data, 8) == [1, 2, 3, 4, 5]
    data.instances.usable[:] = False
    assert informative_images(data, 8) == [0, 1, 2, 3, 4, 5]


def test_the_best_detections_of_a_weak_model_are_visible() -> None:
    assert _visible_score(detections(0.75, 0.25)) == 0.5
    assert _visible_score(detections(0.25, 0.125, 0.0625, 0.03125)) == 0.0625
    assert _visible_score(detections()) == 0.5


def test_each_head_has_its_annotations_beside_its_predictions(tmp_path: Path) -> None:
    data = shapes(tmp_path)
    names = data.label_spaces["instances"].names
    torch.manual_seed(0)
    model = hub.create_model(
        "faster-rcnn+classification/resnet18-fpn",
        labels={"faster-rcnn": names, "classification": names},
        channels=16,
        heads={"faster-rcnn": {"box_head_fc_channels": 32}},
        resize=hub.ResizeRule(64, 64),
    ).eval()
    picture = draw_predictions(model, data, count=2, precision="fp32")
    assert picture.dtype == np.uint8
    rows, columns = picture.shape[0] // 320, picture.shape[1] // 320
    assert (rows, columns) == (2, 4)  # a row per head: two images, each annotated and predicted
