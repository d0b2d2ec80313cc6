"""COCO's JSON file: its schema, reading and validation."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from hub.errors import AnnotationError
from hub.text_files import UTF16, decode_text


class CocoImage(TypedDict):
    """One entry of ``images``; sides in pixels, read from the image file where they are missing."""

    id: int | str
    file_name: str
    width: NotRequired[PositiveInt | None]
    height: NotRequired[PositiveInt | None]


class CocoCategory(TypedDict):
    """One entry of ``categories``."""

    id: int
    name: str
    supercategory: NotRequired[str | None]
    keypoints: NotRequired[list[str]]


class CocoAnnotation(TypedDict):
    """One entry of ``annotations``.

    ``bbox`` is x, y, width and height in pixels. ``segmentation`` is the position of its text in `CocoFile.segments`.
    """

    id: NotRequired[int | str | None]
    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float]
    area: NotRequired[float | None]
    iscrowd: NotRequired[int | None]
    segmentation: NotRequired[Annotated[int, Field(strict=True)]]
    keypoints: NotRequired[list[float] | None]


class _Content(TypedDict):
    images: list[CocoImage]
    annotations: list[CocoAnnotation]
    categories: Annotated[list[CocoCategory], Field(min_length=1)]


class _OpenAnnotation(CocoAnnotation):
    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]


class _OpenContent(_Content):
    annotations: list[_OpenAnnotation]  # type: ignore[misc]


_CONTENT = TypeAdapter(_Content)
_OPEN_CONTENT = TypeAdapter(_OpenContent)

# A segmentation's value: polygons, an RLE, or a single word such as null. In valid JSON the quoted word before a colon
# can only be a key, because a quote inside a string has a backslash before it.
_SEGMENTATION = re.compile(rb'(?<!\\)"segmentation"\s*:\s*(\[[\[\]\d\s.,eE+-]*\]|\{[^{}]*\}|[^\s,\[\]{}"]+)')
_NO_POLYGON = b"[],"


@dataclass(frozen=True)
class CocoFile:
    """The content of a file of COCO instances.

    Attributes:
        images: in the file's order.
        annotations: in the file's order.
        categories: in the file's order.
        segments: the JSON text of segmentations, empty for one without polygons.
    """

    images: list[CocoImage]
    annotations: list[CocoAnnotation]
    categories: list[CocoCategory]
    segments: list[bytes]


def read_coco(path: Path, *, extra_keys: bool = False) -> CocoFile:
    """Read a file of COCO instances.

    Args:
        path: of the file.
        extra_keys: keep the keys of annotations that `CocoAnnotation` does not name.

    The segmentations, most of such a file, stay text until a mask is needed: they are cut out before the rest is
    parsed. With as many images and objects as COCO's train2017 (537 MB) that takes 8 s and 1.8 GB, where ``json.loads``
    alone takes 18 s or more and 3.9 GB.

    Raises:
        AnnotationError: the file is missing, not JSON, or not COCO's; the message says what is wrong and where.
    """
    segments: list[bytes] = []

    def cut(match: re.Match[bytes]) -> bytes:
        segment = match[1].translate(None, b" \t\r\n")
        segments.append(b"" if segment == b"null" or not segment.strip(_NO_POLYGON) else segment)
        return b'"segmentation":%d' % (len(segments) - 1)

    try:
        content = (_OPEN_CONTENT if extra_keys else _CONTENT).validate_json(_SEGMENTATION.sub(cut, _utf8(path)))
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path} is not JSON: {error}", fix="save it as UTF-8") from None
    except OSError as error:
        raise AnnotationError(
            f"annotation file {path} cannot be read: {error.strerror or error}",
            fix="check root and annotations in the config's dataset section",
        ) from None
    except ValidationError as error:
        raise _not_coco(path, error.errors(include_url=False)[0]) from None
    return CocoFile(content["images"], [*content["annotations"]], content["categories"], segments)


def _utf8(path: Path) -> bytes:
    """Return the file's bytes as UTF-8 without a byte-order mark; a large file is not decoded and encoded again."""
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF8, *UTF16)):
        return decode_text(content).encode()
    return content


def _not_coco(path: Path, error: ErrorDetails) -> AnnotationError:
    if error["type"] == "json_invalid":
        try:  # again as it is in the file, for the line and column
            from_json(_utf8(path))
            reason = str(error["ctx"]["error"])
        except ValueError as in_file:
            reason = str(in_file)
        return AnnotationError(f"{path} is not JSON: {reason}", fix="it may be cut short: copy or export it again")
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    reason = "must be polygons or an RLE" if where.endswith(".segmentation") else error["msg"]
    if error["type"] == "missing":
        reason = "is missing"
    return AnnotationError(
        f"{path} is not a file of COCO instances: {where or 'the file'}: {reason}",
        fix="it needs images (id, file_name), annotations (image_id, category_id, bbox) and categories (id, name)",
    )
