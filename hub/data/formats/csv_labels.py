"""A CSV table of images and their labels: any number of classes per image, some of them unknown."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from hub.data.formats.image_options import ImageOptions
from hub.data.formats.listed import ListedDataset
from hub.errors import AnnotationError, DataError, did_you_mean
from hub.labels import LabelSpace

_KNOWN = {"0": 0.0, "0.0": 0.0, "1": 1.0, "1.0": 1.0}
_UNKNOWN = {"mask": np.nan, "zero": 0.0, "one": 1.0}


class CsvOptions(ImageOptions):
    """Options of `CsvLabels`.

    Attributes:
        root: folder of the dataset.
        file: the CSV file in ``root``, with a header.
        images: folder of the images in ``root``.
        column: column with the names of the images; by default the first.
        classes: columns of the classes; by default all others.
        unknown: meaning of an empty cell or −1: ``mask`` ignores it, ``zero`` and ``one`` replace it. It must be given
            if the table has such cells, because it changes what is learned.
    """

    root: str
    file: str
    images: str = "."
    column: str | None = None
    classes: tuple[str, ...] | None = None
    unknown: Literal["mask", "zero", "one"] | None = None


class CsvLabels(ListedDataset):
    """The tag ``"labels"``: (classes,) float32 of 0, 1, and NaN if unknown.

    Raises:
        AnnotationError: the table cannot be read, lacks a column, or has a cell that is not a label.
        DataError: there are unknown labels, but ``unknown`` is not given.
    """

    Options: ClassVar[type[CsvOptions]] = CsvOptions

    def __init__(self, options: CsvOptions) -> None:
        root = Path(options.root).expanduser()
        path = root / options.file
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                header, *rows = list(csv.reader(file)) or [[]]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise AnnotationError(f"{path} cannot be read: {error}", fix="check root and file") from None
        column = options.column or (header[0] if header else "")
        classes = options.classes if options.classes is not None else tuple(name for name in header if name != column)
        for name in (column, *classes):
            if name not in header:
                raise AnnotationError(
                    f"{path} has no column {name!r}.{did_you_mean(name, header)}", fix=f"it has {', '.join(header)}"
                )
        place, places = header.index(column), [header.index(name) for name in classes]
        files: list[str] = []
        values = np.zeros((len(rows), len(classes)), np.float32)
        for number, row in enumerate(rows):
            if len(row) != len(header):
                raise AnnotationError(
                    f"{path}, line {number + 2}: {len(row)} cells, but {len(header)} columns", fix="correct the line"
                )
            files.append(row[place])
            values[number] = [_value(row[i].strip(), f"{path}, line {number + 2}", options.unknown) for i in places]
        super().__init__(
            name=str(path),
            folder=root / options.images,
            files=files,
            label_spaces={"labels": LabelSpace(classes)},
            value_range=options.value_range,
        )
        self.values = values

    def annotations(self, index: int, needs: frozenset[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the labels of an image."""
        return {}, {"labels": self.values[index]} if "labels" in needs else {}


def _value(cell: str, where: str, unknown: str | None) -> float:
    if cell in _KNOWN:
        return _KNOWN[cell]
    if cell not in ("", "-1", "-1.0"):
        raise AnnotationError(f"{where}: {cell!r} is not a label", fix="write 0, 1, or nothing if it is unknown")
    if unknown is None:
        raise DataError(f"{where}: an unknown label", fix="set the option unknown to mask, zero or one")
    return _UNKNOWN[unknown]
