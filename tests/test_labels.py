from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import LabelSpace
from hub.errors import LabelMismatchError

words = st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=8)


@given(words)
def test_index_and_name_are_inverse(names: list[str]) -> None:
    labels = LabelSpace.of(names)
    assert [labels.index(name) for name in labels.names] == list(range(len(labels)))
    assert labels.ids == tuple(range(1, len(names) + 1))


@given(words, words)
def test_labels_are_matched_by_name(here: list[str], there: list[str]) -> None:
    other = LabelSpace.of(there)
    for name, i in zip(here, LabelSpace.of(here).map_to(other), strict=True):
        assert (i == -1) == (name not in there)
        assert i == -1 or other.names[i] == name


def test_survives_a_checkpoint_header() -> None:
    labels = LabelSpace(("cat", "dog"), ids=(18, 3))
    assert LabelSpace.from_dict(json.loads(json.dumps(labels.to_dict()))) == labels


def test_of_returns_a_label_space_unchanged() -> None:
    labels = LabelSpace(("cat",), ids=(7,))
    assert LabelSpace.of(labels) is labels


@pytest.mark.parametrize(
    ("names", "ids", "message"),
    [
        (("a", "a"), (), "name a occurs twice"),
        (("a", "b"), (1, 1), "id 1 occurs twice"),
        (("a",), (1, 2), "1 label names but 2 ids"),
    ],
)
def test_contradictions(names: tuple[str, ...], ids: tuple[int, ...], message: str) -> None:
    with pytest.raises(LabelMismatchError, match=message):
        LabelSpace(names, ids)


def test_a_string_is_not_a_list_of_letters() -> None:
    with pytest.raises(LabelMismatchError, match="not the string 'cat'"):
        LabelSpace.of("cat")


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(LabelMismatchError, match="Did you mean person"):
        LabelSpace.of(["person", "dog"]).index("persn")
