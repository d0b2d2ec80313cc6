"""COCO's panoptic format (Kirillov et al. 2019, https://cocodataset.org/#format-data): a JSON file and PNGs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import NonNegativeInt

from hub import InstanceMasks, LabelSpace
from hub.contract import IGNORE
from hub.data import InstanceDataset, InstanceOptions, PackedBytes, PackedInstances, Sample, pack_instances
from hub.errors import AnnotationError, DataError
from hub_panoptic.coco_file import PanopticCategory, SegmentInfo, read_panoptic
from hub_panoptic.ids import positions
from hub_panoptic.pngs import PngSegments, SegmentPngs
from hub_panoptic.truth import PanopticTruth

THINGS = "things"  # one class for all things; Panoptic FPN, https://arxiv.org/abs/1901.02446, section 3


class CocoPanopticOptions(InstanceOptions):
    """Options of `CocoPanoptic`.

    Attributes:
        images: folder of the images, relative to ``root``.
        annotations: JSON file, relative to ``root``.
        masks: folder of the PNGs, relative to ``root``; by default named like the JSON, as in COCO.
        semantic_from_masks: always False, because the semantic map comes from the segments.
        semantic: classes of the semantic map: ``all``, or ``stuff`` and one class ``"things"`` for all things.
        check: number of PNGs, evenly spaced, that are read when the dataset is opened, so that annotations that do not
            match are found before the first step; the others are checked when they are loaded.
    """

    images: str
    annotations: str
    masks: str | None = None
    semantic_from_masks: Literal[False] = False
    semantic: Literal["all", "stuff"] = "all"
    check: NonNegativeInt = 100


class CocoPanoptic(InstanceDataset):
    """Load things as objects with masks, a semantic map, and the panoptic segments.

    Images keep the file's order; categories are sorted by id and keep their ids. The label space ``"instances"``
    has the things, ``"panoptic"`` all categories, and ``"semantic"`` those of the option.

    Raises:
        AnnotationError: the JSON or a PNG is missing or invalid, or they do not match.
        UnknownCategoryError: a segment has a category that the file does not list.
        BadBoxesError, ImageError: see `hub.data.InstanceDataset`.
        DataError: more classes than a semantic map can store.

    >>> options = CocoPanoptic.Options(
    ...     root="/data/coco", images="val2017", annotations="annotations/panoptic_val2017.json"
    ... )
    >>> dataset = CocoPanoptic(options)                             # doctest: +SKIP
    >>> dataset.load(0, frozenset({"masks", "semantic"})).maps      # doctest: +SKIP
    """

    Options: ClassVar[type[CocoPanopticOptions]] = CocoPanopticOptions

    def __init__(self, options: CocoPanopticOptions) -> None:
        root = Path(options.root).expanduser()
        path = root / options.annotations
        file = read_panoptic(path)
        categories = sorted(file["categories"], key=lambda category: category["id"])
        infos = [segment for annotation in file["annotations"] for segment in annotation["segments_info"]]
        index = {category["id"]: k for k, category in enumerate(categories)}
        sizes = np.array([(i["height"], i["width"]) for i in file["images"]], np.int64).reshape(-1, 2)
        self.pngs = SegmentPngs(
            root / (options.masks or options.annotations.removesuffix(".json")),
            PackedBytes.pack(os.fsencode(annotation["file_name"]) for annotation in file["annotations"]),
            sizes=sizes,
            offsets=np.cumsum([0, *(len(annotation["segments_info"]) for annotation in file["annotations"])]),
            ids=np.array([segment["id"] for segment in infos], np.int64),
        )
        self._labels = np.array([index[segment["category_id"]] for segment in infos], np.int64)
        self._crowd = np.array([bool(segment.get("iscrowd")) for segment in infos], bool)
        things = [category for category in categories if category["isthing"]]
        if not things:
            raise AnnotationError(
                f"{path} has no category with isthing 1",
                fix="set isthing to 1 for the categories with countable objects",
            )
        super().__init__(
            options,
            name=str(path),
            folder=root / options.images,
            files=[image["file_name"] for image in file["images"]],
            ids=[image["id"] for image in file["images"]],
            sizes=sizes,
            instances=self._things(infos, categories),
            labels=_space(things),
        )
        where = {image["id"]: i for i, image in enumerate(file["images"])}
        self._positions = [where[id_] for id_ in self.ids]  # of the remaining images, in the file
        semantic, self._classes = _semantic(path, categories, options.semantic)
        self.label_spaces = {**self.label_spaces, "semantic": semantic, "panoptic": _space(categories)}
        self.provides = self.provides | {"semantic"}
        for i in np.unique(np.linspace(0, len(self) - 1, min(options.check, len(self))).astype(int)).tolist():
            self.pngs.read(self._positions[i])

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        """Decode an image and the annotations in ``needs``; see `hub.data.Dataset.load`."""
        rendered = needs & {"masks", "semantic"}
        objects = {"boxes"} if "masks" in needs else set()
        sample = super().load(index, (needs - rendered) | objects, in_chans=in_chans)
        if not rendered:
            return sample
        segments = self.pngs.read(self._positions[index])
        if "masks" in needs and sample.instances is not None:
            assert isinstance(self.instances.segments, PngSegments)
            span = self.instances.of_image(index)
            ids = self.instances.segments.ids[span][self.instances.usable[span]]
            sample.instances.masks = InstanceMasks.from_segments(segments, ids)
        if "semantic" in needs:
            rows = self.pngs.of_image(self._positions[index])
            classes = np.append(IGNORE, self._classes[self._labels[rows]]).astype(np.uint8)
            sample.maps = {**sample.maps, "semantic": classes[positions(segments, self.pngs.ids[rows])]}
        return sample

    def panoptic_truth(self, index: int) -> PanopticTruth:
        """Return the segments of an image; see `hub_panoptic.truth.truth_of`."""
        rows = self.pngs.of_image(self._positions[index])
        return PanopticTruth(
            segments=self.pngs.read(self._positions[index]),
            ids=self.pngs.ids[rows],
            labels=self._labels[rows],
            crowd=self._crowd[rows],
        )

    def _things(self, infos: list[SegmentInfo], categories: list[PanopticCategory]) -> PackedInstances:
        """Return the segments of things as objects, without reading their masks."""
        isthing = np.array([bool(category["isthing"]) for category in categories])
        rows = np.flatnonzero(isthing[self._labels])
        images = np.repeat(np.arange(len(self.pngs.sizes)), np.diff(self.pngs.offsets))[rows]
        boxes = np.array([infos[row]["bbox"] for row in rows], np.float64).reshape(-1, 4)
        area = np.array([infos[row].get("area") for row in rows], np.float64)  # None becomes NaN
        packed = pack_instances(
            images,
            len(self.pngs.sizes),
            ids=rows + 1,  # ids of segments are unique only within their image
            boxes=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
            labels=(np.cumsum(isthing) - 1)[self._labels[rows]],
            crowd=self._crowd[rows],
            area=np.where(np.isnan(area), boxes[:, 2:].prod(1), area),
        )
        return replace(packed, segments=PngSegments.of(self.pngs, images, self.pngs.ids[rows]))


def _space(categories: list[PanopticCategory]) -> LabelSpace:
    return LabelSpace(tuple(c["name"] for c in categories), tuple(c["id"] for c in categories))


def _semantic(path: Path, categories: list[PanopticCategory], kind: str) -> tuple[LabelSpace, np.ndarray]:
    """Return the labels of the semantic map, and the index of each category among them."""
    if kind == "all":
        labels, index = _space(categories), np.arange(len(categories))
    else:
        stuff = [category for category in categories if not category["isthing"]]
        if any(category["name"] == THINGS for category in categories):
            raise DataError(
                f"{path} has a category {THINGS!r}, but semantic: stuff uses that name for all things",
                fix="use semantic: all, or rename the category",
            )
        free = next(i for i in range(len(categories) + 1) if all(i != category["id"] for category in categories))
        labels = LabelSpace((THINGS, *(c["name"] for c in stuff)), (free, *(c["id"] for c in stuff)))
        place = {category["id"]: k for k, category in enumerate(stuff, start=1)}
        index = np.array([place.get(category["id"], 0) for category in categories])
    if len(labels) > IGNORE:
        raise DataError(
            f"{path} has {len(labels)} classes, but a semantic map stores at most {IGNORE}",
            fix="use semantic: stuff, or merge some categories",
        )
    return labels, index
