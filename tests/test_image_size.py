from __future__ import annotations

import pytest
from PIL import Image

from hub.errors import ImageError
from hub.image_size import image_size
from hub.images import read_image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_is_the_size_of_the_decoded_image(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert image_size(tmp_path / "a.jpg") == read_image(tmp_path / "a.jpg").shape[:2]


def test_missing_and_broken_files_are_named(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    for name, reason in (("missing.jpg", "does not exist"), ("broken.jpg", "cannot be decoded")):
        with pytest.raises(ImageError, match=f"{name}.*{reason}"):
            image_size(tmp_path / name)
