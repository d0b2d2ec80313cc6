"""Deltas against torchvision's coder, and finite results for extreme input."""

from __future__ import annotations

import torch
from torchvision.models.detection._utils import BoxCoder as TheirBoxCoder

from hub_detection.box_coder import BoxCoder

WEIGHTS = (10.0, 11.0, 5.0, 4.0)


def _boxes(n: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(n, 2, generator=generator) * 100
    return torch.cat([corner, corner + 1 + torch.rand(n, 2, generator=generator) * 50], dim=1)


def test_encoding_and_decoding_match_torchvision() -> None:
    ours, theirs = BoxCoder(WEIGHTS), TheirBoxCoder(WEIGHTS)
    boxes, references = _boxes(40, 0), _boxes(40, 1)
    torch.testing.assert_close(ours.encode(boxes, references), theirs.encode_single(boxes, references))
    deltas = torch.randn(40, 4, generator=torch.Generator().manual_seed(2)) * 8
    torch.testing.assert_close(ours.decode(deltas, references), theirs.decode_single(deltas, references))


def test_decoding_inverts_encoding() -> None:
    coder = BoxCoder(WEIGHTS)
    boxes, references = _boxes(40, 0), _boxes(40, 1)
    torch.testing.assert_close(coder.decode(coder.encode(boxes, references), references), boxes, atol=1e-3, rtol=0)


def test_empty_boxes_and_large_deltas_are_finite() -> None:
    coder = BoxCoder(WEIGHTS)
    nothing = torch.zeros(1, 4)
    assert coder.encode(nothing, nothing).isfinite().all()
    assert coder.encode(nothing, _boxes(1, 0)).isfinite().all()
    assert coder.decode(torch.full((1, 4), 1e4), _boxes(1, 0)).isfinite().all()


def test_low_precision_deltas_give_float32_boxes() -> None:
    references = _boxes(3, 0) + 1000
    found = BoxCoder().decode(torch.zeros(3, 4, dtype=torch.bfloat16), references)
    torch.testing.assert_close(found, references)  # in bfloat16 they would be pixels off


def test_the_clip_of_sizes_is_an_option() -> None:
    references, deltas = _boxes(3, 0), torch.full((3, 4), 9.0)
    found = BoxCoder(bbox_xform_clip=1.5).decode(deltas, references)
    expected = TheirBoxCoder((1.0, 1.0, 1.0, 1.0), bbox_xform_clip=1.5).decode_single(deltas, references)
    torch.testing.assert_close(found, expected)
