"""COCO's panoptic JSON, read and validated: the schema and the only place that knows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NotRequired

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

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
    """One segment; ``id`` is the value of its pixels, ``bbox`` is x, y, width and height in pixels."""

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
        Its content; ``annotations`` are in the order of ``images``, one for each.

    Raises:
        AnnotationError: the file is missing, not JSON or not a panoptic one, an id occurs twice, or an image has no
            annotation; the message says what and where.
        UnknownCategoryError: a segment of a category that the file does not list.
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
    if strange := next((id_ for id_ in by_image if id_ not in listed), None):
        raise AnnotationError(
            f"{path}: an annotation is of image {strange!r}, which 'images' does not list",
            fix="list that image, or remove its annotation",
        )
    if bare := [id_ for id_ in listed if id_ not in by_image]:
        raise AnnotationError(
            f"{path}: {len(bare)} of {len(listed)} images have no annotation; one of them: {bare[0]!r}",
            fix="annotate them, with an empty list of segments where nothing is, or take them off the list",
        )
    return {**content, "annotations": [by_image[image["id"]] for image in content["images"]]}


def _check_segments(path: Path, content: PanopticFile) -> None:
    categories = {category["id"] for category in content["categories"]}
    for annotation in content["annotations"]:
        ids = [segment["id"] for segment in annotation["segments_info"]]
        if len(set(ids)) < len(ids):
            raise AnnotationError(
                f"{path}: image {annotation['image_id']!r} has two segments with the id {_twice(ids)[0]}",
                fix="give every segment of an image an id of its own, in the PNG too",
            )
        for segment in annotation["segments_info"]:
            if segment["category_id"] not in categories:
                raise UnknownCategoryError(
                    f"{path}: segment {segment['id']} of image {annotation['image_id']!r} has the category id "
                    f"{segment['category_id']}, which 'categories' does not list",
                    fix="list that category, or remove its segments",
                )


def _unique(path: Path, what: str, values: Iterable[int | str]) -> None:
    if twice := _twice(values):
        raise AnnotationError(
            f"{path}: {len(twice)} {what}s occur more than once; the first: {twice[0]!r}",
            fix=f"make each {what} unique",
        )


def _twice(values: Iterable[int | str]) -> list[int | str]:
    return [value for value, count in Counter(values).items() if count > 1]


def _not_panoptic(path: Path, problem: ValidationError) -> AnnotationError:
    error = problem.errors(include_url=False)[0]
    if error["type"] == "json_invalid":
        return AnnotationError(
            f"{path} is not JSON: {error['ctx']['error']}", fix="it may be cut short: copy or export it again"
        )
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    reason = "is missing" if error["type"] == "missing" else error["msg"]
    return AnnotationError(
        f"{path} is not a file of COCO panoptic annotations: {where or 'the whole'}: {reason}",
        fix="it needs images (id, file_name, width, height), annotations (image_id, file_name, segments_info of id, "
        "category_id, bbox) and categories (id, name, isthing)",
    )
