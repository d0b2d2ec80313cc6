"""The folder of a run: everything that is needed to inspect it, resume it and repeat it."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import torch

from hub.contract import Evaluation, Prediction, Windows
from hub.engine.config import Config, load_config, merge_overrides
from hub.engine.distributed import world
from hub.engine.evaluation import evaluate_checkpoint
from hub.engine.reader import Outcome, Request, reader_of
from hub.engine.state import TrainingState, load_state_file
from hub.errors import ConfigError
from hub.files import write_text
from hub.inference.inputs import is_one_image
from hub.model import ImageInput, Model
from hub.weights import find_checkpoint, load

# Keys that may differ when a run goes on: they change where and how fast it runs, not what it computes.
_FREE = (
    "data.root",
    "data.workers",
    "train.checkpoint_every",
    "train.evaluate_every",
    "train.log_every",
    "train.loggers",
)


class Run:
    """A run's folder and the names of the files in it.

    ``config.yaml`` the whole config · ``environment.json`` versions and command · ``last.pt`` to resume ·
    ``best.safetensors`` and ``last.safetensors`` to use · ``metrics.jsonl`` and TensorBoard's events ·
    ``evaluation.json`` the last metrics · ``evaluation/`` reports, where a metric writes some · ``predictions.png``
    drawn predictions on validation images.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.config = self.folder / "config.yaml"
        self.environment = self.folder / "environment.json"
        self.state = self.folder / "last.pt"
        self.best = self.folder / "best.safetensors"
        self.last = self.folder / "last.safetensors"
        self.metrics = self.folder / "metrics.jsonl"
        self.evaluation = self.folder / "evaluation.json"
        self.reports = self.folder / "evaluation"
        self.predictions = self.folder / "predictions.png"

    @classmethod
    def new(cls, folder: str | os.PathLike[str]) -> Run:
        """Return a folder that holds no run yet: the one named, or else the first free ``name-2``, ``name-3``, …."""
        base = Path(folder)
        candidate, number = base, 1
        while (candidate / "config.yaml").exists():
            number += 1
            candidate = base.with_name(f"{base.name}-{number}")
        return cls(candidate)

    @classmethod
    def latest(cls, folder: str | os.PathLike[str]) -> Run:
        """Return the newest run among ``name``, ``name-2``, ``name-3``, …: what `new` made last."""
        base = Path(folder)
        free = cls.new(base).folder
        number = int(free.name.removeprefix(f"{base.name}-")) - 1 if free != base else 1
        return cls(base if number == 1 else base.with_name(f"{base.name}-{number}"))

    def begin(self, config: Config) -> None:
        """Write what is needed to repeat the run.

        Raises:
            SaveError: the folder cannot be written.
        """
        config.save(self.config, header=f"written by: {shlex.join(['hub', *sys.argv[1:]])}")
        write_text(self.environment, json.dumps(environment(), indent=2))

    def stored_config(self) -> Config:
        """Return the config that the run was started with.

        Raises:
            ConfigError: this is not the folder of a run.
        """
        if not self.config.exists():
            raise ConfigError(f"{self.folder} is not the folder of a run: it has no config.yaml", fix="check the path")
        return load_config(self.config)

    def model(self, *, device: torch.device | str = "cpu") -> Model:
        """Return the trained model in eval mode: the best checkpoint, else the last.

        Raises:
            CheckpointError: there is none yet.
        """
        return load(self.folder, device=device)

    def evaluate(
        self,
        *,
        overrides: Mapping[str, object] | None = None,
        device: str | None = None,
        batch_size: int = 8,
        precision: str = "auto",
        windows: Windows | None = None,
        out: Path | None = None,
    ) -> dict[str, Evaluation]:
        """Evaluate the best checkpoint on the validation data of the config; `hub evaluate` in Python.

        Args:
            overrides: of the config, such as ``{"data.root": "/data/coco"}``; see `merge_overrides`.
            device: default: the GPU where there is one.
            batch_size: images computed together.
            precision: see `hub.precision.autocast`.
            windows: predict each image in windows of this kind, at its own resolution.
            out: JSON file for the metrics; reports go beside it.

        Returns:
            Head → metrics.

        Raises:
            HubError: whatever is wrong with the checkpoint or the data.
        """
        return evaluate_checkpoint(
            find_checkpoint(self.folder),
            merge_overrides(self.stored_config(), overrides or {}),
            device=device,
            batch_size=batch_size,
            precision=precision,
            windows=windows,
            out=out,
        )

    def predict(
        self,
        images: ImageInput | Sequence[ImageInput],
        *,
        device: str | None = None,
        batch_size: int = 8,
        precision: str = "auto",
        windows: Windows | int | tuple[int, int] | None = None,
    ) -> list[Prediction]:
        """Predict images with the best checkpoint; see `hub.Model.predict` for the arguments.

        Returns:
            One prediction per image, head → result, in pixels of the images.
        """
        several = [cast("ImageInput", images)] if is_one_image(images) else list(cast("Sequence[ImageInput]", images))
        with world(device) as here:
            return self.model(device=here.device).predict(
                several, batch_size=batch_size, precision=precision, windows=windows
            )

    def predict_files(self, request: Request, *, device: str | None = None) -> Outcome:
        """Predict files and write drawings and results; `hub predict` in Python.

        Args:
            request: what to read, and where to write.
            device: default: the GPU where there is one.
        """
        with world(device) as here:
            model = self.model(device=here.device)
            return reader_of(model).predict(model, request)

    def resume(self, config: Config) -> TrainingState:
        """Return the training state to go on from, after checking that the config still means the same run.

        Raises:
            CheckpointError: there is no sound ``last.pt``.
            ConfigError: a key differs that changes what is computed.
        """
        content = load_state_file(self.state)
        old, new = _flat(content["config"] or {}), _flat(config.model_dump())
        differing = [k for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k) and k not in _FREE]
        if differing:
            changes = ", ".join(f"{k} was {old.get(k)!r}, is {new.get(k)!r}" for k in differing[:5])
            raise ConfigError(
                f"{self.folder} cannot be resumed with another config: {changes}",
                fix=f"resume with `hub train {self.folder} --resume`, or start a new run from its weights with "
                f"model.weights={self.best}",
            )
        return content


def environment() -> dict[str, object]:
    """Return versions and hardware, for the record."""
    names = (
        "backbone-hub",
        "torch",
        "torchvision",
        "timm",
        "numpy",
        "albumentations",
        "opencv-python-headless",
    )
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed as a package"
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "command": shlex.join(["hub", *sys.argv[1:]]),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions,
        "gpus": gpus,
        "threads": torch.get_num_threads(),
        "world_size": int(os.environ.get("WORLD_SIZE", 1)),
    }


def _flat(values: Any, prefix: str = "") -> dict[str, object]:
    if not isinstance(values, dict) or not values:
        return {prefix.rstrip("."): values}
    return {k: v for name, value in values.items() for k, v in _flat(value, f"{prefix}{name}.").items()}
