from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import hub
from hub.errors import CheckpointError, CheckpointMismatchError
from hub.images import ResizeRule
from hub.model import Model
from hub.weights import find_checkpoint, load, load_state, read_header, save

SMALL = {"channels": 16, "box_head_fc_channels": 32, "detections_per_img": 5}


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    labels = hub.LabelSpace(("cat", "dog"), (17, 18))
    return hub.create("faster-rcnn/resnet18-fpn", labels=labels, resize=ResizeRule(64, 64), norm="frozen", **SMALL)


def test_a_loaded_model_needs_no_config_and_predicts_the_same(model: Model, tmp_path: Path) -> None:
    path = save(model, tmp_path / "best.safetensors", step=7)
    again = load(path)
    assert again.recipe == model.recipe
    assert again.recipe.heads["faster-rcnn"]["box_batch_size_per_image"] == 512, "defaults are kept as well"
    assert again.labels["faster-rcnn"].ids == (17, 18)
    assert again.preprocessing == model.preprocessing
    assert again.trunk.provenance == model.trunk.provenance
    assert not again.training
    assert read_header(path)["notes"] == {"step": 7}
    image = torch.randint(0, 255, (50, 60, 3), dtype=torch.uint8).numpy()
    model.eval()
    a, b = (m.predict(image, precision="fp32").result for m in (model, again))
    assert torch.equal(a.boxes, b.boxes)
    assert torch.equal(a.scores, b.scores)


def test_a_run_folder_gives_its_best_checkpoint(model: Model, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no best"):
        find_checkpoint(tmp_path)
    last = save(model, tmp_path / "last.safetensors")
    assert find_checkpoint(tmp_path) == last
    best = save(model, tmp_path / "best.safetensors")
    assert find_checkpoint(tmp_path) == best


@pytest.mark.parametrize("keep", [0, 5, 400, -10])
def test_a_truncated_file_is_named(model: Model, tmp_path: Path, keep: int) -> None:
    path = save(model, tmp_path / "m.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"m\.safetensors cannot be read: it is truncated"):
        load(path)


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        load(tmp_path / "none.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="not a checkpoint of backbone-hub"):
        load(tmp_path / "foreign.safetensors")


def test_another_models_tensors_are_rejected_completely(model: Model) -> None:
    other = hub.create("faster-rcnn/resnet18-fpn", labels=["a", "b", "c"], **SMALL)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(CheckpointMismatchError, match=r"cls_score\.weight has shape \(4, 32\) instead of \(3, 32\)"):
        load_state(model, other.state_dict(), source="x.safetensors")
    with pytest.raises(CheckpointMismatchError, match="is missing"):
        load_state(model, {}, source="x.safetensors")
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
