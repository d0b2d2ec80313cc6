"""Base of all formats with boxes: everything that does not depend on the file format."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from hub.contract.dataset import Dataset
from hub.contract.packed import PackedBytes, PackedInstances
from hub.contract.sample import Instances, Sample
from hub.data.annotations.boxes import BoxReport, check_boxes, clip_boxes
from hub.data.annotations.masks import decode_masks
from hub.data.annotations.packing import select_images
from hub.data.annotations.painted import paint, painted_labels
from hub.data.formats.image_options import ImageOptions, dataset_pixels
from hub.errors import AnnotationError, DataError, ImageError
from hub.images import read_image
from hub.labels import LabelSpace

logger = logging.getLogger("hub")


class InstanceOptions(ImageOptions):
    """The options that all formats with boxes have.

    Attributes:
        root: folder of the dataset.
        max_bad_boxes: fraction of the boxes that may have no area or lie outside their image; training skips them.
        skip_empty: leave out images without an object to learn from. By default they are kept as negative examples;
            detectron2's and torchvision's recipes for COCO leave them out.
        allow_outside: read images that the annotations place outside ``root``, by ``..`` or an absolute path.
        semantic_from_masks: provide the map ``"semantic"``, painted from the masks, with ``background`` added.
    """

    root: str
    max_bad_boxes: float = Field(default=0.05, ge=0, le=1)
    skip_empty: bool = False
    allow_outside: bool = False
    semantic_from_masks: bool = False


class InstanceDataset(Dataset):
    """Images with boxes, and optionally masks and keypoints.

    A format parses its file, packs the objects with `pack_instances` and passes them to this constructor, which checks
    everything: missing images and unusable boxes are found when the dataset is opened, not during an epoch.

    Args:
        options: options of the format.
        name: name for messages, usually the annotation file.
        folder: folder of the images.
        files: file names of the images, relative to ``folder``.
        ids: ids of the images.
        sizes: (len, 2), height and width in pixels of every image.
        instances: the objects, grouped by image.
        labels: their label space.

    Attributes:
        box_report: the result of checking all boxes.

    Raises:
        AnnotationError: there is no image, or an id occurs twice.
        BadBoxesError: there are more unusable boxes than ``max_bad_boxes``.
        ImageError: the file of an image is missing.
    """

    Options: ClassVar[type[InstanceOptions]] = InstanceOptions
    instances: PackedInstances
    box_report: BoxReport

    def __init__(
        self,
        options: InstanceOptions,
        *,
        name: str,
        folder: Path,
        files: Sequence[str],
        ids: Sequence[int | str],
        sizes: np.ndarray,
        instances: PackedInstances,
        labels: LabelSpace,
    ) -> None:
        self.name = name
        self.folder = folder
        self.label_spaces = {"instances": labels}
        keep = self._check(options, ids, np.asarray(sizes, np.int64), instances)
        self.ids = [id_ for id_, kept in zip(ids, keep, strict=True) if kept]
        self.sizes = np.asarray(sizes, np.int64)[keep]
        self._files = PackedBytes.pack(os.fsencode(file) for file, kept in zip(files, keep, strict=True) if kept)
        self.instances = select_images(replace(instances, usable=self.box_report.usable), keep)
        self.provides = self._available_targets()
        if options.semantic_from_masks:
            if "masks" not in self.provides:
                raise DataError(f"{name} has no masks for semantic_from_masks", fix="leave out semantic_from_masks")
            self.label_spaces = {**self.label_spaces, "semantic": painted_labels(labels, name=name)}
            self.provides |= {"semantic"}
        if not options.allow_outside:
            self._check_inside(Path(options.root).expanduser())
        self.check_files()
        self._warn_of_shared_files()
        self.pixels = dataset_pixels(self.path(0), options.value_range)

    def path(self, index: int) -> Path:
        """Return the file of an image."""
        return self.folder / os.fsdecode(self._files[index])

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        """Decode the image ``index`` with its usable boxes, clipped to the image; masks and keypoints only if needed.

        If masks are needed, an object without a segmentation becomes crowd, so that no head learns from it.

        Raises:
            ImageError: the file is missing or corrupt, or its size differs from the annotations.
            AnnotationError: a segmentation is neither polygons nor an RLE.
            DataError: ``needs`` has a target that is not in `provides`.
        """
        if missing := needs - self.provides:
            raise DataError(
                f"{self.name} has no {', '.join(sorted(missing))}, only {', '.join(sorted(self.provides))}",
                fix="choose a head that learns from these targets, or add the annotations",
            )
        height, width = (int(side) for side in self.sizes[index])
        image = self._read(self.path(index), height, width, in_chans)
        painted = "semantic" in needs
        return Sample(
            image=image,
            id=self.ids[index],
            path=self.path(index),
            original_size=(height, width),
            instances=self._objects(index, needs) if needs - {"semantic"} else None,
            maps={"semantic": paint(self._objects(index, frozenset({"masks"})), (height, width))} if painted else {},
        )

    def check_files(self) -> None:
        """Check that the file of every image exists, by listing each folder once instead of a query per file.

        Raises:
            ImageError: files are missing; the message has their number and the first.
        """
        listed: dict[str, set[str]] = {}
        missing = []
        for file in map(os.fsdecode, (self._files[i] for i in range(len(self)))):
            head, tail = os.path.split(file)
            if head not in listed:
                folder = self.folder / head
                listed[head] = set(os.listdir(folder)) if folder.is_dir() else set()
            # Check the complete path too: some file systems list names in another case or Unicode form.
            if tail not in listed[head] and not (self.folder / file).exists():
                missing.append(self.folder / file)
        if missing:
            raise ImageError(
                f"{len(missing)} of the {len(self)} image files of {self.name} are missing; the first: {missing[0]}",
                fix="check root and images in the config's dataset section",
            )

    def _check_inside(self, root: Path) -> None:
        """Reject files outside the dataset folder: an untrusted annotation file must not open arbitrary paths."""
        inside = os.path.normpath(root.absolute())
        for file in map(os.fsdecode, (self._files[i] for i in range(len(self)))):
            if ".." not in file and not os.path.isabs(file):
                continue
            path = os.path.normpath(self.folder.absolute() / file)
            if os.path.commonpath([inside, path]) != inside:
                raise AnnotationError(
                    f"{self.name} names the image {file!r}, which lies outside {root}",
                    fix="move it there, or set allow_outside: true in the dataset section if you trust the file",
                )

    def _warn_of_shared_files(self) -> None:
        """Warn about images that share a file: usually two images with the same name that an export mixed up."""
        first: dict[bytes, int] = {}
        shared = []
        for index in range(len(self)):
            other = first.setdefault(self._files[index], index)
            if other != index:
                shared.append((other, index))
        if shared:
            one, two = shared[0]
            logger.warning(
                "%s: %d images share their file with another; the first are %r and %r, both %s",
                self.name, len(shared), self.ids[one], self.ids[two], os.fsdecode(self._files[one]),
            )  # fmt: skip

    def _check(
        self, options: InstanceOptions, ids: Sequence[int | str], sizes: np.ndarray, instances: PackedInstances
    ) -> np.ndarray:
        """Set `box_report` and return which images to keep, (len,) bool."""
        if not ids:
            raise AnnotationError(f"{self.name} lists no images", fix="check that it is the right file")
        if len(set(ids)) < len(ids):
            repeated = [repr(id_) for id_, n in Counter(ids).items() if n > 1]
            raise AnnotationError(
                f"{self.name}: {len(repeated)} image ids occur more than once; the first: {repeated[0]}",
                fix="make the image ids unique",
            )
        images = np.repeat(np.arange(len(ids)), np.diff(instances.offsets))
        self.box_report = check_boxes(instances.boxes, sizes[images])
        if self.box_report:
            logger.warning("%s: %s", self.name, self.box_report)
        owners = [ids[i] for i in images.tolist()] if self.box_report.bad else []
        self.box_report.refuse(options.max_bad_boxes, name=self.name, ids=instances.ids, image_ids=owners)
        if not options.skip_empty:
            return np.ones(len(ids), bool)
        with_object = images[self.box_report.usable & ~instances.crowd]
        keep = np.bincount(with_object, minlength=len(ids)) > 0
        if not keep.any():
            raise AnnotationError(f"no image of {self.name} has an object", fix="set skip_empty to false")
        return keep

    def _available_targets(self) -> frozenset[str]:
        found = {"boxes"}
        segments = self.instances.segments
        if segments is not None:
            without = int((np.diff(segments.offsets) == 0).sum())
            if without < len(segments):
                found.add("masks")
            if 0 < without < len(segments):
                logger.warning(
                    "%s: %d of %d objects have no segmentation; heads that need masks skip them",
                    self.name, without, len(segments),
                )  # fmt: skip
        if self.instances.keypoints is not None:
            found.add("keypoints")
        return frozenset(found | self.instances.fields.keys())

    def _read(self, path: Path, height: int, width: int, in_chans: int) -> np.ndarray:
        image = read_image(path, in_chans=in_chans, pixels=self.pixels)
        if image.shape[:2] == (height, width):
            return image
        # The labeling tool may have ignored the EXIF orientation: the annotated size decides.
        as_stored = read_image(path, in_chans=in_chans, exif=False, pixels=self.pixels)
        if as_stored.shape[:2] == (height, width):
            return as_stored
        raise ImageError(
            f"{path} has {image.shape[1]}×{image.shape[0]} pixels (width × height), but its size in {self.name} is "
            f"{width}×{height}",
            fix="restore the original image, or correct its size and its boxes in the annotations",
        )

    def _objects(self, index: int, needs: frozenset[str]) -> Instances:
        packed = self.instances
        span = packed.of_image(index)
        rows = np.arange(span.start, span.stop)[packed.usable[span]]
        objects = Instances(
            boxes=clip_boxes(packed.boxes[rows], self.sizes[index]),
            labels=packed.labels[rows],
            crowd=packed.crowd[rows],
            fields={name: values[rows] for name, values in packed.fields.items() if name in needs},
        )
        if "masks" in needs and packed.segments is not None:
            height, width = (int(side) for side in self.sizes[index])
            where = [f"{self.name}: annotation {packed.ids[row]} of image {self.ids[index]!r}" for row in rows]
            objects.masks = decode_masks([packed.segments[row] for row in rows], height, width, where=where)
            objects.crowd = objects.crowd | (objects.masks.areas == 0)
        if "keypoints" in needs and packed.keypoints is not None:
            objects.keypoints = packed.keypoints[rows]
        return objects


def portable_files(folder: Path, names: Sequence[str]) -> list[str]:
    """Return file names with ``/`` instead of the backslashes of Windows tools, unless the file exists as given."""
    return [name.replace("\\", "/") if "\\" in name and not (folder / name).exists() else name for name in names]
