"""The generic base of heads: the parameters say which options a head has."""

from __future__ import annotations

from typing_extensions import TypeVar

from hub import Detections, Head, Options
from hub.contract import Dataset


class Base(Options):
    width: int = 8


class More(Base):
    depth: int = 2


O = TypeVar("O", bound=Base, default=Base)  # noqa: E741


class Plain(Head[Base, Detections]):
    pass


class Generic(Head[O, Detections]):
    pass


class Derived(Generic[More]):
    pass


class Chosen(Head[Base, Detections]):
    Options = More


class Child(Plain):
    pass


class Untyped(Head):
    pass


def test_the_options_are_those_of_the_parameter() -> None:
    assert Plain.Options is Base
    assert Derived.Options is More
    assert Child.Options is Base


def test_a_head_without_parameters_has_no_options() -> None:
    assert Generic.Options is Options
    assert Untyped.Options is Options


def test_options_that_are_set_win() -> None:
    assert Chosen.Options is More


def test_a_dataset_leaves_scoring_to_the_head_by_default() -> None:
    assert Dataset.metric(object(), "instances", None) is None  # type: ignore[arg-type]
