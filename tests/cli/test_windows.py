"""``--window`` of `hub predict` and `hub evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hub
from hub.cli import main
from hub.images import ResizeRule
from hub.weights import save


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model that resizes images to 64 pixels."""
    model = hub.create(
        "faster-rcnn/resnet18-fpn", labels=["cat", "dog"], channels=16, resize=ResizeRule(64, 64),
        score_thresh=0.0, detections_per_img=3, rpn_post_nms_topk_test=30,
    )  # fmt: skip
    return save(model, tmp_path_factory.mktemp("detector") / "model.safetensors")


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained semantic model, with data in it and a config for them."""
    root = tmp_path_factory.mktemp("segmenter")
    rng = np.random.default_rng(0)
    for i in range(2):
        for folder, pixels in (
            ("images", rng.integers(0, 256, (90, 130, 3))),
            ("masks", rng.integers(0, 2, (90, 130))),
        ):
            (root / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(root / folder / f"{i}.png")
    torch.manual_seed(0)
    model = hub.create(
        "semantic-fpn/resnet18-fpn", labels=["a", "b"], channels=8, decoder_channels=8, resize=ResizeRule(32, 32)
    )
    save(model, root / "model.safetensors")
    (root / "config.yaml").write_text(
        "model: {name: semantic-fpn/resnet18-fpn}\ntrain: {steps: 1, schedule: constant}\n"
        f"data: {{root: {root}, workers: 0, val: {{format: mask-folder, names: [a, b]}}}}\n"
    )
    return root


def test_predicting_in_windows_finds_more_than_the_limit_of_one_window(detector: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (150, 260, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "1.png")
    command = ["predict", str(detector), str(tmp_path / "1.png")]
    windows = ["--window", "64x128", "--overlap", "0.25", "--batch", "3"]
    assert main([*command, "--out", str(tmp_path / "whole")]) == 0
    assert main([*command, "--out", str(tmp_path / "cut"), *windows]) == 0
    whole, cut = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("whole", "cut"))
    assert len(whole) == 3
    assert len(cut) > 3
    for x, y, width, height in (record["bbox"] for record in cut):
        assert 0 <= x <= x + width <= 260 + 1e-2
        assert 0 <= y <= y + height <= 150 + 1e-2
    assert Image.open(tmp_path / "cut/1.png").size == (260, 150)


def test_evaluating_in_windows_scores_what_predicting_in_windows_finds(segmenter: Path, tmp_path: Path) -> None:
    checkpoint, out = segmenter / "model.safetensors", tmp_path / "metrics.json"
    asked = ["--window", "64", "--window-scale", "1.5", "--precision", "fp32"]
    assert main(["evaluate", str(checkpoint), "--out", str(out), *asked]) == 0
    metrics = json.loads(out.read_text())["heads"]["semantic-fpn"]["metrics"]

    model = hub.load(checkpoint)
    right, total = 0, 0
    for i in range(2):
        windows = hub.Windows(64, scale=1.5)
        found = model.predict(segmenter / "images" / f"{i}.png", windows=windows, precision="fp32").result
        truth = np.asarray(Image.open(segmenter / "masks" / f"{i}.png"))
        right, total = right + int((found.classes.numpy() == truth).sum()), total + truth.size
    assert 0 < right < total
    assert right / total == pytest.approx(metrics["pixel_accuracy"])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--window", "100"], "use 128×128"),
        (["--window", "64", "--overlap", "1"], "overlap by 1.0"),
        (["--window", "64x64x64"], "512x768"),
        (["--window", "large"], "--window"),
        (["--overlap", "0.5"], "add --window"),
        (["--window", "64", "--window-scale", "0"], "scaled by 0.0"),
    ],
)
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_invalid_windows_are_rejected(
    command: str, asked: list[str], message: str, segmenter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [str(segmenter / "images"), "--out", str(tmp_path / "out")] if command == "predict" else []
    assert main([command, str(segmenter / "model.safetensors"), *images, *asked]) == 2
    assert message in capsys.readouterr().err
