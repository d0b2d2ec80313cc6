"""What the README shows must work exactly as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```\w+\n# (\S+\.(?:toml|py))\n(.*?)```", README, re.S))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The README's plugin, installed by pip as a distribution of its own."""
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


def test_the_plugin_is_whole_and_short() -> None:
    assert list(FILES) == ["pyproject.toml", "hub_counting/__init__.py", "hub_counting/head.py"]
    assert sum(len(text.strip().splitlines()) + 1 for text in FILES.values()) < 60


def test_the_plugin_is_listed_and_can_be_switched_off(site: Path, tmp_path: Path) -> None:
    assert "hub-counting 0.1" in hub("list", site=site, cwd=tmp_path)
    assert "counting" not in hub("list", site=site, cwd=tmp_path, HUB_DISABLE_PLUGINS="1")


def test_the_plugin_trains_by_the_readmes_command(site: Path, tmp_path: Path) -> None:
    command = re.search(r"`hub (train configs/quickstart\.yaml model\.name=counting.*?)` trains it", README, re.S)
    assert command is not None
    words = command[1].replace("'", "").split()
    small = {"train": 12, "val": 4, "size": 64}
    quick = [
        "train.steps=3", "train.batch=4", "train.log_every=1", "data.workers=0",
        *(f"data.{split}.{key}={value}" for split in ("train", "val") for key, value in small.items()),
    ]  # fmt: skip
    log = hub(*words, *quick, site=site, cwd=tmp_path)
    assert "step 3/3" in log
    assert "loss_count" in log
    assert "exact" in log
    assert (tmp_path / "runs/quickstart/predictions.png").exists()


def test_the_plugin_keeps_the_contract(site: Path, tmp_path: Path) -> None:
    code = "from hub.testing import check_task; check_task('counting')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_path_that_the_readme_names_exists() -> None:
    for path in set(re.findall(r"(?:configs|docs|hub)/[\w./-]+\.(?:yaml|png|py)", README)):
        assert (ROOT / path).exists(), path
