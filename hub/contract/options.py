"""The options of a head or a neck: typed, validated, and strict about names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hub.errors import OptionError, did_you_mean


class Options(BaseModel):
    """Base of the options of heads, datasets and transforms; subclass it with typed fields and defaults.

    >>> class MyOptions(Options):
    ...     rois_per_image: int = 512
    >>> parse_options(MyOptions, {"rois_per_image": 64}, owner="my-head").rois_per_image
    64
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


O = TypeVar("O", bound=BaseModel)  # noqa: E741


def parse_options(cls: type[O], values: Mapping[str, object], *, owner: str) -> O:
    """Return the options that ``values`` are, validated.

    Raises:
        OptionError: an unknown name (the message suggests the nearest known one) or a value of the wrong type.

    >>> class MyOptions(Options):
    ...     rois_per_image: int = 512
    >>> parse_options(MyOptions, {"roi_per_image": 64}, owner="my-head")
    Traceback (most recent call last):
    hub.errors.OptionError: my-head has no option 'roi_per_image'. Did you mean rois_per_image?
      fix: its options are rois_per_image
    """
    try:
        return cls.model_validate(dict(values))
    except ValidationError as error:
        # Report a misspelled option before the option that is missing because of it.
        first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise OptionError(
                f"{owner} has no option {where!r}.{did_you_mean(where, cls.model_fields)}",
                fix=f"its options are {', '.join(cls.model_fields) or '(none)'}",
            ) from None
        if first["type"] == "missing":
            raise OptionError(f"{owner} needs the option {where!r}", fix="add it") from None
        raise OptionError(
            f"{owner}: option {where} = {first['input']!r}: {first['msg']}", fix=f"change the value of {where}"
        ) from None
