from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from hub.data.annotations.masks import decode_masks, to_rle
from hub.errors import AnnotationError

MASKS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 1))


def _runs(mask):
    """COCO's uncompressed counts: runs of 0 and 1 in turn, down the columns, 0 first."""
    runs = [(value, len(list(group))) for value, group in itertools.groupby(mask.ravel("F").tolist())]
    return [0] * runs[0][0] + [length for _, length in runs]


def _large_mask():
    mask = np.zeros((300, 400), np.uint8)  # run lengths of several groups of bits, and differences of both signs
    mask[::7, 30:] = 1
    mask[40:260, 100:300] ^= 1
    return mask


@settings(deadline=None)
@given(MASKS)
def test_every_encoding_of_a_mask_decodes_to_it(mask):
    height, width = mask.shape
    compressed = coco_mask.encode(np.asfortranarray(mask))["counts"].decode()
    segments = [
        json.dumps({"size": [height, width], "counts": counts}).encode() for counts in (compressed, _runs(mask))
    ]
    out = decode_masks(segments, height, width, where=["a", "b"]).planes()
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out, np.stack([mask, mask]))


def test_long_runs_survive():
    mask = _large_mask()
    rle = coco_mask.encode(np.asfortranarray(mask))
    segment = json.dumps({"size": rle["size"], "counts": rle["counts"].decode()}).encode()
    assert to_rle(segment, 300, 400)["counts"] == rle["counts"]
    np.testing.assert_array_equal(decode_masks([segment], 300, 400, where=["a"]).plane(0), mask)


def test_polygons_of_one_object_are_joined():
    two = [[1, 1, 4, 1, 4, 4, 1, 4], [6, 6, 9, 6, 9, 9, 6, 9]]
    mask = decode_masks([json.dumps(two).encode()], 12, 12, where=["a"]).plane(0)
    assert mask[1:4, 1:4].all()
    assert mask[6:9, 6:9].all()
    assert mask.sum() == 18


@pytest.mark.parametrize("segment", [b"", b"[]", b"[[1,1,5,5]]", b"[[1,1]]", b"[[]]"])
def test_no_area_is_an_empty_mask(segment):
    # pycocotools itself would take four numbers for a box.
    assert decode_masks([segment], 6, 6, where=["a"]).areas.tolist() == [0]


def test_no_objects():
    assert decode_masks([], 6, 7, where=[]).planes().shape == (0, 6, 7)


@pytest.mark.parametrize(
    "segment",
    [
        '{"size":[6,7],"counts":[42]}',  # of another image
        '{"size":[6,6],"counts":[30]}',  # cut short
        '{"size":[6,6],"counts":[40,-4]}',
        '{"size":[6,6],"counts":"0160000000"}',  # cut short: pycocotools gives what the memory held
        '{"size":[6,6],"counts":"016000000000123"}',
        '{"size":[6,6],"counts":""}',
        '{"size":[6,6]}',
        '{"counts":[36]}',
        '{"size":6,"counts":[36]}',
        "[[1,1,2,2,3,NaN]]",  # pycocotools takes all memory
        "[[1,1,2,2,3,1e300]]",
        "[[1,1,2,2,3,null]]",
        '[[1,1,2,2,3,"x"]]',
        "[1,1,2,2,3,3]",
        "7",
        "[[1,,2]]",
    ],
)
def test_an_invalid_segmentation_is_an_error_with_its_name(segment):
    with pytest.raises(AnnotationError, match="annotation 5 of a.json"):
        decode_masks([segment.encode()], 6, 6, where=["annotation 5 of a.json"])
