"""Image files are written completely or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hub.errors import SaveError
from hub.images import read_image
from hub.visual import write_image

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)


def test_png_is_read_back_exactly_and_missing_folders_are_created(tmp_path: Path) -> None:
    path = write_image(tmp_path / "new" / "folder" / "a.png", PIXELS)
    assert (read_image(path) == PIXELS).all()
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]


def test_the_suffix_selects_the_format_in_any_case(tmp_path: Path) -> None:
    with Image.open(write_image(tmp_path / "a.JPG", PIXELS)) as image:
        assert image.format == "JPEG"


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1)])
def test_gray_images_are_written_as_gray(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = write_image(tmp_path / "a.png", PIXELS[..., 0].reshape(shape))
    assert (read_image(path, in_chans=1)[..., 0] == PIXELS[..., 0]).all()


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_image(tmp_path / "a.png", PIXELS)

    def full(self: Image.Image, file: object, **_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(SaveError, match=r"no space left on the disk while writing .*a\.png"):
        write_image(path, 255 - PIXELS)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert (read_image(path) == PIXELS).all()


@pytest.mark.parametrize("name", ["a.xyz", "a"])
def test_an_unknown_suffix_is_rejected_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(SaveError, match=r"use \.png or \.jpg"):
        write_image(tmp_path / "folder" / name, PIXELS)
    assert not (tmp_path / "folder").exists()


def test_a_file_in_the_place_of_a_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="cannot write"):
        write_image(tmp_path / "file" / "a.png", PIXELS)
