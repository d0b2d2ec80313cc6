"""A dataset of two small drawn images with every kind of target, also as a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from hub.contract.batch import Batch
from hub.contract.dataset import Dataset
from hub.contract.fields import FieldSpec, ObjectField
from hub.contract.instance_masks import InstanceMasks
from hub.contract.options import Options
from hub.contract.sample import Instances, Sample
from hub.data.annotations.packing import pack_instances
from hub.data.loading.collate import collate
from hub.labels import LabelSpace

IMAGE_SIZE = 128
"""Height and width in pixels of the images in a batch of `TinyDataset`."""
_SIZES = ((128, 128), (96, 112))
_SCALE = 2  # the image files are larger than the images of the batch by this factor
_OBJECTS = 5  # in both images
# x1 y1 x2 y2 in pixels of the batch's images, and whether the object is a crowd region
_BOXES = (
    (((8, 8, 40, 56), False), ((60, 20, 124, 100), False), ((16, 70, 44, 90), False)),
    (((30, 24, 94, 88), False), ((2, 2, 22, 22), True)),
)


class TinyDataset(Dataset):
    """Two images: one with three objects, and one of another size with an object and a crowd region.

    Args:
        labels: the classes; objects get them in turn.
        labels_from: maps and tags with the same label space; see `hub.Head`.
        targets: maps and tags by name, with one row per image. An array (2, …, `IMAGE_SIZE`, `IMAGE_SIZE`) is a map,
            of which each image takes its upper left part; anything else is a tag.
        keypoints: number of keypoints of each object.
        fields: further values of the objects by name, drawn at random.
    """

    Options = Options

    def __init__(
        self,
        labels: LabelSpace,
        *,
        labels_from: Sequence[str] = (),
        targets: Mapping[str, npt.ArrayLike] | None = None,
        keypoints: int = 17,
        fields: Mapping[str, FieldSpec] | None = None,
    ) -> None:
        self.name = "the tiny dataset of hub.testing"
        self.label_spaces = dict.fromkeys(("instances", *labels_from), labels)
        self.targets = {name: np.asarray(value) for name, value in (targets or {}).items()}
        self.keypoints = keypoints
        self._fields = {name: _drawn_field(name, spec) for name, spec in (fields or {}).items()}
        self.provides = frozenset({"boxes", "masks", "keypoints", *self.targets, *self._fields})
        self.ids = [1, 2]
        self.sizes = np.array(_SIZES, np.int64) * _SCALE
        every = self.provides
        objects = [sample.instances for sample in (self.load(i, every) for i in range(2)) if sample.instances]
        joined = Instances.join([replace(o, masks=None) for o in objects])
        self.instances = pack_instances(
            np.repeat([0, 1], [len(o) for o in objects]),
            2,
            ids=np.arange(1, 1 + len(joined)),
            boxes=joined.boxes,
            labels=joined.labels,
            crowd=joined.crowd,
            segments=[_rectangle(box) for box in joined.boxes.tolist()],
            keypoints=joined.keypoints,
            keypoint_names=tuple(f"point {i}" for i in range(keypoints)),
            fields=joined.fields,
        )

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        """Return the image at the size of its file; see `hub.data.Dataset.load`."""
        return self._sample(index, needs, in_chans=in_chans, scale=_SCALE)

    def batch(self, needs: frozenset[str], *, in_chans: int = 3) -> Batch:
        """Return both images at half the size of their files, padded to `IMAGE_SIZE`."""
        samples = [self._sample(i, needs, in_chans=in_chans, scale=1) for i in range(2)]
        sizes = [tuple(size) for size in self.sizes.tolist()]
        return collate([replace(s, original_size=size) for s, size in zip(samples, sizes, strict=True)])

    def _sample(self, index: int, needs: frozenset[str], *, in_chans: int, scale: int) -> Sample:
        height, width = _SIZES[index]
        random = np.random.default_rng(index)
        image = random.integers(0, 80, (height, width, in_chans), dtype=np.uint8)
        boxes = np.array([box for box, _ in _BOXES[index]], np.float32)
        labels = np.arange(len(boxes), dtype=np.int64) % len(self.label_spaces["instances"])
        masks = np.zeros((len(boxes), height, width), np.uint8)
        for mask, (x1, y1, x2, y2), label in zip(masks, boxes.astype(int), labels, strict=True):
            mask[y1:y2, x1:x2] = 1
            image[y1:y2, x1:x2] += np.uint8(90 + 70 * (label % 2))
        along = np.linspace(0, 1, self.keypoints, dtype=np.float32)[:, None]
        first = sum(len(image) for image in _BOXES[:index])
        fields = {name: values[first : first + len(boxes)] for name, values in self._fields.items() if name in needs}
        grow = np.diag([scale, scale, 1.0])[:2]
        points = boxes[:, None, :2] + along * (boxes[:, None, 2:] - boxes[:, None, :2])
        keypoints = np.concatenate([points * scale, np.full_like(points[..., :1], 2)], axis=-1)
        grown = {n: t[index] for n, t in self.targets.items() if n in needs}
        maps = {n: _grow(t[..., :height, :width], scale, -2) for n, t in grown.items() if self._is_map(n)}
        return Sample(
            image=_grow(image, scale),
            id=self.ids[index],
            path=Path(f"tiny-{index}.png"),
            original_size=(height * scale, width * scale),
            instances=Instances(
                boxes=boxes * scale,
                labels=labels,
                crowd=np.array([crowd for _, crowd in _BOXES[index]]),
                masks=InstanceMasks.from_planes(np.stack([_grow(m, scale) for m in masks]))
                if "masks" in needs
                else None,
                keypoints=keypoints if "keypoints" in needs else None,
                fields={name: values.moved(grow) for name, values in fields.items()},
            ),
            maps=maps,
            tags={n: t for n, t in grown.items() if n not in maps},
        )

    def _is_map(self, name: str) -> bool:
        shape = self.targets[name].shape
        return len(shape) > 2 and shape[-2:] == (IMAGE_SIZE, IMAGE_SIZE)


def without_targets(batch: Batch) -> Batch:
    """Return the same images without targets: no valid object, and every pixel of a map ignored."""
    objects = batch.instances
    return replace(
        batch,
        instances=objects and objects.apply(torch.zeros_like),
        maps={n: m.clone().fill_(float("nan") if m.is_floating_point() else 255) for n, m in batch.maps.items()},
    )


def _drawn_field(name: str, spec: FieldSpec) -> ObjectField:
    """Values of all objects; ids and texts differ from object to object."""
    rng = np.random.default_rng(len(name))
    shape = (_OBJECTS, *spec.shape)
    if spec.kind == "text":
        return ObjectField.of(name, [f"{name} {i}" for i in range(_OBJECTS)], spec, _OBJECTS)
    if spec.kind == "id":
        return ObjectField.of(name, 1 + rng.permutation(int(np.prod(shape))).reshape(shape), spec, _OBJECTS)
    if spec.kind == "category":
        return ObjectField.of(name, rng.integers(0, len(spec.names), shape), spec, _OBJECTS)
    return ObjectField.of(name, rng.uniform(1, 90, shape), spec, _OBJECTS)


def _grow(image: np.ndarray, scale: int, axis: int = 0) -> np.ndarray:
    return image.repeat(scale, axis).repeat(scale, axis + 1)


def _rectangle(box: list[float]) -> bytes:
    x1, y1, x2, y2 = box
    return json.dumps([[x1, y1, x2, y1, x2, y2, x1, y2]]).encode()
