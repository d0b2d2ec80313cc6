"""The PNGs of a panoptic dataset, decoded when they are asked for."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from hub.data import PackedBytes
from hub.errors import AnnotationError
from hub_panoptic.ids import VOID, colours_to_ids, places


class SegmentPngs:
    """A folder of PNGs whose colours are segments.

    Args:
        folder: of the PNGs.
        files: their names, one an image.
        sizes: (images, 2), height and width in pixels.
        offsets: (images + 1,), where each image's segments begin in ``ids``.
        ids: of the segments, as the JSON lists them.

    Raises:
        AnnotationError: a PNG is missing.
    """

    def __init__(
        self, folder: Path, files: PackedBytes, *, sizes: np.ndarray, offsets: np.ndarray, ids: np.ndarray
    ) -> None:
        self.folder, self.files = folder, files
        self.sizes, self.offsets, self.ids = sizes, offsets, ids
        self._last: tuple[int, np.ndarray] | None = None  # who asks for one segment asks for its neighbours
        there = set(os.listdir(folder)) if folder.is_dir() else set()
        missing = [self.path(i) for i in range(len(files)) if self.path(i).name not in there]
        missing = [path for path in missing if not path.exists()]  # in a folder below, or in another Unicode form
        if missing:
            raise AnnotationError(
                f"{len(missing)} of {len(files)} images have no PNG of segments; the first: {missing[0]}",
                fix="unpack the PNGs beside the JSON, or name their folder: masks in the config's dataset section",
            )

    def path(self, index: int) -> Path:
        """The file of an image's segments."""
        return self.folder / os.fsdecode(self.files[index])

    def of_image(self, index: int) -> slice:
        """The rows of an image's segments."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    def read(self, index: int) -> np.ndarray:
        """(H, W) int32, the id of each pixel's segment and 0 where there is none; not to be written to.

        Raises:
            AnnotationError: no colour PNG of the image's size, or its ids are not those of the JSON.
        """
        last = self._last  # once: another thread may replace it
        if last is not None and last[0] == index:
            return last[1]
        segments = self._decode(index)
        ids = self.ids[self.of_image(index)]
        at = places(segments, ids)
        fix = "take the JSON and the PNGs of one release, or mend them"
        if len(strange := segments[(at == 0) & (segments != VOID)]):
            raise AnnotationError(
                f"{self.path(index)} shows the segment {strange[0]}, which the JSON does not list for this image",
                fix=fix,
            )
        if len(absent := ids[np.bincount(at.ravel(), minlength=len(ids) + 1)[1:] == 0]):
            raise AnnotationError(
                f"{self.path(index)} lacks the segment {absent[0]}, which the JSON lists, but no pixel has", fix=fix
            )
        segments.setflags(write=False)
        self._last = index, segments
        return segments

    def _decode(self, index: int) -> np.ndarray:
        from PIL import Image

        path = self.path(index)
        try:
            with Image.open(path) as file:
                mode, pixels = file.mode, np.array(file)
        except Exception as error:  # Pillow raises many kinds: OSError, SyntaxError, ValueError…
            raise AnnotationError(f"{path} is not an image: {error}", fix="copy or unpack it again") from None
        if mode not in ("RGB", "RGBA"):
            raise AnnotationError(
                f"{path} has {mode} pixels, not colours that are ids", fix="save R + 256 G + 256² B as RGB"
            )
        height, width = self.sizes[index].tolist()
        if pixels.shape[:2] != (height, width):
            raise AnnotationError(
                f"{path} has {pixels.shape[0]}×{pixels.shape[1]} pixels, but its image {height}×{width}",
                fix="mend the PNG, or the image's size in the JSON",
            )
        return colours_to_ids(pixels[..., :3])


@dataclass(frozen=True)
class PngSegments(PackedBytes):
    """The masks of some segments as COCO's RLE in JSON, made of their PNG when one is asked for.

    ``data`` and ``offsets`` hold nothing but that each of them is there.

    Attributes:
        pngs: to read.
        images: (A,) the image of each segment.
        ids: (A,) its id.
    """

    pngs: SegmentPngs
    images: np.ndarray
    ids: np.ndarray

    @classmethod
    def of(cls, pngs: SegmentPngs, images: np.ndarray, ids: np.ndarray) -> PngSegments:
        """The segments with these ids on these images."""
        return cls(np.zeros(0, np.uint8), np.arange(len(ids) + 1), pngs, images, ids)

    def __getitem__(self, index: int) -> bytes:
        mask = self.pngs.read(int(self.images[index])) == self.ids[index]
        rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
        return json.dumps({"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}).encode()

    def take(self, rows: np.ndarray) -> PngSegments:
        """Some of the segments; nothing is read."""
        return self.of(self.pngs, self.images[rows], self.ids[rows])
