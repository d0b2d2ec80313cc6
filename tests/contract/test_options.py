from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from hub import Options
from hub.contract import parse_options
from hub.errors import OptionError


class Nested(Options):
    size: int = 3


class Mine(Options):
    rois: int = 512
    rate: float = Field(0.5, ge=0, le=1)
    inner: Nested = Nested()


def test_values_are_taken_and_defaults_kept() -> None:
    options = parse_options(Mine, {"rois": 64}, owner="mine")
    assert (options.rois, options.rate) == (64, 0.5)
    assert parse_options(Mine, {"inner": {"size": 5}}, owner="mine").inner.size == 5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"roi": 1}, r"mine has no option 'roi'\. Did you mean rois"),
        ({"rois": "many"}, "mine: option rois = 'many'"),
        ({"rate": 2}, "mine: option rate = 2: .*less than or equal to 1"),
        ({"inner": {"size": "x"}}, r"option inner\.size = 'x'"),
    ],
)
def test_wrong_options(values: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_options(Mine, values, owner="mine")


def test_a_misspelt_nested_option_suggests_a_nested_one() -> None:
    with pytest.raises(OptionError, match=r"inner\.sise"):
        parse_options(Mine, {"inner": {"sise": 5}}, owner="mine")


def test_options_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Mine().rois = 3  # type: ignore[misc]
