"""The class map of a large image is the argmax of averaged logits, at the size of the file."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import hub
from hub.contract import Batch, WindowLayout
from hub.inference import sliding_window
from hub_segmentation.windows import RowResize, SemanticMerger

sides = st.integers(1, 20)
LABELS = hub.LabelSpace.of(["a", "b", "c"])


@settings(deadline=None)
@given(st.tuples(sides, sides), st.tuples(sides, sides), st.data())
def test_rows_in_parts_are_resized_like_the_whole(
    size: tuple[int, int], to: tuple[int, int], data: st.DataObject
) -> None:
    image = torch.rand(2, *size, generator=torch.Generator().manual_seed(0))
    resize, went, parts = RowResize(size, to), 0, []
    left = image
    while left.shape[1]:
        count = data.draw(st.integers(1, left.shape[1]))
        start, rows = resize.add(left[:, :count])
        assert start == went
        went += rows.shape[1]
        parts.append(rows)
        left = left[:, count:]
    expected = F.interpolate(image[None], size=to, mode="bilinear")[0]
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=1e-5, rtol=0)


def merged(logits: Tensor, window: tuple[int, int], original: tuple[int, int], *, stride: int = 1) -> hub.SemanticMap:
    """Return the map merged from windows of the logits (K, H, W) of the whole image."""
    size = (logits.shape[1], logits.shape[2])
    whole = Batch(
        images=torch.zeros(1, 3, *size, dtype=torch.uint8),
        sizes=torch.tensor([size]),
        original_sizes=torch.tensor([original]),
        ids=["x.png"],
    )
    layout = WindowLayout(size, window, 0.5)
    merger = SemanticMerger(LABELS, whole, layout, "gaussian")
    for places in layout.batches(2):
        parts = torch.stack([layout.pad(logits[:, rows, columns]) for rows, columns in map(layout.slices, places)])
        merger.add({"logits": parts[..., ::stride, ::stride]}, places)
    return merger.result()


@pytest.mark.parametrize("size", [(40, 56), (17, 64), (33, 33)])
def test_classes_equal_those_of_the_whole_image(size: tuple[int, int]) -> None:
    logits = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    found = merged(logits, (16, 32), size)
    assert torch.equal(found.classes.long(), logits.argmax(0))
    assert (found.image_id, found.size) == ("x.png", size)
    assert found.classes.dtype == torch.uint8


def test_logits_are_interpolated_before_classes_are_chosen() -> None:
    logits = torch.rand(3, 40, 56, generator=torch.Generator().manual_seed(0))
    found = merged(logits, (16, 32), (100, 91))
    expected = F.interpolate(logits[None], size=(100, 91), mode="bilinear")[0].argmax(0)
    assert (found.classes.long() == expected).float().mean() > 0.999  # except for ties


def test_coarse_logits_are_upsampled_to_their_window() -> None:
    logits = torch.zeros(3, 32, 64)
    logits[1, :, 32:] = 5
    found = merged(logits, (16, 32), (32, 64), stride=4)
    assert (found.classes[:, :28] == 0).all()
    assert (found.classes[:, 36:] == 1).all()


def test_windows_give_the_argmax_of_averaged_logits() -> None:
    torch.manual_seed(0)
    model = hub.create("semantic-fpn/resnet18-fpn", labels=LABELS, channels=8, decoder_channels=8).eval()
    image = torch.randint(0, 256, (100, 150, 3), dtype=torch.uint8)
    found = model.predict(image.numpy(), windows=64, precision="fp32").result

    def logits(windows: Tensor) -> Tensor:
        sizes = torch.tensor([windows.shape[2:]] * len(windows))
        coarse = model(Batch(windows, sizes, sizes))["semantic-fpn"]["logits"]
        return F.interpolate(coarse, size=windows.shape[2:], mode="bilinear")

    expected = sliding_window(logits, image.permute(2, 0, 1), window=64).argmax(0)
    assert (found.classes.long() == expected).float().mean() > 0.999
