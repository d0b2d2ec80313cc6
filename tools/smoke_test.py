"""Smoke test of the installed wheels; run it outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """List, create, predict, and train for a few steps.

    Raises:
        SystemExit: a step failed.
    """
    import numpy as np

    import hub

    print(f"hub {hub.__version__} from {Path(hub.__file__).parent}")
    heads = hub.list()
    assert {"faster-rcnn", "mask-rcnn", "unet", "classification", "panoptic"} <= set(heads), heads
    model = hub.create("mask-rcnn/resnet18-fpn", labels=["a"], channels=32)
    model.predict(np.zeros((64, 96, 3), np.uint8))
    assert hub.create_trunk("resnet18-fpn").channels["p2"] == 256
    with tempfile.TemporaryDirectory() as folder:
        for command in (
            ["--version"],
            ["list"],
            ["train", "quickstart.yaml", "--out", "run", "train.steps=2", "train.evaluate_every=2"],
            ["evaluate", "run"],
        ):
            subprocess.run([sys.executable, "-m", "hub", *command], check=True, cwd=folder)
    print("the installed package works")


if __name__ == "__main__":
    main()
