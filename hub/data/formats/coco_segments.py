"""Checks of the segmentations of a COCO file on their text, because parsing those of a large file takes minutes."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hub.data.annotations.rle_totals import rle_totals
from hub.data.formats.coco_file import CocoAnnotation, CocoFile
from hub.errors import AnnotationError

log = logging.getLogger("hub")

_SIZE = re.compile(rb'"size":\[(\d+),(\d+)\]')
_COMPRESSED = re.compile(rb'"counts":"((?:[^"\\]|\\.)*)"')
_RUNS = re.compile(rb'"counts":\[([^\]]*)\]')


def checked_segments(path: Path, file: CocoFile, images: np.ndarray, sizes: np.ndarray) -> list[bytes]:
    """Return the text of the segmentation of each annotation; empty if it has none that is valid.

    A polygon that is not nested, ``[x0, y0, …]``, is read as one polygon. Polygons with fewer than three points or an
    odd number of coordinates are dropped; their number is logged.

    Args:
        path: path of the file, for messages.
        file: its content.
        images: (A,) index of the image of each annotation.
        sizes: (images, 2) height and width in pixels.

    Raises:
        AnnotationError: the size or the runs of an RLE do not match its image.
    """
    found = [file.segments[a["segmentation"]] if "segmentation" in a else b"" for a in file.annotations]
    found = [_nested(segment) for segment in found]
    dropped: list[CocoAnnotation] = []
    for row, (annotation, segment) in enumerate(zip(file.annotations, found, strict=True)):
        if segment[:1] == b"[" and (kept := _usable_polygons(segment)) is not segment:
            found[row] = kept
            dropped.append(annotation)
    if dropped:
        log.warning(
            "%s: left out polygons of fewer than three points or an odd number of coordinates in %d annotations; the "
            "first is annotation %s of image %r",
            path, len(dropped), dropped[0].get("id"), dropped[0]["image_id"],
        )  # fmt: skip
    _check_rles(path, file.annotations, found, sizes[images])
    return found


def _nested(segment: bytes) -> bytes:
    return b"[%b]" % segment if segment[:1] == b"[" and segment[1:2] not in b"[]" else segment


def _usable_polygons(segment: bytes) -> bytes:
    """Return the segmentation with its valid polygons, judged by the number of commas; itself if all are valid."""
    polygons = [part[part.rfind(b"[") + 1 :] for part in segment.split(b"]") if b"[" in part]
    counts = [polygon.count(b",") + 1 if polygon else 0 for polygon in polygons]
    if all(count >= 6 and count % 2 == 0 for count in counts):
        return segment
    kept = [p for p, count in zip(polygons, counts, strict=True) if count >= 6 and count % 2 == 0]
    return b"[[" + b"],[".join(kept) + b"]]" if kept else b""


def _check_rles(
    path: Path, annotations: Sequence[CocoAnnotation], segments: Sequence[bytes], sizes: np.ndarray
) -> None:
    rows = [row for row, segment in enumerate(segments) if segment[:1] == b"{"]
    counted: list[tuple[int, bytes]] = []
    for row in rows:
        segment = segments[row]
        told = _SIZE.search(segment)
        height, width = sizes[row].tolist()
        if told and (int(told[1]), int(told[2])) != (height, width):
            raise _error(path, annotations[row], f"has {int(told[1])}×{int(told[2])} pixels", height, width)
        if compressed := _COMPRESSED.search(segment):
            text = compressed[1]
            counted.append((row, json.loads(b'"%b"' % text).encode() if b"\\" in text else text))
        elif runs := _RUNS.search(segment):
            try:
                values = [int(float(run)) for run in runs[1].split(b",") if run]
            except (ValueError, OverflowError):
                values = [-1]
            if min(values, default=0) < 0 or sum(values) != height * width:
                raise _error(path, annotations[row], f"has runs that sum to {sum(values)} pixels", height, width)
    totals = rle_totals([text for _, text in counted])
    for (row, _), total in zip(counted, totals.tolist(), strict=True):
        height, width = sizes[row].tolist()
        if total != height * width:
            raise _error(path, annotations[row], f"has runs that sum to {total} pixels", height, width)


def _error(path: Path, annotation: CocoAnnotation, what: str, height: int, width: int) -> AnnotationError:
    return AnnotationError(
        f"{path}: the mask of annotation {annotation.get('id')} {what}, but image {annotation['image_id']!r} has "
        f"{height}×{width} (height × width)",
        fix="correct the size of the image or of the mask, or remove the segmentation",
    )
