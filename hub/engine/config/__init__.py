"""The config of a run: its sections, and reading it from YAML."""

from hub.engine.config.load import apply_overrides, load_config, merge_overrides, parse_config, parse_overrides
from hub.engine.config.path import resolve_config
from hub.engine.config.sections import Config, DataConfig, ModelConfig, ResizeConfig, TrainConfig

__all__ = [
    "Config",
    "DataConfig",
    "ModelConfig",
    "ResizeConfig",
    "TrainConfig",
    "apply_overrides",
    "load_config",
    "merge_overrides",
    "parse_config",
    "parse_overrides",
    "resolve_config",
]
