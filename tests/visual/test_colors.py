"""Colours are the class's own, and text on them can be read."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.visual import class_color, ink_on


def test_a_class_keeps_its_colour_from_run_to_run() -> None:
    # Pictures of two runs, or of a paper and its code, must agree: this value is a promise.
    assert class_color("person") == (224, 222, 29)


def luminance(color: tuple[int, int, int]) -> float:
    """https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=30))
def test_any_name_has_a_strong_colour_on_which_its_ink_reads(name: str) -> None:
    color = class_color(name)
    assert all(0 <= c <= 255 for c in color)
    assert max(color) - min(color) > 100  # not grey
    light, dark = sorted((luminance(color), luminance(ink_on(color))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) > 2.5
