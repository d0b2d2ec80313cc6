"""Write the small run that later versions of the hub must load, evaluate and resume.

    python tests/data_files/make_run.py

It writes ``run_format_N/`` beside this file, N being the format of checkpoints: ``data/``, eight images of 64 pixels
with boxes in COCO's format and with maps; ``run/``, a run that was stopped in the middle; and ``expected.json``, what
its model predicts, its metrics, and the losses of its further steps. Until the first release it may be written again
when the format changes. From then on the folder of a released format stays as it is, and a new format gets a folder
beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import torch

import hub
from hub.data.formats.shapes import SEMANTIC, generate_shapes
from hub.engine import Config, Run, Trainer, parse_config
from hub.engine.callbacks import Callback
from hub.engine.training import Training
from hub.errors import StoppedError
from hub.weights.checkpoint import FORMAT

HERE = Path(__file__).resolve().parent
FOLDER = HERE / f"run_format_{FORMAT}"
STOP, STEPS = 4, 8  # the run is stopped after step 4 of 8


def config(root: str) -> Config:
    """Two tiny heads that learn from two datasets, with a moving average of their weights."""
    names = list(SEMANTIC.names)
    train, val = (
        [
            {"format": "coco", "images": split, "annotations": f"annotations/instances_{split}.json"},
            {"format": "mask-folder", "images": split, "masks": f"semantic/{split}", "names": names},
        ]
        for split in ("train", "val")
    )
    return parse_config(
        {
            "model": {
                "name": "faster-rcnn+semantic-fpn/resnet10t-fpn",
                "channels": 4,
                "backbone": {"channels": [4, 4, 4, 8], "stem_width": 4},
                "resize": {"shortest": 64, "longest": 64},
                "heads": {
                    "faster-rcnn": {"anchor_sizes": [8, 16, 32, 48, 64], "box_head_fc_channels": 8},
                    "semantic-fpn": {"decoder_channels": 4},
                },
            },
            "data": {"root": root, "train": train, "val": val, "workers": 0},
            "train": {
                "batch": 2, "steps": STEPS, "lr": 0.01, "schedule": "cosine", "warmup": 2, "precision": "fp32",
                "ema": 0.9, "checkpoint_every": 2, "evaluate_every": 2, "log_every": 1, "loggers": ["json-lines"],
            },
        },
        source="make_run",
    )  # fmt: skip


def image() -> np.ndarray:
    """An image that depends on nothing but this formula."""
    rows, columns = np.mgrid[:64, :96]
    return np.stack([rows * 4, columns * 2, (rows + columns) * 3], axis=-1).astype(np.uint8)


def predictions(model: hub.Model) -> dict[str, list[float]]:
    """The sum of each raw prediction for `image`, and its number of values."""
    model.eval()
    with torch.no_grad():
        raw = model(model.prepare([image()]))
    return {
        f"{head}/{name}": [float(tensor.double().abs().sum()), float(tensor.numel())]
        for head, tensors in raw.items()
        for name, tensor in tensors.items()
    }


class StopAt(Callback):
    """Stops after a step, as Ctrl-C would."""

    def on_step_end(self, trainer: Training) -> None:
        """Stop once everything of step `STOP` is saved."""
        if trainer.step == STOP + 1:
            raise StoppedError("as planned")


def losses(file: Path) -> dict[int, float]:
    """Step → loss of a run's metrics.jsonl."""
    records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return {r["step"]: r["loss/total"] for r in records if "loss/total" in r}


def main() -> None:
    """Write the folder anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    os.chdir(FOLDER)
    sys.argv = ["hub", "train"]  # which the run records
    generate_shapes("data", train=4, val=4, size=64)
    Path("data/shapes.json").unlink()
    torch.manual_seed(0)
    run = Run("run")
    run.begin(config("data"))
    with contextlib.suppress(StoppedError):
        Trainer.from_config(config("data"), run, callbacks=[StopAt()]).fit()
    for name in ("environment.json", "predictions.png", "training_samples.png", "last.safetensors"):
        (run.folder / name).unlink(missing_ok=True)
    shutil.copytree(run.folder, "whole")
    resumed = hub.train("whole", resume=True)
    expected = {
        "predictions": predictions(hub.load("run")),
        "metrics": {head: one.metrics for head, one in run.evaluate(out=Path("whole/again.json")).items()},
        "losses": {step: loss for step, loss in losses(resumed.metrics).items() if step > STOP},
    }
    shutil.rmtree("whole")
    Path("expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    size = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    print(f"{FOLDER.name}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
