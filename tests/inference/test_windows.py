from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

from hub.contract.window_layout import WindowLayout, window_starts
from hub.errors import ContractError, OptionError
from hub.inference.windows import importance, mirrored, sliding_slabs, sliding_window

overlaps = st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 0.75, 0.9])
weights = st.sampled_from(["gaussian", "constant"])


@st.composite
def layouts(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes of an image and of a window, of 1 to 3 axes."""
    axes = draw(st.integers(1, 3))
    return tuple(tuple(draw(st.integers(1, 12)) for _ in range(axes)) for _ in range(2))  # type: ignore[return-value]


def image_of(size: Sequence[int], channels: int = 2) -> Tensor:
    return torch.rand(channels, *size, generator=torch.Generator().manual_seed(0))


def uneven(x: Tensor) -> Tensor:
    """Return predictions that depend on the position in the window and on its other pixels."""
    out = x * 2 + x.flatten(2).mean(-1).view(*x.shape[:2], *(1,) * (x.ndim - 2))
    for axis in range(2, x.ndim):
        ramp = torch.arange(x.shape[axis], dtype=torch.float32)
        out = out + ramp.view(-1, *(1,) * (x.ndim - 1 - axis))
    return out


# Where windows lie -----------------------------------------------------------------------------------------------


@given(st.integers(1, 300), st.integers(1, 80), overlaps)
def test_windows_cover_the_axis_and_end_with_it(size: int, window: int, overlap: float) -> None:
    starts = window_starts(size, window, overlap)
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    if size <= window:
        assert starts == [0]
        return
    assert starts[-1] + window == size
    gaps = [b - a for a, b in pairwise(starts)]
    step = max(1, int(np.floor(round(window * (1 - overlap), 9))))
    assert max(gaps) <= step, "neighbours overlap by less than asked for"
    assert len(starts) - 1 == -(-(size - window) // step), "more windows than needed"
    assert max(gaps) - min(gaps) <= 1, "not evenly spread"


@given(st.integers(1, 120), st.integers(1, 40), overlaps, st.data())
def test_objects_up_to_the_overlap_are_complete_in_a_window(
    size: int, window: int, overlap: float, data: st.DataObject
) -> None:
    length = data.draw(st.integers(0, min(size, int(overlap * window + 1e-6))))
    start = data.draw(st.integers(0, size - length))
    starts = window_starts(size, window, overlap)
    assert any(at <= start and start + length <= at + window for at in starts)


@pytest.mark.parametrize("overlap", [-0.1, 1.0, 2, float("nan")])
def test_an_overlap_that_there_cannot_be_is_refused(overlap: float) -> None:
    with pytest.raises(OptionError, match="overlap"):
        sliding_window(lambda x: x, image_of((8, 8)), window=4, overlap=overlap)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"window": (4, 4, 4)}, "3 sides.* 2 axes"),
        ({"window": (4, 0)}, "sides"),
        ({"window": 4, "weights": "gausian"}, "gaussian, constant"),
        ({"window": 4, "batch_size": 0}, "batch size"),
    ],
)
def test_windows_that_do_not_fit_are_named(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        sliding_window(lambda x: x, image_of((8, 8)), **asked)


# How much each place counts --------------------------------------------------------------------------------------


def test_the_gaussian_is_a_blurred_point() -> None:
    """The weights match nnU-Net's for odd sides; scipy truncates the Gaussian at the end of the window."""
    window = (33, 17)
    point = np.zeros(window)
    point[16, 8] = 1
    blurred = gaussian_filter(point, [side / 8 for side in window], mode="constant")
    torch.testing.assert_close(
        importance(window).double(), torch.from_numpy(blurred / blurred.max()), atol=1e-5, rtol=0
    )


@given(st.lists(st.integers(1, 40), min_size=1, max_size=3), weights)
def test_weights_are_symmetric_and_never_zero(window: list[int], kind: Any) -> None:
    found = importance(window, kind)
    assert found.shape == tuple(window)
    assert found.min() > 0
    assert found.max() <= 1
    torch.testing.assert_close(found, found.flip(tuple(range(len(window)))))


# Averages of windows ---------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(layouts(), overlaps, weights, st.integers(1, 5))
def test_the_answer_is_the_weighted_mean_of_the_windows(sizes: Any, overlap: float, kind: Any, batch_size: int) -> None:
    size, window = sizes
    image = image_of(size)
    found = sliding_window(uneven, image, window=window, overlap=overlap, weights=kind, batch_size=batch_size)

    padded = F.pad(image, [n for s, w in zip(size, window, strict=True) for n in (max(0, w - s), 0)][::-1])
    total, counted = torch.zeros_like(padded, dtype=torch.float64), torch.zeros_like(padded, dtype=torch.float64)
    weight = importance(window, kind).double()
    for place in product(*(window_starts(s, w, overlap) for s, w in zip(size, window, strict=True))):
        where = (slice(None), *(slice(at, at + w) for at, w in zip(place, window, strict=True)))
        total[where] += uneven(padded[where][None])[0].double() * weight
        counted[where] += weight
    expected = (total / counted)[(slice(None), *map(slice, size))].float()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@settings(deadline=None)
@given(layouts(), overlaps, weights)
def test_a_pointwise_model_gives_the_same_whatever_the_windows(sizes: Any, overlap: float, kind: Any) -> None:
    size, window = sizes
    image = image_of(size)
    found = sliding_window(lambda x: x, image, window=window, overlap=overlap, weights=kind)
    torch.testing.assert_close(found, image, atol=1e-6, rtol=0)
    classes = sliding_window(lambda x: x[:, :1] ** 2, image, window=window, overlap=overlap, weights=kind)
    torch.testing.assert_close(classes, image[:1] ** 2, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", ["gaussian", "constant"])
@pytest.mark.parametrize(
    ("size", "window", "overlap"), [((40, 24), (16, 8), 0.5), ((20, 14, 16), (8, 6, 16), 0.25), ((30,), (10,), 0.0)]
)
def test_answers_equal_monais(size: tuple[int, ...], window: tuple[int, ...], overlap: float, kind: Any) -> None:
    """Match MONAI for sizes where both place the windows at the same positions; MONAI gets our weights."""
    inferers = pytest.importorskip("monai.inferers", reason="MONAI is not installed")
    assert all((s - w) % int(w * (1 - overlap)) == 0 for s, w in zip(size, window, strict=True))
    image = image_of(size)
    expected = inferers.sliding_window_inference(
        image[None], window, 3, uneven, overlap=overlap, mode=kind, roi_weight_map=importance(window, kind)
    )
    found = sliding_window(uneven, image, window=window, overlap=overlap, weights=kind, batch_size=3)
    torch.testing.assert_close(found, expected[0], atol=1e-5, rtol=1e-5)


def test_half_precision_answers_are_summed_in_float32() -> None:
    image = image_of((64,)).bfloat16()
    found = sliding_window(lambda x: x, image, window=(16,), overlap=0.9)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, image.float(), atol=1e-6, rtol=0)


def test_predicting_keeps_no_gradient() -> None:
    model = torch.nn.Conv2d(2, 3, 3, padding=1)
    found = sliding_window(model, image_of((9, 9)), window=4)
    assert found.shape == (3, 9, 9)
    assert not found.requires_grad


def test_answers_of_another_size_are_refused() -> None:
    with pytest.raises(ContractError, match=r"windows of \(4, 4\)"):
        sliding_window(lambda x: F.avg_pool2d(x, 2), image_of((8, 8)), window=4)


# Slabs -----------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(layouts(), overlaps, st.integers(1, 5))
def test_slabs_are_in_order_and_cover_the_image(sizes: Any, overlap: float, batch_size: int) -> None:
    size, window = sizes
    image = image_of(size)
    asked: dict[str, Any] = {"window": window, "overlap": overlap, "batch_size": batch_size}
    whole = sliding_window(uneven, image, **asked)
    end = 0
    for start, slab in sliding_slabs(uneven, image, **asked):
        assert start == end
        end += slab.shape[1]
        assert slab.shape[1] <= window[0], "more was held than a window is long"
        assert torch.equal(slab, whole[:, start:end])
    assert end == size[0]


def test_a_slab_comes_before_later_windows_are_read() -> None:
    """Read and keep only the needed part of a volume: the complete prediction would take 400 GB."""
    read: list[int] = []

    def volume(where: tuple[slice, ...]) -> Tensor:
        read.append(where[0].start)
        return torch.full((1, *(s.stop - s.start for s in where)), float(where[0].start))

    size = (10**5, 1000, 1000)
    slabs = sliding_slabs(lambda x: x, volume, window=(8, 1000, 1000), size=size, weights="constant", batch_size=1)
    start, slab = next(slabs)
    assert (start, slab.shape) == (0, (1, 4, 1000, 1000))
    assert (slab == 0).all()
    assert read == [0, 4]
    start, slab = next(slabs)
    assert start == 4
    assert (slab == 2).all()  # the mean of the windows at 0 and 4
    assert read == [0, 4, 8]


def test_an_image_function_needs_a_size() -> None:
    with pytest.raises(OptionError, match="size="):
        sliding_slabs(lambda x: x, lambda where: torch.zeros(1, 4, 4), window=4)


@pytest.mark.parametrize("dtype", [">i2", "<f4", "u1"])
def test_a_file_is_read_in_parts_whatever_its_numbers(tmp_path: Path, dtype: str) -> None:
    values = np.arange(2 * 7 * 9 * 5).reshape(2, 7, 9, 5) % 200
    written = np.memmap(tmp_path / "volume.raw", dtype=dtype, mode="w+", shape=values.shape)
    written[:] = values
    written.flush()
    mapped = np.memmap(tmp_path / "volume.raw", dtype=dtype, mode="r", shape=values.shape)
    found = sliding_window(lambda x: x.float(), mapped, window=(4, 4, 8))
    torch.testing.assert_close(found, torch.from_numpy(values).float(), atol=1e-4, rtol=0)


def test_a_window_larger_than_the_image_shows_zeros_beyond_it() -> None:
    seen: list[Tensor] = []
    found = sliding_window(lambda x: seen.append(x) or x, torch.ones(1, 3, 5), window=(4, 4))  # type: ignore[func-returns-value]
    assert found.shape == (1, 3, 5)
    assert all(x.shape[2:] == (4, 4) for x in seen)
    assert (seen[0][:, :, :3] == 1).all()
    assert (seen[0][:, :, 3:] == 0).all()


def test_the_layout_counts_and_orders_its_windows() -> None:
    layout = WindowLayout((10, 6), (4, 4), 0.5)
    assert len(layout) == len(list(layout)) == 8
    assert list(layout) == sorted(layout)
    assert [place for places in layout.batches(3) for place in places] == list(layout)


# Mirror images ---------------------------------------------------------------------------------------------------


def test_mirroring_does_not_change_a_symmetric_model_and_averages_others() -> None:
    x = image_of((6, 8), channels=3)[None]
    torch.testing.assert_close(mirrored(lambda x: x.square(), [0, 1])(x), x.square())
    torch.manual_seed(0)
    model = torch.nn.Conv2d(3, 2, 3, padding=1).requires_grad_(False)
    even = mirrored(model, [0, 1])
    for dims in ([2], [3], [2, 3]):
        torch.testing.assert_close(even(x.flip(dims)), even(x).flip(dims))
    expected = (model(x) + model(x.flip(3)).flip(3)) / 2
    torch.testing.assert_close(mirrored(model, [1])(x), expected)


def test_mirroring_no_axis_is_the_prediction_itself() -> None:
    x = image_of((4,))[None]
    assert torch.equal(mirrored(uneven, [])(x), uneven(x))
