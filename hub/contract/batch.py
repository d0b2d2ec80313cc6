"""The input of a model: a batch of padded images and, for training, padded targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hub.contract.box_masks import BoxMasks
from hub.errors import PixelFormatError
from hub.pixel_format import ValueRange


@dataclass
class InstanceTargets:
    """Annotated objects, padded to the largest number N in the batch.

    Attributes:
        boxes: (B, N, 4) float32, x1 y1 x2 y2 in pixels of the resized image; zeros where there is no object.
        labels: (B, N) int64 indices into the head's `LabelSpace`; 0 where there is no object.
        valid: (B, N) bool, True for an object to learn from.
        crowd: (B, N) bool, True for a COCO crowd region; never valid, kept for heads that ignore such regions.
        masks: on grids of a fixed size around the objects, or None when no head needs them.
        keypoints: (B, N, K, 3) float32, x y in pixels and COCO's visibility 0/1/2, or None.
        fields: further values of each object by name, each (B, N, …), such as an angle or a track id; where there is
            no object they are the field's ``fill``: see `hub.FieldSpec`.
        texts: the fields that are text, by name: for each image N strings, empty where there is no object.
    """

    boxes: Tensor
    labels: Tensor
    valid: Tensor
    crowd: Tensor
    masks: BoxMasks | None = None
    keypoints: Tensor | None = None
    fields: Mapping[str, Tensor] = field(default_factory=dict)
    texts: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)

    @property
    def provides(self) -> frozenset[str]:
        """The names of the annotations that are present."""
        optional = {"masks": self.masks, "keypoints": self.keypoints}
        there = {name for name, value in optional.items() if value is not None}
        return frozenset({"boxes", *there, *self.fields, *self.texts})

    def apply(self, function: Callable[[Tensor], Tensor]) -> InstanceTargets:
        """Return the targets with a function applied to each tensor, such as one that moves it to a device."""
        return InstanceTargets(
            boxes=function(self.boxes),
            labels=function(self.labels),
            valid=function(self.valid),
            crowd=function(self.crowd),
            masks=None if self.masks is None else self.masks.apply(function),
            keypoints=None if self.keypoints is None else function(self.keypoints),
            fields={name: function(values) for name, values in self.fields.items()},
            texts=self.texts,
        )


@dataclass
class Batch:
    """Images of one size with their targets.

    There are three kinds of targets: of objects, of pixels and of images. The targets of a new task are of one of these
    kinds, so that loading, augmenting and padding do not depend on the task.

    Attributes:
        images: (B, C, H, W) uint8, int16 or float32, padded at the right and the bottom with 0.
        sizes: (B, 2) int64, height and width in pixels of each image inside the padding.
        original_sizes: (B, 2) int64, height and width of the image files.
        ids: the images' ids in their dataset.
        instances: objects, or None.
        maps: per pixel, by name, each (B, …, H, W), with further axes such as depth where images are volumes; integers
            are padded with 255, floats with NaN.
        tags: per image, by name, each (B, …).
        value_range: the pixel values that mean 0 and 1; must be that of the model's ``preprocessing.pixels``.
    """

    images: Tensor
    sizes: Tensor
    original_sizes: Tensor
    ids: Sequence[int | str] = ()
    instances: InstanceTargets | None = None
    maps: Mapping[str, Tensor] = field(default_factory=dict)
    tags: Mapping[str, Tensor] = field(default_factory=dict)
    value_range: ValueRange = (0.0, 255.0)

    def __len__(self) -> int:
        return self.images.shape[0]

    def image_id(self, index: int) -> int | str:
        """Return the id of an image in its dataset, or its position where the batch has no ids."""
        return self.ids[index] if index < len(self.ids) else index

    def original_size(self, index: int) -> tuple[int, int]:
        """Return the height and width of an image file in pixels."""
        height, width = self.original_sizes[index].tolist()
        return height, width

    def to_original(self, maps: Tensor) -> Iterator[Tensor]:
        """Bring maps of the padded images to the sizes of the image files, by bilinear interpolation.

        Args:
            maps: (B, C, h, w) of any resolution, floats that cover the padded images.

        Yields:
            For each image (C, H, W) float32, without the padding, at the size of its file.

        >>> batch = Batch(torch.zeros(1, 3, 8, 8), torch.tensor([[8, 4]]), torch.tensor([[16, 8]]))
        >>> [values.shape for values in batch.to_original(torch.zeros(1, 5, 2, 2))]
        [torch.Size([5, 16, 8])]
        """
        for i, values in enumerate(maps):
            height, width = self.sizes[i].tolist()
            full = F.interpolate(values[None].float(), size=self.images.shape[2:], mode="bilinear")
            inside = full[..., :height, :width]
            if (height, width) != self.original_size(i):
                inside = F.interpolate(inside, size=self.original_size(i), mode="bilinear")
            yield inside[0]

    @property
    def provides(self) -> frozenset[str]:
        """The names of the targets, as `hub.Head.needs` uses them."""
        objects = frozenset[str]() if self.instances is None else self.instances.provides
        return objects | {*self.maps, *self.tags}

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """Return the batch with every tensor on ``device``."""
        return self.apply(lambda t: t.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """Return the batch in pinned memory; `torch.utils.data.DataLoader` calls this."""
        return self.apply(lambda t: t.pin_memory())

    def apply(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """Return the batch with a function applied to each tensor."""
        return replace(
            self,
            images=function(self.images),
            sizes=function(self.sizes),
            original_sizes=function(self.original_sizes),
            instances=None if self.instances is None else self.instances.apply(function),
            maps={name: function(values) for name, values in self.maps.items()},
            tags={name: function(values) for name, values in self.tags.items()},
        )


def pad_images(images: Sequence[np.ndarray], *, divisor: int = 32) -> tuple[Tensor, Tensor]:
    """Stack images of different sizes, padded with 0 at the right and the bottom.

    Args:
        images: each (H, W, C), all of one dtype and one number of channels.
        divisor: the padded height and width are multiples of this.

    Returns:
        (B, C, H, W) of that dtype in channels_last layout, and (B, 2) int64 sizes.

    Raises:
        PixelFormatError: the images differ in dtype or number of channels.

    >>> images, sizes = pad_images([np.ones((30, 20, 3), np.uint8), np.ones((10, 40, 3), np.uint8)])
    >>> tuple(images.shape), sizes.tolist()
    ((2, 3, 32, 64), [[30, 20], [10, 40]])
    """
    kinds = {(image.dtype, image.shape[2]) for image in images}
    if len(kinds) > 1:
        found = " and ".join(sorted(f"{channels} channels of {dtype}" for dtype, channels in kinds))
        raise PixelFormatError(f"a batch cannot hold images of {found}", fix="convert the images to one kind")
    sizes = np.array([image.shape[:2] for image in images], dtype=np.int64)
    height, width = (int(-(-side // divisor) * divisor) for side in sizes.max(axis=0))
    padded = np.zeros((len(images), height, width, images[0].shape[2]), images[0].dtype)
    for row, image in zip(padded, images, strict=True):
        row[: image.shape[0], : image.shape[1]] = image
    return torch.from_numpy(padded).permute(0, 3, 1, 2), torch.from_numpy(sizes)
