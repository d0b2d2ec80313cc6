from __future__ import annotations

import numpy as np

from hub_medical.reports.overlay import contact_sheet, structure_color

NAMES = ("background", "one", "two")


def reddish(picture: np.ndarray) -> np.ndarray:
    values = picture.astype(int)
    return np.asarray(values[..., 0] - values[..., 1:].max(axis=2) > 60)


def test_a_contact_sheet_has_the_patients_proportions() -> None:
    """40 voxels of 1 mm and 10 of 4 mm are equally long, and so are they in the picture."""
    labels = np.zeros((40, 5, 10), np.uint8)
    labels[10:30, 2, 4:9] = 1  # 20 mm each, above the middle
    sheet = contact_sheet(np.full(labels.shape, 90, np.uint8), labels, NAMES, plane="coronal", spacing=(1, 1, 4))
    found = reddish(sheet[:290])
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    assert abs(len(rows) - len(columns)) <= 8
    assert 120 < len(rows) < 136
    assert rows.mean() < 140  # the head is on top


def test_a_contact_sheet_shows_the_slices_where_something_is() -> None:
    labels = np.zeros((32, 32, 30), np.uint8)
    image = np.zeros(labels.shape, np.uint8)
    empty = contact_sheet(image, labels, NAMES, plane="axial", spacing=(1, 1, 1))
    labels[4:8, 4:8, 3:5] = 1
    labels[20:28, 20:28, 4] = 2
    some = contact_sheet(image, labels, NAMES, plane="axial", spacing=(1, 1, 1))
    assert some.shape[0] < empty.shape[0] / 2  # 2 slices, and 12
    assert some.shape[1] < 3 * 256
    assert not reddish(empty[:-40]).any()
    for index in (1, 2):  # the legend names both in their colors
        assert (some[-30:] == structure_color(index)).all(axis=2).sum() > 100


def test_structures_differ_in_colour() -> None:
    colors = np.array([structure_color(i) for i in range(1, 9)], float)
    apart = np.linalg.norm(colors[:, None] - colors[None], axis=2)
    assert apart[~np.eye(8, dtype=bool)].min() > 50
