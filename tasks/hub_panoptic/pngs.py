"""The PNGs of a panoptic dataset, decoded on demand."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from hub.data import PackedBytes
from hub.errors import AnnotationError
from hub_panoptic.ids import VOID, colors_to_ids, positions


class SegmentPngs:
    """A folder of PNGs whose colors are segment ids.

    Args:
        folder: of the PNGs.
        files: their names, one per image.
        sizes: (images, 2), height and width in pixels.
        offsets: (images + 1,), the index in ``ids`` of each image's first segment.
        ids: of the segments, as the JSON lists them.

    Raises:
        AnnotationError: a PNG is missing.
    """

    def __init__(
        self, folder: Path, files: PackedBytes, *, sizes: np.ndarray, offsets: np.ndarray, ids: np.ndarray
    ) -> None:
        self.folder, self.files = folder, files
        self.sizes, self.offsets, self.ids = sizes, offsets, ids
        self._last: tuple[int, np.ndarray] | None = None  # the segments of an image are read one after the other
        existing = set(os.listdir(folder)) if folder.is_dir() else set()
        missing = [self.path(i) for i in range(len(files)) if self.path(i).name not in existing]
        missing = [path for path in missing if not path.exists()]  # in a subfolder, or in another Unicode form
        if missing:
            raise AnnotationError(
                f"{len(missing)} of {len(files)} images have no PNG of segments, such as {missing[0]}",
                fix="unpack the PNGs beside the JSON, or set masks in the config's dataset section to their folder",
            )

    def path(self, index: int) -> Path:
        """Return the PNG of an image."""
        return self.folder / os.fsdecode(self.files[index])

    def of_image(self, index: int) -> slice:
        """Return the slice of ``ids`` that belongs to an image."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    def read(self, index: int) -> np.ndarray:
        """Return (H, W) int32, the id of each pixel's segment, 0 for void; read-only.

        Raises:
            AnnotationError: not a color PNG of the image's size, or its ids are not those of the JSON.
        """
        last = self._last  # read once: another thread may replace it
        if last is not None and last[0] == index:
            return last[1]
        segments = self._decode(index)
        ids = self.ids[self.of_image(index)]
        at = positions(segments, ids)
        fix = "use the JSON and the PNGs of the same release, or correct them"
        if len(unlisted := segments[(at == 0) & (segments != VOID)]):
            raise AnnotationError(
                f"{self.path(index)} has the segment {unlisted[0]}, which the JSON does not list for this image",
                fix=fix,
            )
        if len(absent := ids[np.bincount(at.ravel(), minlength=len(ids) + 1)[1:] == 0]):
            raise AnnotationError(
                f"{self.path(index)} has no pixel of the segment {absent[0]}, which the JSON lists", fix=fix
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
        except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError and others
            raise AnnotationError(f"{path} is not an image: {error}", fix="copy or unpack it again") from None
        if mode not in ("RGB", "RGBA"):
            raise AnnotationError(
                f"{path} has {mode} pixels, but ids are stored as RGB colors", fix="save R + 256 G + 256² B as RGB"
            )
        height, width = self.sizes[index].tolist()
        if pixels.shape[:2] != (height, width):
            raise AnnotationError(
                f"{path} has {pixels.shape[0]}×{pixels.shape[1]} pixels, but its image has {height}×{width}",
                fix="correct the PNG, or the size of the image in the JSON",
            )
        return colors_to_ids(pixels[..., :3])


@dataclass(frozen=True)
class PngSegments(PackedBytes):
    """The masks of some segments as COCO's RLE in JSON, encoded from their PNG on demand.

    ``data`` is empty; ``offsets`` only gives the number of segments.

    Attributes:
        pngs: the files.
        images: (A,) index of the image of each segment.
        ids: (A,) its id.
    """

    pngs: SegmentPngs
    images: np.ndarray
    ids: np.ndarray

    @classmethod
    def of(cls, pngs: SegmentPngs, images: np.ndarray, ids: np.ndarray) -> PngSegments:
        """Return the segments with these ids in these images."""
        return cls(np.zeros(0, np.uint8), np.arange(len(ids) + 1), pngs, images, ids)

    def __getitem__(self, index: int) -> bytes:
        mask = self.pngs.read(int(self.images[index])) == self.ids[index]
        rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
        return json.dumps({"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}).encode()

    def take(self, rows: np.ndarray) -> PngSegments:
        """Return some of the segments, without reading files."""
        return self.of(self.pngs, self.images[rows], self.ids[rows])
