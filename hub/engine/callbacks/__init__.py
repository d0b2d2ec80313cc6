"""Callbacks of the training loop, one file each. Replace any of them, or add your own."""

from hub.engine.callbacks.callback import Callback
from hub.engine.callbacks.checkpoints import Checkpoints
from hub.engine.callbacks.early_stopping import EarlyStopping
from hub.engine.callbacks.ema import EMA
from hub.engine.callbacks.evaluate import Evaluate
from hub.engine.callbacks.sample_predictions import SamplePredictions
from hub.engine.callbacks.save_best import SaveBest
from hub.engine.state import State
from hub.engine.training import Training

__all__ = [
    "EMA",
    "Callback",
    "Checkpoints",
    "EarlyStopping",
    "Evaluate",
    "SamplePredictions",
    "SaveBest",
    "State",
    "Training",
]
