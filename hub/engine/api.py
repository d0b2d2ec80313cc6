"""Training as one call, which `hub train` makes, and opening datasets by name."""

from __future__ import annotations

import os
from pathlib import Path

from hub.contract.dataset import Dataset
from hub.engine import build
from hub.engine.config import Config, load_config, merge_overrides, resolve_config
from hub.engine.distributed import World, world
from hub.engine.run import Run
from hub.engine.strategy import strategy_for
from hub.engine.trainer import Trainer
from hub.errors import ConfigError


def train(
    config: Config | str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    device: str | None = None,
    **overrides: object,
) -> Run:
    """Train the model of a config, or go on training a run; `hub train` in Python.

    Args:
        config: a config, a YAML file, the name of a shipped config, or with ``resume`` the folder of a run.
        out: folder of the run; default: the first free one of ``runs/NAME``, ``runs/NAME-2``, ….
        resume: go on from the last checkpoint of the run in ``out``.
        device: default: the GPU where there is one.
        overrides: values of the config, as in ``train={"steps": 100}`` or ``**{"train.steps": 100}``.

    Returns:
        The run: ``run.model()``, ``run.evaluate()``, ``run.predict(…)``.

    Raises:
        HubError: whatever is wrong with the config, the data or the model; see also `Trainer.fit`.
    """
    source = config if isinstance(config, Config) else Path(config)
    is_run = isinstance(source, Path) and source.is_dir()
    if is_run and not resume:
        raise ConfigError(f"{source} is the folder of a run", fix="add --resume, or give a config file")
    if isinstance(source, Path) and not is_run:
        source = resolve_config(source)
    base = Path("runs") / (source.stem if isinstance(source, Path) else "run")
    folder = source if is_run and isinstance(source, Path) and out is None else out
    with world(device) as here:
        run = (Run(folder) if folder is not None else Run.latest(base)) if resume else _new_run(folder, base, here)
        stored = run.stored_config() if resume else None
        if is_run:
            source = run.config
        chosen = load_config(source, overrides) if isinstance(source, Path) else merge_overrides(source, overrides)
        state = run.resume(chosen) if resume else None
        trainer = Trainer.from_config(chosen, run, strategy=strategy_for(here), resume=state)
        if here.is_main and chosen != stored:
            run.begin(chosen)
        trainer.fit()
    return run


def open_dataset(format: str, *, root: str | os.PathLike[str], **options: object) -> Dataset:
    """Open a dataset.

    Args:
        format: a registered name, such as ``"coco"``; ``hub.list(kind="datasets")`` lists them.
        root: folder of the data.
        options: of the format; `hub info NAME` lists them.

    Raises:
        UnknownNameError, OptionError, DataError: what can be wrong with it.
    """
    return build.open_dataset({"format": format, **options}, root=str(root), where="the dataset")


def _new_run(folder: str | os.PathLike[str] | None, base: Path, world: World) -> Run:
    # Rank 0 chooses, so that all processes mean the same folder.
    run = Run(folder) if folder is not None else Run(world.gather(str(Run.new(base).folder))[0])
    if run.config.exists():
        raise ConfigError(f"{run.folder} holds a run", fix="add --resume, or choose another --out")
    world.barrier()  # nobody looks for the config after rank 0 has written it
    return run
