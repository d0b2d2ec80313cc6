"""What the shipped configs promise, trained from scratch: minutes, so not in the default suite."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hub.engine.config import load_config
from hub.engine.distributed import World
from hub.engine.run import Run
from hub.engine.trainer import Trainer

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_quickstart_reaches_what_its_header_promises(tmp_path: Path) -> None:
    config = load_config(ROOT / "configs/quickstart.yaml", [f"data.root={tmp_path / 'shapes'}"])
    run = Run(tmp_path / "run")
    trainer = Trainer(config, run, World(0, 1, torch.device("cpu")))
    run.begin(config)
    figures = trainer.fit()["faster-rcnn"].figures
    assert figures["AP"] >= 0.80
    assert figures["AP50"] >= 0.95
