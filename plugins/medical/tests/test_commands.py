from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hub.cli import main

pytestmark = pytest.mark.usefixtures("medical_command")


def test_export(shared_data: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "some"
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
        for file in sorted((shared_data("hippocampus") / folder).glob("*.nii.gz"))[:6]:
            (root / folder / file.name).symlink_to(file)
    out = tmp_path / "Dataset004_Hippocampus"
    names = "background,anterior,posterior"
    assert main(["medical", "export-nnunet", str(root), str(out), "--names", names, "--folds", "3"]) == 0
    assert "6 cases" in capsys.readouterr().out
    assert json.loads((out / "dataset.json").read_text())["labels"] == {"background": 0, "anterior": 1, "posterior": 2}
    assert len(json.loads((out / "splits_final.json").read_text())) == 3
    # What was written can be exported again, by its dataset.json.
    assert main(["medical", "export-nnunet", str(out), str(tmp_path / "again")]) == 0
    assert main(["medical", "export-nnunet", str(out), str(tmp_path / "again")]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_series(make_series: Callable[..., list[Path]], capsys: pytest.CaptureFixture[str]) -> None:
    files = make_series(np.zeros((4, 6, 7)))
    assert main(["medical", "series", str(files[0].parent)]) == 0
    assert "4 images: a volume of 7 × 6 × 4 voxels of 0.7 × 0.8 × 2.5 mm" in capsys.readouterr().out
    files[1].unlink()
    assert main(["medical", "series", str(files[0].parent)]) == 1
    assert "fetch the missing slices" in capsys.readouterr().out
