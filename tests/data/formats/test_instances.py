from __future__ import annotations

import logging
import pickle

import numpy as np
import pytest
from PIL import Image

from hub.data import InstanceDataset, InstanceOptions, pack_instances
from hub.errors import AnnotationError, BadBoxesError, DataError, ImageError
from hub.labels import LabelSpace

BOXES = frozenset({"boxes"})
MASKS = frozenset({"boxes", "masks"})
COLUMNS = {"boxes", "labels", "crowd", "segments", "keypoints"}
SQUARE = b"[[2,2,8,2,8,8,2,8]]"


@pytest.fixture
def build(tmp_path):
    """Builds two images of 30 × 20 pixels with three objects; keywords replace what they name."""

    def build(*, options=None, **changes):
        for name in ("a.png", "b.png"):
            if not (tmp_path / name).exists():
                Image.new("RGB", (30, 20), (200, 10, 10)).save(tmp_path / name)
        columns = {
            "ids": np.array([1, 2, 3]),
            "boxes": np.array([[2, 2, 8, 8], [-5, 3, 40, 9], [1, 1, 4, 4]]),
            "labels": np.array([0, 1, 0]),
            "crowd": np.array([False, True, False]),
        }
        columns |= {key: changes.pop(key) for key in COLUMNS & changes.keys()}
        images = changes.pop("images", np.array([0, 0, 1]))
        given = {
            "name": "some.json",
            "folder": tmp_path,
            "files": ["a.png", "b.png"],
            "ids": [7, "b"],
            "sizes": np.array([[20, 30], [20, 30]]),
            "labels": LabelSpace.of(["cat", "dog"]),
        } | changes
        instances = pack_instances(images, len(given["ids"]), **columns)
        return InstanceDataset(InstanceOptions(root=str(tmp_path), **(options or {})), instances=instances, **given)

    return build


def test_sample_has_what_was_annotated(build, tmp_path):
    dataset = build()
    sample = dataset.load(0, BOXES)
    assert (sample.id, sample.path, sample.original_size) == (7, tmp_path / "a.png", (20, 30))
    assert sample.image.shape == (20, 30, 3)
    assert sample.instances.boxes.dtype == np.float32
    assert sample.instances.boxes.tolist() == [[2, 2, 8, 8], [0, 3, 30, 9]]  # clipped
    assert sample.instances.labels.tolist() == [0, 1]
    assert sample.instances.crowd.tolist() == [False, True]
    assert sample.instances.masks is None
    assert dataset.instances.boxes[1].tolist() == [-5, 3, 40, 9]  # as annotated, for evaluation
    assert dataset.load(0, BOXES, in_chans=1).image.shape == (20, 30, 1)


def test_no_needs_no_objects(build):
    assert build().load(0, frozenset()).instances is None


def test_unusable_boxes_are_logged_kept_in_the_arrays_and_skipped(build, caplog):
    boxes = np.array([[2, 2, 8, 8], [5, 5, 5, 9], [90, 90, 95, 95]])
    with caplog.at_level(logging.WARNING, logger="hub"):
        dataset = build(boxes=boxes, options={"max_bad_boxes": 0.7})
    assert "some.json: 3 boxes: 1 without area, 1 outside the image" in caplog.text
    assert (dataset.box_report.zero_area, dataset.box_report.outside) == (1, 1)
    assert dataset.instances.usable.tolist() == [True, False, False]
    assert dataset.load(0, BOXES).instances.boxes.tolist() == [[2, 2, 8, 8]]
    empty = dataset.load(1, BOXES).instances
    assert empty.boxes.shape == (0, 4)


def test_too_many_unusable_boxes_are_rejected_by_default(build):
    with pytest.raises(BadBoxesError, match=r"some.json: 1 of 3 boxes.*annotation 3 of image b"):
        build(boxes=np.array([[2, 2, 8, 8], [0, 0, 5, 9], [90, 90, 95, 95]]))


def test_masks_are_decoded_only_when_needed(build):
    dataset = build(segments=[SQUARE, b"not json", SQUARE])
    assert dataset.provides == {"boxes", "masks"}
    assert dataset.load(0, BOXES).instances.masks is None  # the broken one is not looked at
    with pytest.raises(AnnotationError, match="some.json: annotation 2 of image 7"):
        dataset.load(0, MASKS)
    masks = dataset.load(1, MASKS).instances.masks.planes()
    assert masks.shape == (1, 20, 30)
    assert masks[0, 2:8, 2:8].all()
    assert masks.sum() == 36


