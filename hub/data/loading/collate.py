"""Samples of different sizes into one batch of fixed shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hub.contract.batch import Batch, InstanceTargets, pad_images
from hub.contract.sample import Instances, Sample
from hub.contract.targets import IGNORE


def collate(samples: Sequence[Sample], *, divisor: int = 32, max_instances: int | None = None) -> Batch:
    """Pad samples to one size and one number of objects N.

    Args:
        samples: at least one; all with the same kinds of annotations.
        divisor: the padded height and width are multiples of this.
        max_instances: N, for shapes that never change; of an image with more objects the first ones are kept,
            crowds last. By default N is the largest number in the batch, and at least 1.

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
        instances=_pad_instances(instances, height, width, max_instances) if instances else None,
        maps={name: _pad_maps([s.maps[name] for s in samples], height, width) for name in samples[0].maps},
        tags={name: torch.from_numpy(np.stack([s.tags[name] for s in samples])) for name in samples[0].tags},
        value_range=samples[0].value_range,
    )


def _pad_instances(
    instances: Sequence[Instances], height: int, width: int, max_instances: int | None
) -> InstanceTargets:
    count, number = len(instances), max_instances or max(1, *(len(one) for one in instances))
    masks, keypoints = instances[0].masks, instances[0].keypoints
    targets = InstanceTargets(
        boxes=torch.zeros(count, number, 4),
        labels=torch.zeros(count, number, dtype=torch.int64),
        valid=torch.zeros(count, number, dtype=torch.bool),
        crowd=torch.zeros(count, number, dtype=torch.bool),
        masks=None if masks is None else torch.zeros(count, number, height, width, dtype=torch.bool),
        keypoints=None if keypoints is None else torch.zeros(count, number, *keypoints.shape[1:]),
    )
    for row, one in enumerate(instances):
        chosen = np.argsort(one.crowd, kind="stable")[:number] if len(one) > number else np.arange(len(one))
        used = len(chosen)
        targets.boxes[row, :used] = torch.from_numpy(one.boxes[chosen])
        targets.labels[row, :used] = torch.from_numpy(one.labels[chosen])
        targets.crowd[row, :used] = torch.from_numpy(one.crowd[chosen])
        targets.valid[row, :used] = torch.from_numpy(~one.crowd[chosen])
        if targets.masks is not None and one.masks is not None:
            planes = torch.from_numpy(one.masks[chosen])
            targets.masks[row, :used, : planes.shape[1], : planes.shape[2]] = planes.bool()
        if targets.keypoints is not None and one.keypoints is not None:
            targets.keypoints[row, :used] = torch.from_numpy(one.keypoints[chosen])
    return targets


def _pad_maps(maps: Sequence[np.ndarray], height: int, width: int) -> Tensor:
    fill = IGNORE if np.issubdtype(maps[0].dtype, np.integer) else np.nan
    leading = np.max([values.shape[:-2] for values in maps], axis=0).astype(int)  # none, or a volume's depth
    padded = np.full((len(maps), *leading, height, width), fill, np.result_type(*maps))
    for row, values in zip(padded, maps, strict=True):
        row[tuple(map(slice, values.shape))] = values
    return torch.from_numpy(padded)
