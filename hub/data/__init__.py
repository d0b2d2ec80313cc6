"""The way of the data: a format reads files into samples, which transforms and the loader make batches of.

Nothing is imported until it is used: the registry reads `hub.data.specs` without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset
    from hub.contract.packed import PackedBytes, PackedInstances
    from hub.contract.sample import Instances, Sample
    from hub.data.annotations.boxes import BoxReport, check_boxes
    from hub.data.annotations.packing import pack_instances
    from hub.data.formats.instances import InstanceDataset, InstanceOptions
    from hub.data.writers.output import Output, Writer

_LAZY = {
    "BoxReport": "hub.data.annotations.boxes",
    "Dataset": "hub.contract.dataset",
    "InstanceDataset": "hub.data.formats.instances",
    "InstanceOptions": "hub.data.formats.instances",
    "Instances": "hub.contract.sample",
    "Output": "hub.data.writers.output",
    "PackedBytes": "hub.contract.packed",
    "PackedInstances": "hub.contract.packed",
    "Sample": "hub.contract.sample",
    "Writer": "hub.data.writers.output",
    "check_boxes": "hub.data.annotations.boxes",
    "pack_instances": "hub.data.annotations.packing",
}

__all__ = [
    "BoxReport",
    "Dataset",
    "InstanceDataset",
    "InstanceOptions",
    "Instances",
    "Output",
    "PackedBytes",
    "PackedInstances",
    "Sample",
    "Writer",
    "check_boxes",
    "pack_instances",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'hub.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