def test_an_object_without_a_segmentation_teaches_no_mask_head(build, caplog):
    dataset = build(segments=[b"", SQUARE, SQUARE], crowd=np.zeros(3, bool))
    assert "1 of 3 objects have no segmentation" in caplog.text
    assert dataset.load(0, MASKS).instances.crowd.tolist() == [True, False]
    assert dataset.load(0, BOXES).instances.crowd.tolist() == [False, False]


def test_segments_that_are_all_empty_are_no_masks(build):
    assert build(segments=[b"", b"", b""]).provides == {"boxes"}


def test_keypoints_come_when_needed(build):
    points = np.arange(3 * 2 * 3).reshape(3, 2, 3)
    dataset = build(keypoints=points)
    assert dataset.provides == {"boxes", "keypoints"}
    assert dataset.load(0, BOXES).instances.keypoints is None
    given = dataset.load(0, frozenset({"keypoints"})).instances.keypoints
    np.testing.assert_array_equal(given, points[:2])


def test_a_need_that_the_data_do_not_meet_is_an_error(build):
    with pytest.raises(DataError, match=r"some.json has no masks, only boxes"):
        build().load(0, MASKS)


def test_empty_images_stay_unless_skipped(build):
    nothing = {"images": np.array([1, 1, 0]), "crowd": np.array([False, False, True])}
    dataset = build(**nothing)
    assert len(dataset) == 2
    dataset = build(**nothing, options={"skip_empty": True})  # a crowd alone teaches nothing
    assert dataset.ids == ["b"]
    assert dataset.sizes.tolist() == [[20, 30]]
    assert dataset.path(0).name == "b.png"
    assert dataset.instances.ids.tolist() == [1, 2]
    assert len(dataset.load(0, BOXES).instances) == 2


def test_skipping_every_image_is_an_error(build):
    with pytest.raises(AnnotationError, match="no image of some.json has an object"):
        build(crowd=np.ones(3, bool), options={"skip_empty": True})


@pytest.mark.parametrize(("size", "upright"), [((30, 20), True), ((20, 30), False)])
def test_annotated_size_decides_whether_exif_turns_the_image(build, tmp_path, size, upright):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter: stored 30 wide and 20 high, upright 20 wide and 30 high
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, :15] = 255  # the left half becomes the upper one
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    sample = build(sizes=np.array([size, (20, 30)])).load(0, BOXES)
    assert sample.image.shape[:2] == sample.original_size == size
    turned = np.rot90(pixels, -1)
    np.testing.assert_array_equal(sample.image, turned if upright else pixels)


def test_an_image_of_another_size_is_an_error_with_both(build):
    dataset = build(sizes=np.array([[20, 30], [40, 60]]))
    with pytest.raises(ImageError, match=r"b.png has 30×20 pixels.*size in some.json is 60×40"):
        dataset.load(1, BOXES)


def test_missing_files_are_found_at_once(build):
    with pytest.raises(ImageError, match=r"2 of the 3 image files of some.json are missing; the first: .*gone.png"):
        build(files=["a.png", "gone.png", "sub/b.png"], ids=[1, 2, 3], sizes=np.full((3, 2), 30))


def test_files_in_subfolders_are_found(build, tmp_path):
    (tmp_path / "süb").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "süb" / "b.png")
    assert build(files=["a.png", "süb/b.png"]).load(1, BOXES).path == tmp_path / "süb" / "b.png"


def test_images_need_unique_ids(build):
    with pytest.raises(AnnotationError, match=r"some.json: 1 image ids occur more than once; the first: 5"):
        build(ids=[5, 5])


def test_a_worker_process_gets_the_same_dataset(build):
    dataset = build(segments=[SQUARE] * 3)
    copy = pickle.loads(pickle.dumps(dataset))
    ours, theirs = dataset.load(0, MASKS), copy.load(0, MASKS)
    np.testing.assert_array_equal(ours.image, theirs.image)
    np.testing.assert_array_equal(ours.instances.masks.planes(), theirs.instances.masks.planes())
