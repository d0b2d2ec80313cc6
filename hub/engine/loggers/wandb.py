"""Weights & Biases (https://docs.wandb.ai), an extra: ``pip install 'backbone-hub[wandb]'``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import wandb
import yaml

from hub.contract import Evaluation
from hub.engine.loggers.logger import Logger, RunInfo, StepRecord, evaluation_scalars
from hub.files import write_text

_ID_FILE = "wandb_id"  # in the folder of the run, so that a resumed run goes on in the same run of W&B


class WandB(Logger):
    """Send losses, metrics, the config and sample predictions to Weights & Biases.

    Args:
        project: name of the project.
        entity: user or team; default: that of the login.
        mode: ``"offline"`` keeps everything on disk for ``wandb sync``; default: that of ``WANDB_MODE``.
        tags: tags of the run.
    """

    def __init__(
        self,
        *,
        project: str = "backbone-hub",
        entity: str | None = None,
        mode: Literal["online", "offline", "disabled"] | None = None,
        tags: tuple[str, ...] = (),
    ) -> None:
        self.project, self.entity, self.mode, self.tags = project, entity, mode, tags
        self._run: wandb.Run | None = None

    def start(self, info: RunInfo) -> None:
        """Start a run, or continue that of the folder."""
        known = None if info.folder is None else info.folder / _ID_FILE
        resumed = known is not None and known.exists() and info.first_step > 0
        self._run = wandb.init(
            project=self.project,
            entity=self.entity,
            name=info.name,
            mode=self.mode,
            tags=self.tags,
            dir=info.folder,
            config=yaml.safe_load(info.config) if info.config else None,
            id=_read(known) if resumed else None,
            resume="allow" if resumed else None,
        )
        if known is not None:
            write_text(known, self._run.id)

    def log_step(self, record: StepRecord) -> None:
        """Send losses and speed."""
        self._log(record.step, record.scalars())

    def log_evaluation(self, step: int, evaluations: Mapping[str, Evaluation]) -> None:
        """Send metrics."""
        self._log(step, evaluation_scalars(evaluations))

    def log_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Send an image."""
        assert self._run is not None
        self._run.log({name: wandb.Image(image)}, step=step)

    def close(self, error: BaseException | None = None) -> None:
        """End the run, as failed after an error."""
        if self._run is not None:
            self._run.finish(exit_code=0 if error is None else 1)
            self._run = None

    def _log(self, step: int, scalars: Mapping[str, float]) -> None:
        assert self._run is not None
        self._run.log({name: value for name, value in scalars.items() if math.isfinite(value)}, step=step)


def _read(path: Path | None) -> str | None:
    return None if path is None else path.read_text(encoding="utf-8").strip()
