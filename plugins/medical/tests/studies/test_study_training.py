"""A table of studies through the hub's own training, evaluation and prediction."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hub import create, load
from hub.engine import Request, Run, Trainer, evaluate, open_sources, reader_of, strategy_for, world
from hub.engine.config import Config, parse_config
from hub_medical.commands import Medical
from hub_medical.errors import PatientOverlapError

SLICES = 4


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    """Folders of 3 to 6 gray slices of noise with stripes in one of them: upright ones are the finding."""
    random = np.random.default_rng(0)
    lines = ["path,person,part,nodule"]
    stripes = np.tile(np.array([0, 0, 160, 160], np.uint8), (16, 4))
    for number in range(48):
        folder = tmp_path / "data" / f"study_{number:02}"
        folder.mkdir(parents=True)
        count, sick = int(random.integers(3, 7)), number % 2
        planes = random.integers(0, 60, (count, 32, 32), dtype=np.uint8)
        y, x = random.integers(0, 16, 2)
        planes[random.integers(count), y : y + 16, x : x + 16] += stripes if sick else stripes.T
        for k, plane in enumerate(planes):
            Image.fromarray(plane).save(folder / f"{k}.png")
        part = "train" if number < 24 else "val" if number < 36 else "test"
        lines.append(f"study_{number:02},patient-{number // 2},{part},{sick}")
    (tmp_path / "data" / "studies.csv").write_text("\n".join(lines))
    return tmp_path / "data"


def config_of(root: Path) -> Config:
    data = {
        "format": "study-slices",
        "patient": "person",
        "part": "part",
        "classes": ["nodule"],
        "side": 32,
        "draws": 50,
    }
    return parse_config(
        {
            "model": {
                "name": "study/slicewise",
                "in_chans": SLICES,
                "backbone": {"of": "resnet10t", "slices": SLICES},
                "heads": {"study": {"from_level": "c3", "hidden": 16}},
            },
            "data": {
                "root": str(root),
                "workers": 0,
                "train": {**data, "split": "train"},
                "val": {**data, "split": "val"},
            },
            "train": {
                "batch": 12,
                "steps": 30,
                "optimizer": "adamw",
                "lr": 0.003,
                "warmup": 2,
                "schedule": "constant",
                "evaluate_every": 30,
            },
        },
        source="test",
    )


def test_a_visible_finding_is_learned_and_told(studies: Path, tmp_path: Path) -> None:
    config = config_of(studies)
    with world("cpu") as here:
        run = Run(tmp_path / "run")
        run.begin(config)
        trainer = Trainer.from_config(config, run, strategy=strategy_for(here))
        before = evaluate(trainer.model, trainer.val_data, world=here, workers=0)["study"].metrics["AUROC"]
        after = trainer.fit()["study"].metrics["AUROC"]
        assert after > max(0.9, before)
        final = {**config.data.val, "split": "test", "calibrate_on": "val"}  # type: ignore[dict-item]
        (source,) = open_sources(final, root=str(studies), where="data.val")
        found = evaluate(trainer.model, source.dataset, world=here, workers=0)["study"]
    assert found.metrics["AUROC"] > 0.9
    assert found.metrics["sensitivity"] > 0.5
    assert (tmp_path / "run" / "evaluation" / "study" / "report.html").exists()

    model = load(tmp_path / "run" / "last.safetensors")
    reader = reader_of(model)
    done = reader.predict(model, Request(studies, tmp_path / "out"))
    assert (done.done, done.failed) == (48, 0)
    cases = json.loads((tmp_path / "out" / "results.json").read_text())["cases"]
    sick = [case for case in cases if int(case["case"][-2:]) % 2]
    assert {Path(case["case"]).name for case in cases} == {f"study_{n:02}" for n in range(48)}
    hits = []
    for case in sick:
        count = len(list((studies / case["case"]).glob("*.png")))
        bright = max(range(count), key=lambda k: np.asarray(Image.open(studies / case["case"] / f"{k}.png")).max())
        looked = case["slices"][int(np.argmax(case["attention"]))]
        hits.append(bright == looked if bright in case["slices"] else True)
    assert np.mean(hits) > 0.8  # attention points at the slice that shows it
    assert Image.open(tmp_path / "out" / "study_01.png").size == (32, 32)


def test_leaks_between_training_and_validation(
    studies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], medical_command: None
) -> None:
    path = tmp_path / "config.yaml"
    config_of(studies).save(path)

    def leaks() -> int:
        parser = argparse.ArgumentParser()
        Medical().add_arguments(parser)
        args = parser.parse_args(["leaks", str(path)])
        return Medical().run(args)

    assert leaks() == 0
    for k, file in enumerate(sorted((studies / "study_03").iterdir())):
        Image.open(file).save(studies / "study_30" / f"{k}.png")
    for file in (studies / "study_30").iterdir():
        if int(file.stem) >= len(list((studies / "study_03").iterdir())):
            file.unlink()
    assert leaks() == 1
    assert "study_30 is the same as study_03" in capsys.readouterr().out

    table = (studies / "studies.csv").read_text()
    (studies / "studies.csv").write_text(table.replace("patient-13", "patient-2"))
    with pytest.raises(PatientOverlapError):
        leaks()


def test_a_radiograph_model_reads_dicom(make_series: Callable[..., list[Path]], tmp_path: Path) -> None:
    """Prediction goes through the rule that the checkpoint keeps."""
    files = make_series(np.random.default_rng(0).integers(400, 600, (2, 40, 40)))
    table = "path,person,nodule\n" + "\n".join(f"{f.name},p{k},{k}" for k, f in enumerate(files))
    (files[0].parent / "studies.csv").write_text(table)
    (source,) = open_sources(
        {"format": "study-images", "patient": "person", "classes": ["nodule"], "intensity": ["0/400"]},
        root=str(files[0].parent),
        where="data.train",
    )
    model = create("multilabel/resnet10t", labels=["nodule"], in_chans=1, from_level="c5")
    model.recipe = replace(model.recipe, reader=source.dataset.reader)
    model.preprocessing = replace(model.preprocessing, pixels=source.dataset.pixels)
    reader_of(model).predict(model, Request(files[0], tmp_path / "out"))
    (case,) = json.loads((tmp_path / "out" / "results.json").read_text())["cases"]
    image = source.dataset.load(0, frozenset(), in_chans=1).image
    with torch.inference_mode():
        expected = model.predict(image, precision="fp32").result.scores.item()
    assert case["scores"]["nodule"] == pytest.approx(expected, abs=1e-3)
