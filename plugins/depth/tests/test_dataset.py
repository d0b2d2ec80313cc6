"""The format: what each kind of file means, and what is refused before the first step."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from hub import create
from hub.contract import parse_options
from hub.errors import AnnotationError, DataError, OptionError
from hub_depth.dataset import DepthFolder

NAN = np.nan


def open_folder(root: Path, **options: Any) -> DepthFolder:
    return DepthFolder(parse_options(DepthFolder.Options, {"root": str(root), **options}, owner="data.train"))


def test_sixteen_bit_png_with_a_scale(folder: Any, depth_of: Any) -> None:
    stored = np.array([[0, 256, 65535], [1, 512, 20000]], np.uint16)
    root = folder({"a.png": stored})
    expected = np.where(stored == 0, NAN, stored / 256).astype(np.float32)
    for scale in ("1/256", 1 / 256):
        found = depth_of(root, scale=scale)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pfm", ".tif"])
def test_files_of_floats(folder: Any, depth_of: Any, tmp_path: Path, suffix: str) -> None:
    stored = np.array([[1.5, NAN, np.inf], [0.0, 2e-3, 4e5]], np.float32)
    if suffix == ".pfm":
        root = folder({"a.npy": stored})
        (root / "depth/a.npy").unlink()
        assert cv2.imwrite(str(root / "depth/a.pfm"), stored)
    else:
        root = folder({f"a{suffix}": stored})
    expected = np.array([[1.5, NAN, NAN], [NAN, 2e-3, 4e5]], np.float32)
    np.testing.assert_array_equal(depth_of(root), expected)


def test_a_pfm_file_runs_from_the_bottom_up(folder: Any, depth_of: Any) -> None:
    """As its description says (https://netpbm.sourceforge.net/doc/pfm.html), in either byte order."""
    values = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    root = folder({"a.npy": values})
    (root / "depth/a.npy").unlink()
    for order, scale in ((">f4", "1.0"), ("<f4", "-1.0")):
        body = values[::-1].astype(order).tobytes()
        (root / "depth/a.pfm").write_bytes(f"Pf\n3 2\n{scale}\n".encode() + body)
        np.testing.assert_array_equal(depth_of(root), values)


def test_disparity_becomes_depth(folder: Any, depth_of: Any) -> None:
    disparity = np.array([[0.0, 10.0], [NAN, 40.0]], np.float32)
    stereo = {"values": "disparity", "focal": 500, "baseline": 0.2}
    root = folder({"a.npy": disparity})
    np.testing.assert_allclose(depth_of(root, **stereo), [[NAN, 10], [NAN, 2.5]])
    # With an offset a disparity of 0 is a measurement like any other, if it is not called unknown.
    found = depth_of(root, **stereo, offset=10, unknown=())
    np.testing.assert_allclose(found, [[10, 5], [NAN, 2]])
    np.testing.assert_allclose(depth_of(root, **stereo, scale="1/2"), [[NAN, 20], [NAN, 5]])
    np.testing.assert_allclose(depth_of(root, **stereo, far=5), [[NAN, NAN], [NAN, 2.5]])


def test_what_is_unknown(folder: Any, depth_of: Any) -> None:
    root = folder({"a.npy": np.array([[-1, 0, 1, 2, 3, 9]], np.float32)})
    np.testing.assert_array_equal(depth_of(root, unknown=[-1, 9]), [[NAN, NAN, 1, 2, 3, NAN]])
    np.testing.assert_array_equal(depth_of(root, unknown=[-1, 0], near=2, far=3), [[NAN, NAN, NAN, 2, 3, NAN]])


def test_images_and_maps_are_matched_by_their_paths(folder: Any) -> None:
    maps = {f"{name}.npy": np.full((2, 3), k, np.float32) for k, name in enumerate(("b", "a", "deep/a"), start=1)}
    root = folder(maps)
    data = open_folder(root)
    assert data.ids == ["a.png", "b.png", "deep/a.png"]
    needs = frozenset({"depth"})
    assert [data.load(i, needs).maps["depth"][0, 0] for i in range(3)] == [2, 1, 3]
    assert data.load(0, frozenset()).maps == {}
    assert (data.provides, data.label_spaces) == ({"depth"}, {})
    (root / "some.txt").write_text("deep/a\n\nb\n")
    assert open_folder(root, split="some.txt").ids == ["deep/a.png", "b.png"]


def test_other_names(folder: Any, depth_of: Any) -> None:
    root = folder({"a.npy": np.ones((2, 3), np.float32), "b.npy": np.ones((2, 3), np.float32)})
    np.save(root / "depth/a_sparse.npy", np.full((2, 3), 5, np.float32))
    np.save(root / "depth/b_sparse.npy", np.full((2, 3), 6, np.float32))
    assert (depth_of(root, suffix="_sparse.npy") == 5).all()


def _missing(root: Path) -> None:
    (root / "depth/a.npy").unlink()


def _other_size(root: Path) -> None:
    np.save(root / "depth/a.npy", np.ones((3, 4), np.float32))


def _other_size_hidden(root: Path) -> None:
    (root / "depth/a.npy").unlink()
    np.savez(root / "depth/a.npz", np.ones((3, 4), np.float32))


def _negative(root: Path) -> None:
    np.save(root / "depth/a.npy", np.array([[1, -7.5, 2], [3, 4, 5]], np.float32))


def _broken(root: Path) -> None:
    (root / "depth/a.npy").write_bytes(b"no array")


def _colours(root: Path) -> None:
    (root / "depth/a.npy").unlink()
    Image.new("RGB", (3, 2)).save(root / "depth/a.png")


def _palette(root: Path) -> None:
    (root / "depth/a.npy").unlink()
    Image.new("P", (3, 2)).save(root / "depth/a.png")


def _two(root: Path) -> None:
    np.savez(root / "depth/a.npz", np.ones((2, 3)), np.ones((2, 3)))
    (root / "depth/a.npy").unlink()


def _several(root: Path) -> None:
    np.savez(root / "depth/a.npz", np.ones((2, 3)))


def _pickled(root: Path) -> None:
    np.save(root / "depth/a.npy", np.array([[{}] * 3] * 2), allow_pickle=True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_missing, r"images/a.png has no depth map .*depth/a\.\*"),
        (_other_size, r"depth/a.npy has 3×4 pixels .* but its image a.png 2×3"),
        (_other_size_hidden, r"depth/a.npz has 3×4 pixels .* but its image a.png 2×3"),
        (_negative, "depth/a.npy has negative values, the first -7.5"),
        (_broken, "depth map .*depth/a.npy cannot be read"),
        (_colours, r"depth/a.png holds uint8 values of the shape \(2, 3, 3\)"),
        (_palette, "depth/a.png cannot be read: it has a palette"),
        (_two, "a.npz cannot be read: it holds 2 arrays"),
        (_several, "a.png has several depth maps: a.npy, a.npz"),
        (_pickled, "a.npy cannot be read"),
    ],
)
def test_what_is_wrong_is_found_when_the_data_are_opened(
    folder: Any, spoil: Callable[[Path], None], message: str
) -> None:
    root = folder({"a.npy": np.ones((2, 3), np.float32)})
    spoil(root)
    with pytest.raises(AnnotationError, match=message):
        open_folder(root)


