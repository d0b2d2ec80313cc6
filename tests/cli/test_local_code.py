"""A head in one local file, from the config to predictions, without an installed package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hub import registry
from hub.cli import main
from hub.data.formats.shapes import generate_shapes
from hub.registry.local_code import ALLOW_VARIABLE

MODULE = """
import hub
from hub_segmentation.semantic_fpn import SemanticFPN

class MyHead(SemanticFPN):
    pass

hub.register(hub.TaskSpec(name="my-head", kind="segmentation", summary="mine", target="my_one_file:MyHead"))
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A config in the current folder beside the module that it names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(ALLOW_VARIABLE, "0")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    generate_shapes(tmp_path / "shapes", train=4, val=2, size=64)
    (tmp_path / "my_one_file.py").write_text(MODULE, encoding="utf-8")
    size = {"format": "shapes", "train": 4, "val": 2, "size": 64}
    content = {
        "plugins": ["my_one_file"],
        "model": {"name": "my-head/resnet18-fpn", "channels": 8, "resize": {"shortest": 64, "longest": 64}},
        "data": {
            "root": str(tmp_path / "shapes"),
            "train": {**size, "split": "train"},
            "val": {**size, "split": "val"},
            "workers": 0,
        },
        "train": {"batch": 2, "steps": 1, "lr": 0.01},
    }
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    yield file
    forget()


def forget() -> None:
    """Start with the plugins of a new process."""
    registry.unregister("my-head")
    sys.modules.pop("my_one_file", None)


def test_it_is_imported_only_if_the_user_allows_it(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(config), "--out", "run"]) == 2
    err = capsys.readouterr().err
    assert "plugins names local code to import: my_one_file" in err
    assert "add --allow-local-code" in err
    assert "my_one_file" not in sys.modules


def test_train_evaluate_and_predict(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = str(config.parent / "shapes")
    assert main(["train", str(config), "--out", "run", "--allow-local-code"]) == 0
    forget()
    monkeypatch.setenv(ALLOW_VARIABLE, "0")
    capsys.readouterr()
    assert main(["predict", "run", images, "--out", "out"]) == 2
    assert "task 'my-head' of this model is local code, my_one_file:MyHead" in capsys.readouterr().err
    assert main(["predict", "run", images, "--out", "out", "--allow-local-code"]) == 0
    forget()
    assert main(["evaluate", "run"]) == 0, "the variable is still set"
    assert (config.parent / "run/evaluation/evaluation.json").exists()
