from __future__ import annotations

from pathlib import Path

import pytest
import torch

import hub
from hub.backbones.trunk import Provenance
from hub.errors import CheckpointMismatchError
from hub.images import ResizeRule
from hub.model import Model
from hub.preprocessing import Preprocessing
from hub.weights import save, transfer


def detector(labels: list[str], backbone: str = "resnet18", **options: object) -> Model:
    return hub.create(
        f"faster-rcnn/{backbone}-fpn", labels=labels, channels=16, **{"box_head_fc_channels": 32, **options}
    )


def test_preprocessing_and_provenance_are_copied_with_the_weights(tmp_path: Path) -> None:
    source, model = detector(["cat"]), detector(["cat"])
    source.preprocessing = Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3, resize=ResizeRule(100, 100))
    source.trunk.provenance = Provenance("resnet18", "tv_in1k", "somewhere", "bsd-3-clause")
    path = save(source, tmp_path / "a.safetensors")
    transfer(model, path)
    assert model.preprocessing.mean == (0.5,) * 3
    assert model.preprocessing.resize == ResizeRule()
    # The weights are the checkpoint's, not those that it started from.
    expected = Provenance("resnet18", "tv_in1k", f"{path}, which started from somewhere", "bsd-3-clause")
    assert model.trunk.provenance == expected


def test_class_rows_are_copied_by_name_and_reported(tmp_path: Path) -> None:
    source, model = detector(["cat", "dog", "cow"]), detector(["dog", "owl", "cat"])
    fresh = model.state_dict()["heads.faster-rcnn.box_head.cls_score.weight"].clone()
    report = transfer(model, save(source, tmp_path / "a.safetensors"))
    theirs, own = (m.state_dict() for m in (source, model))
    score, box = (f"heads.faster-rcnn.box_head.{n}.weight" for n in ("cls_score", "bbox_pred"))
    # Background is row 0; dog moves from 2 to 1, cat from 1 to 3, owl is new.
    for here, there in ((0, 0), (1, 2), (3, 1)):
        assert torch.equal(own[score][here], theirs[score][there])
        assert torch.equal(own[box][here * 4 : here * 4 + 4], theirs[box][there * 4 : there * 4 + 4])
    assert torch.equal(own[score][2], fresh[2])
    others = [n for n in own if "cls_score" not in n and "bbox_pred" not in n]
    assert all(torch.equal(own[n], theirs[n]) for n in others)
    assert report.matched == {"faster-rcnn": ["dog", "cat"]}
    assert report.new == {"faster-rcnn": ["owl"]}
    assert "copied labels: dog, cat; new labels: owl" in str(report)


def test_tensors_of_other_shapes_are_not_copied_but_reported(tmp_path: Path) -> None:
    source, model = detector(["a"]), detector(["a"], box_head_fc_channels=16)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    report = transfer(model, save(source, tmp_path / "a.safetensors"))
    layer = "heads.faster-rcnn.box_head.cls_score.weight"
    assert report.initialized[layer] == "shape (2, 32) there, (2, 16) here"
    assert torch.equal(model.state_dict()[layer], before[layer])


def test_a_checkpoint_of_another_backbone_is_rejected(tmp_path: Path) -> None:
    path = save(detector(["a"]), tmp_path / "a.safetensors")
    model = detector(["a"], backbone="mobilenetv3_small_100")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(CheckpointMismatchError, match="shares no weights"):
        transfer(model, path)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
