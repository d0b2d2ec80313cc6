"""Training and evaluation.

Nothing is imported until it is used: the registry reads `hub.engine.specs` without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.lazy import lazy_attributes

if TYPE_CHECKING:
    from hub.engine.api import open_dataset, train
    from hub.engine.config import Config, load_config, parse_config, resolve_config
    from hub.engine.distributed import World, world
    from hub.engine.evaluation import evaluate, evaluate_checkpoint
    from hub.engine.objective import Objective
    from hub.engine.reader import Outcome, Reader, Request, reader_of
    from hub.engine.run import Run
    from hub.engine.strategy import DDP, Single, Strategy, strategy_for
    from hub.engine.train_batches import Source, open_sources
    from hub.engine.trainer import Trainer

__all__ = [
    "DDP",
    "Config",
    "Objective",
    "Outcome",
    "Reader",
    "Request",
    "Run",
    "Single",
    "Source",
    "Strategy",
    "Trainer",
    "World",
    "evaluate",
    "evaluate_checkpoint",
    "load_config",
    "open_dataset",
    "open_sources",
    "parse_config",
    "reader_of",
    "resolve_config",
    "strategy_for",
    "train",
    "world",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "hub.engine.api": ["open_dataset", "train"],
            "hub.engine.config": ["Config", "load_config", "parse_config", "resolve_config"],
            "hub.engine.distributed": ["World", "world"],
            "hub.engine.evaluation": ["evaluate", "evaluate_checkpoint"],
            "hub.engine.objective": ["Objective"],
            "hub.engine.reader": ["Outcome", "Reader", "Request", "reader_of"],
            "hub.engine.run": ["Run"],
            "hub.engine.strategy": ["DDP", "Single", "Strategy", "strategy_for"],
            "hub.engine.train_batches": ["Source", "open_sources"],
            "hub.engine.trainer": ["Trainer"],
        },
    )


def __dir__() -> list[str]:
    return __all__
