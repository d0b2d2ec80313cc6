"""MLflow (https://mlflow.org/docs), an extra: ``pip install 'backbone-hub[mlflow]'``."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Metric

from hub.contract import Evaluation
from hub.engine.loggers.logger import Logger, RunInfo, StepRecord, evaluation_scalars
from hub.files import write_text

_ID_FILE = "mlflow_id"  # in the folder of the run, so that a resumed run goes on in the same run of MLflow


class MLflow(Logger):
    """Send losses, metrics, the config and sample predictions to MLflow.

    Args:
        tracking_uri: server or store, such as ``"http://host:5000"`` or ``"sqlite:///mlflow.db"``; default: that of
            ``MLFLOW_TRACKING_URI``.
        experiment: name of the experiment, which is created if it does not exist.
    """

    def __init__(self, *, tracking_uri: str | None = None, experiment: str = "backbone-hub") -> None:
        self.tracking_uri, self.experiment = tracking_uri, experiment
        self._client: MlflowClient | None = None

    def start(self, info: RunInfo) -> None:
        """Create a run, or continue that of the folder."""
        self._client = MlflowClient(self.tracking_uri)
        known = None if info.folder is None else info.folder / _ID_FILE
        if known is not None and known.exists() and info.first_step > 0:
            self._id = known.read_text(encoding="utf-8").strip()
            self._client.set_terminated(self._id, "RUNNING")
        else:
            found = self._client.get_experiment_by_name(self.experiment)
            experiment = self._client.create_experiment(self.experiment) if found is None else found.experiment_id
            self._id = self._client.create_run(experiment, run_name=info.name).info.run_id
        if known is not None:
            write_text(known, self._id)
        if info.config:
            self._client.log_text(self._id, info.config, "config.yaml")

    def log_step(self, record: StepRecord) -> None:
        """Send losses and speed."""
        self._log(record.step, record.scalars())

    def log_evaluation(self, step: int, evaluations: Mapping[str, Evaluation]) -> None:
        """Send metrics."""
        self._log(step, evaluation_scalars(evaluations))

    def log_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Send an image."""
        assert self._client is not None
        self._client.log_image(self._id, image, artifact_file=f"{name}/{step:08d}.png")

    def close(self, error: BaseException | None = None) -> None:
        """End the run, as failed after an error."""
        if self._client is not None:
            self._client.set_terminated(self._id, "FINISHED" if error is None else "FAILED")
            self._client = None

    def _log(self, step: int, scalars: Mapping[str, float]) -> None:
        assert self._client is not None
        now = int(1000 * time.time())
        finite = [Metric(allowed(name), value, now, step) for name, value in scalars.items() if math.isfinite(value)]
        self._client.log_batch(self._id, metrics=finite)


def allowed(name: str) -> str:
    """Return a name with the characters that MLflow allows.

    >>> allowed("unet/Dice@2mm")
    'unet/Dice_2mm'
    """
    return re.sub(r"[^\w\-. /]", "_", name)
