"""Each class has a color, and text on it is readable."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.visual import class_color, text_color_on


def test_a_class_has_the_same_color_in_every_run() -> None:
    # The color of a class must not change between versions.
    assert class_color("person") == (224, 222, 29)


def luminance(color: tuple[int, int, int]) -> float:
    """https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=30))
def test_any_name_has_a_strong_color_on_which_text_is_readable(name: str) -> None:
    color = class_color(name)
    assert all(0 <= c <= 255 for c in color)
    assert max(color) - min(color) > 100  # not gray
    light, dark = sorted((luminance(color), luminance(text_color_on(color))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) > 2.5
