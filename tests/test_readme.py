"""The examples of the README and of docs/plugins.md work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PLUGINS = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```\w+\n# (\S+\.(?:toml|py))\n(.*?)```", re.DOTALL)
FILES = dict(BLOCK.findall(PLUGINS))
TINY = {"train": 12, "val": 4, "size": 64}
QUICK = {
    "train.steps": 3, "train.batch": 4, "train.log_every": 1, "train.evaluate_every": 3, "data.workers": 0,
    **{f"data.{split}.{key}": value for split in ("train", "val") for key, value in TINY.items()},
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin of docs/plugins.md, installed by pip as a distribution."""
    source, site = tmp_path_factory.mktemp("counting"), tmp_path_factory.mktemp("site")
    for name, text in FILES.items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text, encoding="utf-8")
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site), str(source)]
    done = subprocess.run([sys.executable, "-m", *install], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return site


def hub(*words: str, site: Path, cwd: Path, **extra: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200", "OMP_NUM_THREADS": "1", **extra}
    done = subprocess.run(
        [sys.executable, "-m", "hub", *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_plugin_is_complete_and_short() -> None:
    assert list(FILES) == ["pyproject.toml", "hub_counting/__init__.py", "hub_counting/head.py"]
    assert sum(len(text.strip().splitlines()) + 1 for text in FILES.values()) < 60


def test_the_plugin_is_listed_and_can_be_switched_off(site: Path, tmp_path: Path) -> None:
    assert "hub-counting 0.1" in hub("list", site=site, cwd=tmp_path)
    assert "counting" not in hub("list", site=site, cwd=tmp_path, HUB_DISABLE_PLUGINS="1")


def test_the_plugin_trains_with_the_documented_command(site: Path, tmp_path: Path) -> None:
    command = re.search(r"`hub (train configs/quickstart\.yaml model\.name=counting.*?)` trains it", PLUGINS, re.DOTALL)
    assert command is not None
    words = command[1].replace("'", "").split()
    quick = [f"{key}={value}" for key, value in QUICK.items()]
    log = hub(*words, *quick, site=site, cwd=tmp_path)
    assert "step 3/3" in log
    assert "loss_count" in log
    assert "exact" in log
    assert (tmp_path / "runs/quickstart/predictions.png").exists()


def test_the_plugin_fulfills_the_contract(site: Path, tmp_path: Path) -> None:
    code = "from hub.testing import check_task; check_task('counting')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_python_example_trains_evaluates_and_predicts(tmp_path: Path) -> None:
    example = dict(BLOCK.findall(README))["train.py"]
    assert 'hub.train("quickstart", out="runs/first")' in example
    code = example.replace('out="runs/first"', f'out="runs/first", **{QUICK}')
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs/first/best.safetensors").exists()


PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/results.md", "docs/plugins.md")
FOLDERS = r"(?<![\w/])(?:configs|docs|hub|tasks|plugins|tests)"


@pytest.mark.parametrize("page", PAGES)
def test_every_path_in_a_page_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    paths = set(re.findall(FOLDERS + r"/[\w./-]+\.(?:yaml|jpg|png|py|md)", text))
    for path in paths:
        assert (ROOT / path).exists(), path