def test_sizes_are_compared_also_where_maps_are_not_read(folder: Any) -> None:
    root = folder({"a.png": np.ones((3, 4), np.uint16)}, image=(2, 3))
    with pytest.raises(AnnotationError, match="3×4 pixels"):
        open_folder(root, check=0)


def test_missing_folders_and_lists(folder: Any) -> None:
    root = folder({"a.npy": np.ones((2, 3), np.float32)})
    with pytest.raises(DataError, match="maps is not a folder"):
        open_folder(root, depth="maps")
    with pytest.raises(DataError, match="the list of the split, .*train.txt, cannot be read"):
        open_folder(root, split="train.txt")
    (root / "train.txt").write_text("z\n")
    with pytest.raises(DataError, match="names 'z', but .*images has no such image"):
        open_folder(root, split="train.txt")
    Image.new("RGB", (3, 2)).save(root / "images/a.jpg")
    with pytest.raises(DataError, match=r"both a.jpg and a.png, which share a depth map"):
        open_folder(root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": "disparity", "focal": 500}, "disparity needs baseline"),
        ({"focal": 500}, "are for values: disparity"),
        ({"near": 5, "far": 5}, "near = 5 is not before far = 5"),
        ({"scale": "1/0"}, "scale"),
        ({"scale": "a third"}, "scale"),
        ({"sacle": 1}, "Did you mean scale"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        open_folder(tmp_path, **options)


def test_a_fraction_is_the_number_it_says(folder: Any, depth_of: Any) -> None:
    root = folder({"a.npy": np.ones((2, 3), np.float32)})
    for text in ("1/3", "0.25", "7"):
        assert depth_of(root, scale=text)[0, 0] == np.float32(float(Fraction(text)))


def test_what_the_head_wrote_is_data_again(folder: Any, depth_of: Any) -> None:
    """Pseudo-labels: the files of predictions beside their images."""
    found = create("depth/resnet18-fpn", channels=8, width=8).predict(np.zeros((20, 30, 3), np.uint8)).result
    root = folder({"a.npy": np.ones((20, 30), np.float32)})
    (root / "depth/a.npy").unlink()
    (root / "depth/a.png.npy").write_bytes(found.files()[".npy"])
    np.testing.assert_array_equal(depth_of(root, suffix=".png.npy"), found.depth.numpy())
