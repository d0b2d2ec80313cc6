"""What the HTML reports share: one page that needs nothing else, neither network nor scripts."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from hub_medical import NOTICE

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2327}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .8rem;border-bottom:1px solid #ccd;"
    "text-align:right}td:first-child,th:first-child{text-align:left}.notice{background:#fff3cd;padding:.6rem 1rem}"
    "i{display:inline-block;width:.8em;height:.8em;margin-right:.4em}figure{margin:1rem 0}"
    "img{max-width:24rem;image-rendering:pixelated}small{color:#667}"
)


def page(title: str, body: str) -> str:
    """A complete page: the title, the notice, and a body of HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{escape(title)}</h1><p class="notice">{escape(NOTICE)}</p>{body}</body></html>'
    )


def settings_table(settings: Mapping[str, Any]) -> str:
    """Two columns, keys and values."""
    rows = "".join(f"<tr><td>{escape(str(k))}</td><td>{escape(str(v))}</td></tr>" for k, v in settings.items())
    return f"<table>{rows}</table>"


def number(value: float) -> str:
    """Three digits, or a dash where it is undefined.

    >>> number(0.12345), number(float("nan"))
    ('0.123', '–')
    """
    return "–" if math.isnan(value) else f"{value:.3g}"


def picture(image: np.ndarray | None) -> str:
    """An image, (H, W, 3) or (H, W) uint8, within the page; nothing for None."""
    if image is None:
        return ""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<figure><img alt="" src="data:image/png;base64,{data}"></figure>'
