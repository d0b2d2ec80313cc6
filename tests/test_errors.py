from __future__ import annotations

import inspect
import pickle

import pytest

import hub
from hub import errors
from hub.errors import HubError, did_you_mean

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == "hub.errors"]


def test_every_error_is_a_hub_error_with_its_own_docstring() -> None:
    assert len(CLASSES) > 15
    for cls in CLASSES:
        assert issubclass(cls, HubError)
        assert cls.__doc__
        assert cls.exit_code != 0
        assert cls is HubError or cls.__doc__ != HubError.__doc__


def test_the_fix_is_on_its_own_line() -> None:
    error = HubError("what is wrong", fix="what to do")
    assert str(error).splitlines() == ["what is wrong", "  fix: what to do"]
    assert error.fix == "what to do"
    assert str(HubError("what is wrong")) == "what is wrong"


@pytest.mark.parametrize("cls", CLASSES)
def test_errors_can_be_pickled(cls: type[HubError]) -> None:
    """The loader's workers raise them in one process and the trainer catches them in another."""
    error = pickle.loads(pickle.dumps(cls("a", fix="b")))
    assert type(error) is cls
    assert str(error) == "a\n  fix: b"
    assert error.fix == "b"


def test_hub_error_is_public() -> None:
    assert hub.HubError is HubError


def test_did_you_mean_names_the_nearest_first() -> None:
    assert did_you_mean("resnet5", ["resnet18", "resnet50", "vgg16"]).startswith(" Did you mean resnet50")
    assert did_you_mean("", ["resnet18"]) == ""
    assert did_you_mean("resnet18", []) == ""
