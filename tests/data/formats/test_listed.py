"""Image folders, mask folders and tables: what is read, and what is refused before the first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hub.data.formats.csv_labels import CsvLabels, CsvOptions
from hub.data.formats.image_folder import ImageFolder, ImageFolderOptions
from hub.data.formats.mask_folder import MaskFolder, MaskFolderOptions, VocSegmentation, VocSegmentationOptions
from hub.errors import AnnotationError, DataError, UnknownCategoryError


def _image(path: Path, size: tuple[int, int] = (6, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(path)


def _mask(path: Path, values: Any, palette: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(values, np.uint8))
    if palette:
        picture.putpalette([0, 0, 0, 255, 0, 0] * 128)
    picture.save(path)


def test_an_image_folder_gives_each_image_its_folders_class(tmp_path: Path) -> None:
    for name in ("cat/b.png", "cat/deep/a.jpg", "dog/c.png", "dog/notes.txt"):
        _image(tmp_path / "train" / name) if not name.endswith("txt") else (tmp_path / "train" / name).write_text("x")
    data = ImageFolder(ImageFolderOptions(root=str(tmp_path), split="train"))
    assert data.label_spaces["class"].names == ("cat", "dog")
    assert data.ids == ["cat/b.png", "cat/deep/a.jpg", "dog/c.png"]
    sample = data.load(2, frozenset({"class"}))
    assert sample.tags["class"] == 1
    assert sample.tags["class"].dtype == np.int64
    assert data.load(0, frozenset()).tags == {}
    with pytest.raises(UnknownCategoryError, match="dog"):
        ImageFolder(ImageFolderOptions(root=str(tmp_path), split="train", classes=("cat",)))
    (tmp_path / "train/emu").mkdir()
    with pytest.raises(DataError, match="no images of class 'emu'"):
        ImageFolder(ImageFolderOptions(root=str(tmp_path), split="train"))
    with pytest.raises(DataError, match="not a folder"):
        ImageFolder(ImageFolderOptions(root=str(tmp_path), split="tain"))


def test_the_image_folder_of_cifar10(shared_data: Any) -> None:
    data = ImageFolder(ImageFolderOptions(root=str(shared_data("cifar10")), split="test"))
    assert len(data) == 1000
    assert len(data.label_spaces["class"]) == 10


@pytest.fixture
def masks(tmp_path: Path) -> MaskFolderOptions:
    _image(tmp_path / "images/a.jpg")
    _image(tmp_path / "images/b.png", (4, 4))
    values = np.zeros((6, 8), np.uint8)
    values[2:, 3:] = 1
    values[0] = 255
    _mask(tmp_path / "masks/a.png", values)
    _mask(tmp_path / "masks/b.png", np.ones((4, 4)), palette=False)
    (tmp_path / "names.txt").write_text("background\nwall\n")
    return MaskFolderOptions(root=str(tmp_path))


def test_a_mask_folder_reads_paletted_and_grey_masks(masks: MaskFolderOptions) -> None:
    data = MaskFolder(masks)
    first, second = (data.load(i, frozenset({"semantic"})).maps["semantic"] for i in range(2))
    assert data.label_spaces["semantic"].names == ("background", "wall")
    assert np.unique(first).tolist() == [0, 1, 255]
    assert (first[0] == 255).all()
    assert first[3, 4] == 1
    assert (second == 1).all()
    assert data.load(0, frozenset()).maps == {}


def test_another_ignored_value_becomes_255(masks: MaskFolderOptions) -> None:
    _mask(Path(masks.root) / "masks/b.png", np.full((4, 4), 9))
    _mask(Path(masks.root) / "masks/a.png", np.zeros((6, 8)))
    data = MaskFolder(masks.model_copy(update={"ignore": 9}))
    assert (data.load(1, frozenset({"semantic"})).maps["semantic"] == 255).all()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda root: _mask(root / "masks/b.png", np.full((4, 4), 7)), r"b\.png: value 7 has no name; there are 2"),
        (lambda root: _mask(root / "masks/b.png", np.zeros((5, 4))), r"b\.png has 5×4 pixels, but its image 4×4"),
        (lambda root: (root / "masks/b.png").unlink(), r"b\.png has no mask"),
        (lambda root: _image(root / "masks/b.png", (4, 4)), r"b\.png has colors, not classes"),
        (lambda root: (root / "names.txt").write_text(""), "no classes for 'semantic'"),
        (lambda root: (root / "names.txt").unlink(), r"names\.txt, cannot be read"),
        (lambda root: (root / "names.txt").write_text("\n".join(map(str, range(256)))), "has 256 classes"),
    ],
)
def test_bad_masks_are_rejected_when_the_data_are_opened(masks: MaskFolderOptions, spoil: Any, expected: str) -> None:
    spoil(Path(masks.root))
    with pytest.raises(DataError, match=expected):
        MaskFolder(masks)


def test_vocs_segmentation_takes_the_images_of_its_list(tmp_path: Path) -> None:
    for name in ("x", "y"):
        _image(tmp_path / f"JPEGImages/{name}.jpg")
    _mask(tmp_path / "SegmentationClass/y.png", np.full((6, 8), 20))
    lists = tmp_path / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("y\n")
    data = VocSegmentation(VocSegmentationOptions(root=str(tmp_path), split="val"))
    assert data.ids == ["y.jpg"]
    assert data.label_spaces["semantic"].names[20] == "tvmonitor"
    (lists / "val.txt").write_text("z\n")
    with pytest.raises(DataError, match="'z'"):
        VocSegmentation(VocSegmentationOptions(root=str(tmp_path), split="val"))


def test_a_table_needs_a_meaning_of_unknown_labels(tmp_path: Path) -> None:
    _image(tmp_path / "img/a.jpg")
    _image(tmp_path / "img/b.jpg")
    (tmp_path / "t.csv").write_text("file,edema,fracture\na.jpg,1,0\nb.jpg,,-1\n")
    options = CsvOptions(root=str(tmp_path), file="t.csv", images="img")
    with pytest.raises(DataError, match=r"t\.csv, line 3: an unknown label"):
        CsvLabels(options)
    data = CsvLabels(options.model_copy(update={"unknown": "mask"}))
    assert data.label_spaces["labels"].names == ("edema", "fracture")
    assert data.load(0, frozenset({"labels"})).tags["labels"].tolist() == [1, 0]
    assert np.isnan(data.load(1, frozenset({"labels"})).tags["labels"]).all()
    one = CsvLabels(options.model_copy(update={"unknown": "one", "classes": ("fracture",)}))
    assert one.load(1, frozenset({"labels"})).tags["labels"].tolist() == [1]
    with pytest.raises(AnnotationError, match="no column 'fractur'.*fracture"):
        CsvLabels(options.model_copy(update={"classes": ("fractur",)}))
    (tmp_path / "t.csv").write_text("file,edema\na.jpg,yes\n")
    with pytest.raises(AnnotationError, match="line 2: 'yes' is not a label"):
        CsvLabels(options)
    (tmp_path / "t.csv").write_text("file\na.jpg\n")
    with pytest.raises(DataError, match="no classes for 'labels'"):
        CsvLabels(options)


def binary_masks(root: Path, values: tuple[int, ...] = (0, 255)) -> Path:
    """Write two images with masks of these values, and the names of two classes."""
    (root / "images").mkdir()
    (root / "masks").mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(root / "images" / f"{name}.png")
        mask = np.full((4, 6), values[0], np.uint8)
        mask[1:3, 2:4] = values[-1]
        Image.fromarray(mask).save(root / "masks" / f"{name}.png")
    (root / "names.txt").write_text("background\nlesion\n", encoding="utf-8-sig")
    return root


def test_masks_of_0_and_255_do_not_train_on_the_background_alone(tmp_path: Path) -> None:
    root = str(binary_masks(tmp_path))
    with pytest.raises(AnnotationError, match="no pixel of lesion, but 17% of all pixels have the ignored value 255"):
        MaskFolder(MaskFolder.Options(root=root))
    # What the message says to write works.
    data = MaskFolder(MaskFolder.Options(root=root, values={0: "background", 255: "lesion"}, ignore=None))
    classes = data.load(0, frozenset({"semantic"})).maps["semantic"]
    assert classes.sum() == 4
    assert data.label_spaces["semantic"].names == ("background", "lesion")


def test_a_class_without_a_pixel_is_reported_when_the_masks_are_opened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    MaskFolder(MaskFolder.Options(root=str(binary_masks(tmp_path, (0, 0)))))
    assert "no pixel of 1 of the 2 classes: lesion" in caplog.text


def test_values_name_known_classes_only(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="values names the class 'lesions', which is not among the names.*lesion"):
        MaskFolder(MaskFolder.Options(root=str(binary_masks(tmp_path)), values={0: "background", 255: "lesions"}))


def test_files_with_a_dot_before_their_name_are_no_images(tmp_path: Path) -> None:
    root = binary_masks(tmp_path, (0, 1))
    (root / "images" / "._a.png").write_bytes(b"attributes")
    assert MaskFolder(MaskFolder.Options(root=str(root))).ids == ["a.png", "b.png"]
