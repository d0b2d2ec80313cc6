from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from hub_panoptic.ids import colors_to_ids, ids_to_png, positions

IDS = st.integers(0, 256**3 - 1)


@given(hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=5), elements=IDS))
def test_colors_encode_ids_like_coco(ids: np.ndarray) -> None:
    colors = np.array(Image.open(io.BytesIO(ids_to_png(ids))))
    red, green, blue = (colors[..., channel].astype(int) for channel in range(3))
    assert np.array_equal(red + 256 * green + 256**2 * blue, ids)
    assert np.array_equal(colors_to_ids(colors), ids)


@given(hnp.arrays(np.int32, (4, 5), elements=st.integers(0, 9)), st.lists(st.integers(1, 9), unique=True))
def test_positions_index_the_list(segments: np.ndarray, ids: list[int]) -> None:
    found = positions(segments, np.array(ids, np.int64))
    for at, value in np.ndenumerate(segments):
        assert found[at] == (ids.index(value) + 1 if value in ids else 0)
