"""The photograph with measured depth, from the command to the drawing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from hub import LabelSpace, create, load
from hub.cli import main
from hub.data import Pipeline, collate
from hub.data.transforms import Transform
from hub.engine import open_dataset
from hub.engine.config import load_config
from hub_depth.dataset import DepthFolder
from hub_depth.motorcycle import BASELINE, CUT, FOCAL, OFFSET

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))
NEEDS = frozenset({"depth"})
STEPS = 40


def split(root: Path, name: str, **options: Any) -> DepthFolder:
    return DepthFolder(DepthFolder.Options(root=str(root), split=f"{name}.txt", scale="1/1000", **options))


def test_the_command_writes_the_photograph_and_its_depth_in_millimetres(
    motorcycle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from skimage.data import stereo_motorcycle

    assert main(["depth", "motorcycle", str(tmp_path / "m")]) == 0
    assert "480 columns to train on, 261 held out" in capsys.readouterr().out
    image, _, disparity = stereo_motorcycle()
    for name, columns in (("train", slice(None, CUT)), ("val", slice(CUT, None))):
        sample = split(tmp_path / "m", name).load(0, NEEDS)
        np.testing.assert_array_equal(sample.image, image[:, columns])
        there = disparity[:, columns]
        expected = np.where(np.isfinite(there), FOCAL * BASELINE / (there + OFFSET), np.nan)
        np.testing.assert_allclose(sample.maps["depth"], expected, atol=6e-4)


def test_disparity_gives_the_same_depth(motorcycle: Path, tmp_path: Path) -> None:
    from skimage.data import stereo_motorcycle

    image, _, disparity = stereo_motorcycle()
    (tmp_path / "images").mkdir()
    (tmp_path / "depth").mkdir()
    Image.fromarray(image).save(tmp_path / "images/0.png")
    np.savez(tmp_path / "depth/0.npz", disparity)
    options = DepthFolder.Options(
        root=str(tmp_path), values="disparity", focal=FOCAL, baseline=BASELINE, offset=OFFSET, far=100
    )
    found = DepthFolder(options).load(0, NEEDS).maps["depth"]
    both = np.concatenate([split(motorcycle, name).load(0, NEEDS).maps["depth"] for name in ("train", "val")], axis=1)
    np.testing.assert_allclose(found, both, atol=6e-4)


def test_augmentations_move_depth_and_leave_its_values(motorcycle: Path) -> None:
    data = split(motorcycle, "train")
    sample = data.load(0, NEEDS)
    before = sample.maps["depth"]
    mirrored = Transform.parse([{"name": "horizontal_flip", "p": 1}])(sample, 0).maps["depth"]
    np.testing.assert_array_equal(mirrored, before[:, ::-1])
    doubled = Transform.parse([{"name": "resize", "shortest": [2 * CUT], "longest": 1000}])(sample, 0)
    np.testing.assert_array_equal(doubled.maps["depth"][::2, ::2], before)
    jitter = [{"name": "scale_jitter"}, {"name": "crop"}]
    changed = Transform.parse(jitter)(sample, 3)
    known = changed.maps["depth"][np.isfinite(changed.maps["depth"])]
    assert len(known)
    assert np.isin(known, before).all()
    assert changed.maps["depth"].shape == changed.image.shape[:2]


def test_a_batch_is_padded_with_unknown_depth(motorcycle: Path) -> None:
    pipeline = Pipeline(split(motorcycle, "train"), Transform(), needs=NEEDS)
    depth = collate([pipeline[0, 0]]).maps["depth"]
    assert tuple(depth.shape) == (1, 512, 480)
    assert depth[:, 500:].isnan().all()


def test_configs_build(motorcycle: Path) -> None:
    assert len(CONFIGS) == 1
    for path in CONFIGS:
        config = load_config(path, [f"data.root={motorcycle}"])
        for section, size in ((config.data.train, CUT), (config.data.val, 741 - CUT)):
            data = open_dataset(**{"root": config.data.root, **section})
            assert data.sizes.tolist() == [[500, size]]
        Transform.parse(config.data.transforms)
        model = create(config.model.name, norm=config.model.norm, heads=config.model.heads)
        assert model.labels == {"depth": LabelSpace(())}


@pytest.fixture(scope="module")
def run(motorcycle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of the shipped config, smaller and without augmentation."""
    folder = tmp_path_factory.mktemp("runs")
    config = yaml.safe_load(CONFIGS[0].read_text())
    config["data"] |= {"root": str(motorcycle), "workers": 0, "transforms": [
        {"name": "resize", "shortest": [128], "longest": 128},
    ]}  # fmt: skip
    config["model"] |= {"channels": 32, "resize": {"shortest": 128, "longest": 128}}
    config["model"]["heads"] = {"depth": {"width": 32, "typical": 10.0, "loss": {"silog": 1.0, "gradient": 0.25}}}
    config["train"] |= {"steps": STEPS, "warmup": 5, "log_every": 1, "evaluate_every": STEPS, "precision": "fp32"}
    (folder / "small.yaml").write_text(yaml.safe_dump(config))
    assert main(["train", str(folder / "small.yaml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_training_lowers_the_loss_and_finds_the_distance_of_the_wall(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss/total"] for line in lines if "loss/total" in line]
    assert len(losses) == STEPS
    assert np.mean(losses[-5:]) < 0.2 * losses[0]
    found = json.loads((run / "evaluation.json").read_text())["heads"]["depth"]
    # Started at 10 m, where nothing of the photograph is within 1.25.
    assert found["metrics"]["delta1"] > 0.2
    assert found["main"] == "delta1"


def test_the_run_is_evaluated_and_predicts(run: Path, motorcycle: Path, tmp_path: Path) -> None:
    assert main(["evaluate", str(run), "--precision", "fp32", "--out", str(tmp_path / "e.json")]) == 0
    again = json.loads((tmp_path / "e.json").read_text())["heads"]["depth"]["metrics"]
    assert again == pytest.approx(json.loads((run / "evaluation.json").read_text())["heads"]["depth"]["metrics"])
    assert (
        main(["predict", str(run), str(motorcycle / "images"), "--batch", "1", "--out", str(tmp_path / "drawn")]) == 0
    )
    depth = np.load(tmp_path / "drawn/val.npy")
    assert depth.shape == (500, 261)
    assert Image.open(tmp_path / "drawn/val.png").size == (261, 500)
    (record,) = [r for r in json.loads((tmp_path / "drawn/results.json").read_text()) if r["file_name"] == "val.png"]
    assert record["median"] == pytest.approx(float(np.median(depth)), rel=1e-3)
    model = load(run)
    np.testing.assert_allclose(model.predict(motorcycle / "images/val.png").result.depth.numpy(), depth, rtol=1e-5)


def test_an_empty_label_list_is_right_and_others_are_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = ["train", str(run / "config.yaml"), "--out", str(run.parent / "other")]
    assert main([*again, "model.labels=[near, far]"]) == 2
    assert "depth has no classes, but labels are given for it" in capsys.readouterr().err
