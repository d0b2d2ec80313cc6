"""Read and validate COCO's panoptic JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NotRequired

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic accepts typing's only from Python 3.12

from hub.errors import AnnotationError, UnknownCategoryError

_Side = Annotated[int, Field(gt=0)]


class PanopticImage(TypedDict):
    """One entry of ``images``; sides in pixels."""

    id: int | str
    file_name: str
    width: _Side
    height: _Side


class PanopticCategory(TypedDict):
    """One entry of ``categories``."""

    id: int
    name: str
    isthing: Annotated[int, Field(ge=0, le=1)]


class SegmentInfo(TypedDict):
    """One segment; ``id`` is the value of its pixels, ``bbox`` is x y width height in pixels."""

    id: Annotated[int, Field(gt=0, lt=256**3)]
    category_id: int
    bbox: tuple[float, float, float, float]
    area: NotRequired[float | None]
    iscrowd: NotRequired[int | None]


class PanopticAnnotation(TypedDict):
    """One entry of ``annotations``: an image's PNG and its segments."""

    image_id: int | str
    file_name: str
    segments_info: list[SegmentInfo]


class PanopticFile(TypedDict):
    """The content of a file of panoptic annotations."""

    images: list[PanopticImage]
    annotations: list[PanopticAnnotation]
    categories: Annotated[list[PanopticCategory], Field(min_length=1)]


_CONTENT = TypeAdapter(PanopticFile)


def read_panoptic(path: Path) -> PanopticFile:
    """Read a file of panoptic annotations.

    Returns:
        Its content, with one of ``annotations`` per image, in the order of ``images``.

    Raises:
        AnnotationError: the file is missing, not JSON or not panoptic annotations, an id occurs twice, or an image has
            no annotation; the message says what and where.
        UnknownCategoryError: a segment has a category that the file does not list.
    """
    try:
        content = _CONTENT.validate_json(path.read_bytes())
    except OSError as error:
        raise AnnotationError(
            f"annotation file {path} cannot be read: {error.strerror or error}",
            fix="check root and annotations in the config's dataset section",
        ) from None
    except ValidationError as error:
        raise _not_panoptic(path, error) from None
    _unique(path, "category id", (c["id"] for c in content["categories"]))
    _unique(path, "category name", (c["name"] for c in content["categories"]))
    _unique(path, "image id", (i["id"] for i in content["images"]))
    _unique(path, "annotated image id", (a["image_id"] for a in content["annotations"]))
    _check_segments(path, content)
    by_image = {annotation["image_id"]: annotation for annotation in content["annotations"]}
    listed = {image["id"] for image in content["images"]}
    if unlisted := next((id_ for id_ in by_image if id_ not in listed), None):
        raise AnnotationError(
            f"{path}: an annotation belongs to image {unlisted!r}, which 'images' does not list",
            fix="list that image, or remove its annotation",
        )
    if unannotated := [id_ for id_ in listed if id_ not in by_image]:
        raise AnnotationError(
            f"{path}: {len(unannotated)} of {len(listed)} images have no annotation, such as {unannotated[0]!r}",
            fix="annotate them, with an empty list of segments if there are none, or remove them from 'images'",
        )
    return {**content, "annotations": [by_image[image["id"]] for image in content["images"]]}


def _check_segments(path: Path, content: PanopticFile) -> None:
    categories = {category["id"] for category in content["categories"]}
    for annotation in content["annotations"]:
        ids = [segment["id"] for segment in annotation["segments_info"]]
        if len(set(ids)) < len(ids):
            raise AnnotationError(
                f"{path}: image {annotation['image_id']!r} has two segments with the id {_duplicates(ids)[0]}",
                fix="give every segment of an image a different id, in the PNG too",
            )
        for segment in annotation["segments_info"]:
            if segment["category_id"] not in categories:
                raise UnknownCategoryError(
                    f"{path}: segment {segment['id']} of image {annotation['image_id']!r} has the category id "
                    f"{segment['category_id']}, which 'categories' does not list",
                    fix="list that category, or remove its segments",
                )


def _unique(path: Path, what: str, values: Iterable[int | str]) -> None:
    if duplicates := _duplicates(values):
        raise AnnotationError(
            f"{path}: {len(duplicates)} {what}s occur more than once, such as {duplicates[0]!r}",
            fix=f"make each {what} unique",
        )


def _duplicates(values: Iterable[int | str]) -> list[int | str]:
    return [value for value, count in Counter(values).items() if count > 1]


def _not_panoptic(path: Path, invalid: ValidationError) -> AnnotationError:
    error = invalid.errors(include_url=False)[0]
    if error["type"] == "json_invalid":
        return AnnotationError(
            f"{path} is not JSON: {error['ctx']['error']}", fix="the file may be truncated: copy or export it again"
        )
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    reason = "is missing" if error["type"] == "missing" else error["msg"]
    return AnnotationError(
        f"{path} is not a file of COCO panoptic annotations: {where or 'the content'}: {reason}",
        fix="it needs images (id, file_name, width, height), annotations (image_id, file_name, segments_info of id, "
        "category_id, bbox) and categories (id, name, isthing)",
    )
