"""Models whose head is local code: registered in the process that makes the checkpoint, not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import hub
from hub import registry, weights
from hub.errors import BrokenPluginError, CheckpointError
from hub.registry.local_code import ALLOW_VARIABLE

MODULE = """
import hub
from hub_detection.two_stage.faster_rcnn import FasterRCNN

class MyHead(FasterRCNN):
    pass
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[hub.TaskSpec]:
    """A head in a module of the current folder, which is not on the path."""
    (tmp_path / "my_local_head.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    yield hub.TaskSpec(name="my-head", kind="detection", summary="mine", target="my_local_head:MyHead")
    forget()


def forget() -> None:
    """Start with the plugins of a new process."""
    for name in ("my-head", "fpn"):
        registry.unregister(name)
    sys.modules.pop("my_local_head", None)


def saved(spec: hub.TaskSpec, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with monkeypatch.context() as patch:
        patch.syspath_prepend(folder)
        hub.register(spec)
        model = hub.create_model("my-head/resnet18-fpn", labels=["a"], channels=8)
        file = weights.save(model, folder / "model.safetensors")
    forget()
    return file


def test_a_checkpoint_of_an_installed_head_records_nothing() -> None:
    model = hub.create_model("faster-rcnn/resnet18-fpn", labels=["a"], channels=8)
    assert list(model.recipe.local_plugins) == []


def test_a_checkpoint_names_the_local_code_that_it_needs(
    spec: hub.TaskSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = saved(spec, tmp_path, monkeypatch)
    with pytest.raises(CheckpointError, match="task 'my-head' of this model is local code, my_local_head:MyHead"):
        hub.load(file)
    assert "my_local_head" not in sys.modules, "nothing was imported"


def test_local_code_is_imported_when_it_is_allowed(
    spec: hub.TaskSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = saved(spec, tmp_path, monkeypatch)
    monkeypatch.setenv(ALLOW_VARIABLE, "1")
    model = hub.load(file)
    assert model.predict(np.zeros((32, 32, 3), np.uint8)).result.size == (32, 32)
    assert type(model.heads["my-head"]).__module__ == "my_local_head"
    (tmp_path / "my_local_head.py").write_text("1 / 0", encoding="utf-8")
    forget()
    with pytest.raises(BrokenPluginError, match="module my_local_head cannot be imported: ZeroDivisionError"):
        hub.load(file)


def test_what_is_registered_already_needs_no_permission(
    spec: hub.TaskSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = saved(spec, tmp_path, monkeypatch)
    monkeypatch.syspath_prepend(tmp_path)
    hub.register(spec)
    assert list(hub.load(file).heads) == ["my-head"]


def test_a_neck_that_takes_the_place_of_an_installed_one_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    neck = hub.NeckSpec(name="fpn", summary="mine", target="hub.necks.fpn:FPN", levels=("p2", "p3", "p4", "p5", "p6"))
    hub.register(neck, replace=True)
    recipe = hub.create_model("faster-rcnn/resnet18-fpn", labels=["a"], channels=8).recipe
    registry.unregister("fpn")
    with pytest.raises(CheckpointError, match="the neck 'fpn' of this model is local code"):
        weights.checkpoint.build(weights.checkpoint.ModelPlan.of(recipe))
    monkeypatch.setenv(ALLOW_VARIABLE, "1")
    again = weights.checkpoint.ModelPlan.of(type(recipe).from_dict(recipe.to_dict()))
    assert again.recipe == recipe
    registry.unregister("fpn")
