"""Data: formats read files into samples, which transforms and the loader turn into batches.

Nothing is imported until it is used: the registry reads `hub.data.specs` without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.lazy import lazy_attributes

if TYPE_CHECKING:
    from hub.contract.dataset import Dataset
    from hub.contract.packed import PackedBytes, PackedInstances
    from hub.contract.sample import Instances, Sample
    from hub.data.annotations.boxes import BoxReport, check_boxes
    from hub.data.annotations.packing import pack_instances
    from hub.data.formats.instances import InstanceDataset, InstanceOptions
    from hub.data.formats.listed import ListedDataset
    from hub.data.loading.collate import collate
    from hub.data.loading.pipeline import Pipeline
    from hub.data.transforms import Context, Step, Transform
    from hub.data.writers.names import file_names
    from hub.data.writers.output import Output, Writer

__all__ = [
    "BoxReport",
    "Context",
    "Dataset",
    "InstanceDataset",
    "InstanceOptions",
    "Instances",
    "ListedDataset",
    "Output",
    "PackedBytes",
    "PackedInstances",
    "Pipeline",
    "Sample",
    "Step",
    "Transform",
    "Writer",
    "check_boxes",
    "collate",
    "file_names",
    "pack_instances",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "hub.contract.dataset": ["Dataset"],
            "hub.contract.packed": ["PackedBytes", "PackedInstances"],
            "hub.contract.sample": ["Instances", "Sample"],
            "hub.data.annotations.boxes": ["BoxReport", "check_boxes"],
            "hub.data.annotations.packing": ["pack_instances"],
            "hub.data.formats.instances": ["InstanceDataset", "InstanceOptions"],
            "hub.data.formats.listed": ["ListedDataset"],
            "hub.data.loading.collate": ["collate"],
            "hub.data.loading.pipeline": ["Pipeline"],
            "hub.data.transforms": ["Context", "Step", "Transform"],
            "hub.data.writers.names": ["file_names"],
            "hub.data.writers.output": ["Output", "Writer"],
        },
    )


def __dir__() -> list[str]:
    return __all__
