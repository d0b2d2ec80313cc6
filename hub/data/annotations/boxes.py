"""Check boxes: find and count invalid ones, and raise an error if there are too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hub.errors import BadBoxesError

# COCO's coordinates have two decimals: rounding alone may move the far side of a box this far outside.
_SLACK = 0.01


@dataclass(frozen=True)
class BoxReport:
    """The result of `check_boxes`; each box counts once.

    Attributes:
        total: number of boxes.
        zero_area: boxes without a positive width and height.
        outside: boxes with an area, but completely outside the image.
        not_finite: boxes with a coordinate that is NaN or infinite.
        partly_outside: boxes that are valid after clipping to the image; these are not bad.
        usable: (total,) bool, False for bad boxes.
    """

    total: int
    zero_area: int
    outside: int
    not_finite: int
    partly_outside: int
    usable: np.ndarray

    @property
    def bad(self) -> int:
        """The number of bad boxes, which training skips."""
        return self.zero_area + self.outside + self.not_finite

    def __bool__(self) -> bool:
        return self.bad + self.partly_outside > 0

    def __str__(self) -> str:
        found = (
            (self.zero_area, "without area"),
            (self.outside, "outside the image"),
            (self.not_finite, "not finite"),
            (self.partly_outside, "clipped to the image"),
        )
        return f"{self.total} boxes: {', '.join(f'{n} {what}' for n, what in found if n) or 'all valid'}"

    def refuse(self, limit: float, *, name: str, ids: np.ndarray, image_ids: Sequence[int | str]) -> None:
        """Raise an error if there are more bad boxes than allowed.

        Args:
            limit: fraction of the boxes that may be bad, 0 to 1.
            name: the annotation file, for the message.
            ids: (total,) the annotations' ids.
            image_ids: (total,) the id of each box's image.

        Raises:
            BadBoxesError: the message has the file, the counts and a few of the boxes.
        """
        if self.bad <= limit * self.total:
            return
        first = np.flatnonzero(~self.usable)[:3]
        examples = ", ".join(f"annotation {ids[i]} of image {image_ids[i]}" for i in first)
        raise BadBoxesError(
            f"{name}: {self.bad} of {self}. That is {self.bad / self.total:.1%} bad boxes, more than the limit of "
            f"{limit:.1%}; the first: {examples}",
            fix="correct the annotations, or increase max_bad_boxes (a fraction) in the config's dataset section",
        )


def check_boxes(boxes: np.ndarray, sizes: np.ndarray) -> BoxReport:
    """Find boxes without area, outside their image, or with coordinates that are not finite.

    Boxes are checked as training uses them: in float32 and clipped to the image.

    Args:
        boxes: (A, 4) floats, x1 y1 x2 y2 in pixels.
        sizes: (A, 2), height and width in pixels of each box's image.

    >>> report = check_boxes(np.array([[0, 0, 9, 9], [5, 5, 5, 8], [20, 2, 30, 8], [5, 5, 11, 8]]), np.full((4, 2), 10))
    >>> print(report)
    4 boxes: 1 without area, 1 outside the image, 1 clipped to the image
    >>> report.usable.tolist()
    [True, False, False, True]
    """
    clipped = clip_boxes(boxes, sizes)
    finite = np.isfinite(boxes).all(1)
    with np.errstate(over="ignore", invalid="ignore"):
        some_area = finite & _has_area(boxes.astype(np.float32))
        inside = some_area & _has_area(clipped)
        partly = inside & (np.abs(boxes - clipped).max(1, initial=0) > _SLACK)
    return BoxReport(
        total=len(boxes),
        zero_area=int((finite & ~some_area).sum()),
        outside=int((some_area & ~inside).sum()),
        not_finite=int((~finite).sum()),
        partly_outside=int(partly.sum()),
        usable=inside,
    )


def clip_boxes(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Clip boxes to their images.

    Args:
        boxes: (A, 4) floats, x1 y1 x2 y2 in pixels.
        sizes: (A, 2) or (2,), height and width in pixels.

    Returns:
        (A, 4) float32.

    >>> clip_boxes(np.array([[-3.0, 2, 12, 8]]), np.array([10, 10])).tolist()
    [[0.0, 2.0, 10.0, 8.0]]
    """
    limits = np.asarray(sizes)[..., [1, 0, 1, 0]]
    inside: np.ndarray = np.clip(boxes, 0, limits).astype(np.float32)
    return inside


def _has_area(boxes: np.ndarray) -> np.ndarray:
    solid: np.ndarray = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
    return solid
