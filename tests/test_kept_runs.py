"""Runs of earlier formats are kept in tests/data_files: from the first release on, later versions must use them."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import hub
from hub.engine import Run
from hub.errors import CheckpointError
from hub.weights import read_header
from hub.weights.checkpoint import FORMAT

FILES = Path(__file__).parent / "data_files"
KEPT = sorted(FILES.glob("run_format_*"))


@pytest.fixture(scope="module")
def make_run() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_run", FILES / "make_run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=KEPT, ids=lambda folder: folder.name)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy to write to."""
    return Path(shutil.copytree(request.param, tmp_path / "kept"))


def expected(kept: Path) -> dict[str, Any]:
    return dict(json.loads((kept / "expected.json").read_text(encoding="utf-8")))


def test_a_run_of_the_present_format_is_kept() -> None:
    assert FILES / f"run_format_{FORMAT}" in KEPT, "run tests/data_files/make_run.py"
    size = sum(file.stat().st_size for file in KEPT[-1].rglob("*") if file.is_file())
    assert size < 300_000


def test_it_predicts_what_it_predicted(kept: Path, make_run: ModuleType) -> None:
    found = make_run.predictions(hub.load(kept / "run"))
    assert found.keys() == expected(kept)["predictions"].keys()
    for name, values in expected(kept)["predictions"].items():
        assert found[name] == pytest.approx(values, rel=1e-3), name


def test_it_is_evaluated(kept: Path) -> None:
    found = Run(kept / "run").evaluate(overrides={"data.root": str(kept / "data")})
    assert found.keys() == expected(kept)["metrics"].keys()
    for head, metrics in expected(kept)["metrics"].items():
        assert found[head].metrics == pytest.approx(metrics, rel=0.05, abs=1e-3, nan_ok=True)


def test_it_is_resumed_where_it_stopped(kept: Path, make_run: ModuleType) -> None:
    run = hub.train(kept / "run", resume=True, **{"data.root": str(kept / "data")})
    found = make_run.losses(run.metrics)
    assert max(found) == make_run.STEPS
    for step, loss in expected(kept)["losses"].items():
        assert found[int(step)] == pytest.approx(loss, rel=0.02), f"step {step}"


def test_an_older_format_is_refused_with_its_number(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    file = tmp_path / "old.safetensors"
    save_file({}, file, {"backbone_hub": json.dumps({"format": 1})})
    with pytest.raises(CheckpointError, match=f"has format 1 .* this version reads format {FORMAT}"):
        read_header(file)
