"""Collate samples of different sizes into one padded batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hub.contract.batch import Batch, InstanceTargets, pad_images
from hub.contract.box_masks import BoxMasks
from hub.contract.sample import Instances, Sample
from hub.contract.targets import IGNORE


def collate(samples: Sequence[Sample], *, divisor: int = 32, max_instances: int | None = None) -> Batch:
    """Pad samples to one size and one number of objects N.

    Args:
        samples: at least one; all must have the same kinds of annotations.
        divisor: the padded height and width are multiples of this.
        max_instances: N, for constant shapes; an image with more objects keeps the first N, crowds last. By default N
            is the largest number in the batch, and at least 1.

    Returns:
        A `hub.Batch`. Crowd regions keep their boxes and masks, but are not ``valid``. Maps and tags keep
        their dtype; integer maps are padded with 255, floats with NaN.
    """
    images, sizes = pad_images([sample.image for sample in samples], divisor=divisor)
    height, width = images.shape[2:]
    instances = [sample.instances for sample in samples if sample.instances is not None]
    return Batch(
        images=images,
        sizes=sizes,
        original_sizes=torch.tensor([sample.original_size for sample in samples], dtype=torch.int64),
        ids=[sample.id for sample in samples],
        instances=_pad_instances(instances, max_instances) if instances else None,
        maps={name: _pad_maps([s.maps[name] for s in samples], height, width) for name in samples[0].maps},
        tags={name: torch.from_numpy(np.stack([s.tags[name] for s in samples])) for name in samples[0].tags},
        value_range=samples[0].value_range,
    )


def _pad_instances(instances: Sequence[Instances], max_instances: int | None) -> InstanceTargets:
    count, number = len(instances), max_instances or max(1, *(len(one) for one in instances))
    kept = [_first(one, number) for one in instances]
    masks = [one.masks for one in kept if one.masks is not None]
    keypoints = [one.keypoints for one in kept if one.keypoints is not None]
    shared = [name for name in kept[0].fields if all(name in one.fields for one in kept)]
    fields = {name: [one.fields[name] for one in kept] for name in shared}
    return InstanceTargets(
        boxes=_pad_rows([one.boxes for one in kept], number, 0, np.float32),
        labels=_pad_rows([one.labels for one in kept], number, 0, np.int64),
        valid=_pad_rows([~one.crowd for one in kept], number, False, np.bool_),
        crowd=_pad_rows([one.crowd for one in kept], number, False, np.bool_),
        masks=BoxMasks.pack(masks, number) if len(masks) == count else None,
        keypoints=_pad_rows(keypoints, number, 0, np.float32) if len(keypoints) == count else None,
        fields={
            name: _pad_rows([one.values for one in values], number, float(values[0].spec.padding), values[0].spec.dtype)
            for name, values in fields.items()
            if values[0].spec.kind != "text"
        },
        texts={
            name: [[*one.values.tolist(), *[""] * (number - len(one))] for one in values]
            for name, values in fields.items()
            if values[0].spec.kind == "text"
        },
    )


def _first(one: Instances, number: int) -> Instances:
    """Return at most ``number`` of the objects: the first ones, crowds last."""
    return one if len(one) <= number else one.select(np.argsort(one.crowd, kind="stable")[:number])


def _pad_rows(values: Sequence[np.ndarray], number: int, fill: float, dtype: npt.DTypeLike) -> Tensor:
    """Pad the rows (n, …) of each image to (B, number, …)."""
    padded = np.full((len(values), number, *values[0].shape[1:]), fill, dtype)
    for row, own in zip(padded, values, strict=True):
        row[: len(own)] = own
    return torch.from_numpy(padded)


def _pad_maps(maps: Sequence[np.ndarray], height: int, width: int) -> Tensor:
    fill = IGNORE if np.issubdtype(maps[0].dtype, np.integer) else np.nan
    leading = np.max([values.shape[:-2] for values in maps], axis=0).astype(int)  # none, or a volume's depth
    padded = np.full((len(maps), *leading, height, width), fill, np.result_type(*maps))
    for row, values in zip(padded, maps, strict=True):
        row[tuple(map(slice, values.shape))] = values
    return torch.from_numpy(padded)
