"""Fields of objects move with the image by the rule that each declares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contract.fields import FieldSpec, ObjectField
from hub.contract.sample import Instances, Sample
from hub.data.functional.affine import affine, affine_matrix
from hub.data.functional.compose import with_objects
from hub.data.functional.geometry import crop, mirror, pad, resize
from hub.data.loading.collate import collate
from hub.errors import ContractError


def scaled_up(values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return values * matrix[0, 0]


def sample(count: int = 2, *, first_id: int = 7) -> Sample:
    specs = {
        "angle": (np.linspace(10, 80, count), FieldSpec("angle")),
        "axis": (np.linspace(0.1, 3.0, count), FieldSpec("angle", unit="radians", period=180)),
        "tip": (np.full((count, 2), (4.0, 6.0)), FieldSpec("point")),
        "speed": (np.full((count, 2), (2.0, 0.0)), FieldSpec("vector")),
        "extent": (np.full((count, 2), (8.0, 4.0)), FieldSpec("size")),
        "radius": (np.full(count, 3.0), FieldSpec("length")),
        "meters": (np.full((count, 3), (1.0, 2.0, 4.0)), FieldSpec("fixed", shape=(3,))),
        "track_id": (np.arange(first_id, first_id + count), FieldSpec("id")),
        "color": (np.zeros(count, int), FieldSpec("category", names=("red", "blue"))),
        "note": (np.array(["a cat"] * count), FieldSpec("text")),
        "own": (np.full(count, 2.0), FieldSpec("custom", move=scaled_up)),
    }
    boxes = np.tile(np.array([[2, 2, 10, 12]], np.float32), (count, 1))
    fields = {name: ObjectField.of(name, values, spec, count) for name, (values, spec) in specs.items()}
    instances = Instances(boxes, np.zeros(count, np.int64), np.zeros(count, bool), fields=fields)
    return Sample(np.zeros((20, 30, 3), np.uint8), 1, Path("a.png"), (20, 30), instances=instances)


def values(sample: Sample) -> dict[str, list[object]]:
    assert sample.instances is not None
    return {name: field.values.tolist() for name, field in sample.instances.fields.items()}


def test_resizing_scales_lengths_and_moves_points() -> None:
    before, after = values(sample()), values(resize(sample(), (40, 60)))
    assert after["tip"] == [[8, 12]] * 2
    assert after["speed"] == [[4, 0]] * 2
    assert after["extent"] == [[16, 8]] * 2
    assert after["radius"] == [6, 6]
    assert after["own"] == [4, 4]
    for name in ("angle", "axis", "meters", "track_id", "color", "note"):
        assert after[name] == before[name], name
    uneven = values(resize(sample(), (20, 60)))
    assert uneven["extent"] == [[16, 4]] * 2
    np.testing.assert_allclose(np.tan(np.deg2rad(uneven["angle"])), np.tan(np.deg2rad(before["angle"])) / 2)


def test_mirroring_turns_directions() -> None:
    across, down = values(mirror(sample())), values(mirror(sample(), vertical=True))
    np.testing.assert_allclose(across["angle"], [170, 100], atol=1e-4)
    np.testing.assert_allclose(down["angle"], [350, 280], atol=1e-4)
    np.testing.assert_allclose(across["axis"], np.pi - np.array([0.1, 3.0]), atol=1e-5)
    assert across["tip"] == [[26, 6]] * 2
    assert across["speed"] == [[-2, 0]] * 2
    assert across["extent"] == [[8, 4]] * 2


def test_cropping_and_padding_shift_points_alone() -> None:
    before = values(sample())
    for after, tip in (
        (values(crop(sample(), 1, 2, (15, 20))), [2, 5]),
        (values(pad(sample(), (30, 40), top=3, left=1)), [5, 9]),
    ):
        assert after.pop("tip") == [tip] * 2
        assert after == {name: value for name, value in before.items() if name != "tip"}


@given(st.floats(-180, 180))
@settings(max_examples=30, deadline=None)
def test_a_rotation_adds_its_angle(degrees: float) -> None:
    after = values(affine(sample(), affine_matrix((20, 30), rotate=degrees), min_visibility=0))
    if after["angle"]:
        turned = (np.array(after["angle"]) - np.array([10, 80])[: len(after["angle"])] - degrees + 180) % 360 - 180
        np.testing.assert_allclose(turned, 0, atol=1e-3)
        np.testing.assert_allclose(after["extent"], [[8, 4]] * len(after["extent"]), rtol=1e-5)
        np.testing.assert_allclose(np.hypot(*np.array(after["speed"]).T), 2, rtol=1e-5)


def test_objects_of_several_images_keep_their_values() -> None:
    both = values(with_objects(sample(), sample(1, first_id=20)))
    assert both["track_id"] == [7, 8, 20]
    assert both["note"] == ["a cat"] * 3


def test_batches_are_padded_with_each_fields_fill() -> None:
    targets = collate([sample(2), sample(1)]).instances
    assert targets is not None
    assert targets.provides >= {"boxes", "angle", "note"}
    assert targets.fields["track_id"].tolist() == [[7, 8], [7, -1]]
    assert targets.fields["color"].tolist() == [[0, 0], [0, -1]]
    assert targets.fields["meters"].shape == (2, 2, 3)
    assert bool(targets.fields["angle"][1, 1].isnan())
    assert targets.texts["note"] == [["a cat", "a cat"], ["a cat", ""]]
    assert "note" not in targets.fields


@pytest.mark.parametrize(
    ("found", "spec", "message"),
    [
        ([1.0, 2.0], FieldSpec("angle"), r"the field 'x' has the shape \(2,\), but 3 objects"),
        ([1.0, 2.0, 3.0], FieldSpec("id"), "the field 'x' of kind 'id' holds float64, not int64"),
        ([0, 1, 2], FieldSpec("category", names=("a", "b")), "values from 0 to 2, but it has 2 names"),
        ([1, 2, 3], FieldSpec("text"), "holds int64"),
    ],
)
def test_values_that_are_not_as_declared_are_refused(found: list[float], spec: FieldSpec, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        ObjectField.of("x", found, spec, 3)


def test_declarations_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ContractError, match="'custom' needs function move"):
        FieldSpec("custom")
    with pytest.raises(ContractError, match="'category' needs names"):
        FieldSpec("category")
    with pytest.raises(ContractError, match="'id' takes no names"):
        FieldSpec("id", names=("a",))
