"""Labels are translated by name, needs are checked at once, and every item is a function of (seed, epoch, index)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from hub.contract.dataset import Dataset
from hub.contract.options import Options
from hub.contract.sample import Instances, Sample
from hub.data.annotations.packing import pack_instances
from hub.data.loading.pipeline import Pipeline
from hub.data.transforms import Transform
from hub.errors import AnnotationError, DataError, LabelMismatchError, OptionError
from hub.labels import LabelSpace

NEEDS = frozenset({"boxes", "semantic", "scene"})


class Made(Dataset):
    """Three images with all kinds of annotations, and no files."""

    Options: ClassVar[type[Options]] = Options

    def __init__(self, names: Iterable[str] = ("cat", "dog"), semantic: Iterable[int] = (0, 1, 255)) -> None:
        self.name = "made.json"
        labels = LabelSpace.of(names)
        self.label_spaces = {"instances": labels, "semantic": labels, "scene": labels}
        self.provides = frozenset({"boxes", "keypoints", "semantic", "depth", "scene"})
        self.ids = [0, 1, 2]
        self.sizes = np.full((3, 2), (20, 30))
        self.semantic = np.resize(np.array(list(semantic)), (20, 30))
        self.instances = pack_instances(
            np.array([0, 0]),
            3,
            ids=np.arange(2),
            boxes=np.array([[2, 2, 8, 8], [4, 4, 9, 9]]),
            labels=np.arange(2),
            keypoints=np.array([[[3, 3, 2], [5, 5, 2]]] * 2),
            keypoint_names=("left_eye", "right_eye"),
        )

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        rows = self.instances.of_image(index)
        packed = self.instances
        keypoints = packed.keypoints
        assert keypoints is not None
        given = {"semantic": self.semantic.astype(np.uint8), "depth": np.ones((20, 30), np.float32)}
        return Sample(
            image=np.random.default_rng(index).integers(0, 256, (20, 30, in_chans), np.uint8),
            id=index,
            path=Path(f"{index}.png"),
            original_size=(20, 30),
            instances=Instances(
                boxes=packed.boxes[rows].astype(np.float32),
                labels=packed.labels[rows],
                crowd=packed.crowd[rows],
                keypoints=keypoints[rows] if "keypoints" in needs else None,
            ),
            maps={name: values for name, values in given.items() if name in needs},
            tags={"scene": np.array(1)} if "scene" in needs else {},
        )


def make(dataset: Dataset, *transforms: dict[str, Any], **options: Any) -> Pipeline:
    return Pipeline(dataset, Transform.parse(transforms), **options)


def test_labels_of_every_kind_become_the_models() -> None:
    labels = LabelSpace.of(["dog", "emu", "cat"])  # dog is 0 here and 1 in the data
    spaces = {"instances": labels, "semantic": labels, "scene": labels}
    sample = make(Made(), needs=NEEDS, label_spaces=spaces)[0, 0]
    assert sample.instances is not None
    assert sample.instances.labels.tolist() == [2, 0]
    assert sample.maps["semantic"].dtype == np.uint8
    np.testing.assert_array_equal(sample.maps["semantic"], np.resize([2, 0, 255], (20, 30)))
    assert sample.tags["scene"] == 0


def test_without_the_models_labels_the_datasets_stay() -> None:
    sample = make(Made(), needs=NEEDS)[0, 0]
    assert sample.instances is not None
    assert sample.instances.labels.tolist() == [0, 1]
    assert sample.maps["semantic"][0, :3].tolist() == [0, 1, 255]


def test_labels_of_what_no_head_needs_do_not_matter() -> None:
    spaces = {"instances": LabelSpace.of(["cat", "dog"]), "semantic": LabelSpace.of(["sky"])}
    assert not make(Made(), needs={"boxes"}, label_spaces=spaces)[0, 0].maps


def test_a_label_that_the_model_lacks_is_refused_by_name() -> None:
    with pytest.raises(LabelMismatchError, match=r"made\.json has instances labels .*: dog") as caught:
        make(Made(), needs={"boxes"}, label_spaces={"instances": LabelSpace.of(["cat", "emu"])})
    assert "cat, emu" in str(caught.value)


def test_a_label_that_the_data_lack_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        make(Made(), needs={"boxes"}, label_spaces={"instances": LabelSpace.of(["cat", "dog", "emu"])})
    assert "made.json has no instances label emu" in caplog.text


def test_a_need_without_annotations_names_the_need_and_the_format() -> None:
    with pytest.raises(DataError, match=r"learns from masks, which made\.json \(format Made\)"):
        make(Made(), needs={"boxes", "masks"})


def test_needed_labels_must_exist() -> None:
    with pytest.raises(LabelMismatchError, match="no labels for 'depth'"):
        make(Made(), needs={"depth"}, label_spaces={"depth": LabelSpace.of(["near"])})


@pytest.mark.parametrize("value", [2, 254])
def test_a_class_that_the_dataset_does_not_define_is_refused(value: int) -> None:
    pipeline = make(
        Made(semantic=[0, value]), needs={"semantic"}, label_spaces={"semantic": LabelSpace.of(["cat", "dog"])}
    )
    with pytest.raises(AnnotationError, match=rf"0\.png: its semantic holds class {value}"):
        pipeline[0, 0]


def test_float_maps_are_left_as_they_are() -> None:
    sample = make(Made(), needs={"depth"})[0, 0]
    np.testing.assert_array_equal(sample.maps["depth"], np.ones((20, 30), np.float32))


def test_an_item_is_a_function_of_seed_epoch_and_index() -> None:
    def images(seed: int, items: list[tuple[int, int]]) -> list[bytes]:
        pipeline = make(Made(), {"name": "gaussian_noise", "p": 1.0}, seed=seed)
        return [pipeline[item].image.tobytes() for item in items]

    items = [(0, 0), (0, 1), (1, 0), (1, 1)]
    there, back = images(0, items), images(0, items[::-1])
    assert there == back[::-1]
    assert len(set(there + images(1, items))) == 8


def test_keypoints_swap_by_the_datasets_names() -> None:
    sample = make(Made(), {"name": "horizontal_flip", "p": 1.0}, needs={"keypoints"})[0, 0]
    assert sample.instances is not None
    assert sample.instances.keypoints is not None
    assert sample.instances.keypoints[0].tolist() == [[25, 5, 2], [27, 3, 2]]  # width 30


def test_channels_are_asked_of_the_dataset() -> None:
    assert make(Made(), in_chans=1)[0, 2].image.shape == (20, 30, 1)


def test_a_number_for_each_class_moves_to_the_models_order_by_name() -> None:
    class Tagged(Made):
        values = np.array([0.0, 1.0], np.float32)

        def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
            sample = super().load(index, frozenset(), in_chans=in_chans)
            sample.tags = {"scene": self.values}
            return sample

    data = Tagged(("cat", "dog"))
    model = LabelSpace.of(["dog", "emu", "cat"])
    pipeline = Pipeline(data, Transform(), needs={"scene"}, label_spaces={"scene": model})
    np.testing.assert_array_equal(pipeline[0, 0].tags["scene"], np.array([1, np.nan, 0], np.float32))
    data.values = np.zeros(3, np.float32)
    with pytest.raises(AnnotationError, match=r"its scene has the shape \(3,\), but made.json has 2 classes"):
        pipeline[0, 0]


def test_every_other_image_is_equally_likely_to_be_mixed_in() -> None:
    data = Made()
    loaded: list[int] = []
    load = data.load

    def watched(index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        loaded.append(index)
        return load(index, needs, in_chans=in_chans)

    pipeline = make(data, {"name": "cutmix"}, needs={"scene"})
    data.load = watched  # type: ignore[method-assign]
    for epoch in range(100):
        pipeline[epoch, 1]
    assert loaded[::2] == [1] * 100
    assert set(loaded[1::2]) == {0, 2}
    assert 30 < loaded.count(0) < 70


def test_a_dataset_of_one_image_mixes_it_with_itself() -> None:
    data = Made()
    data.ids = [0]
    sample = make(data, {"name": "mosaic", "size": [40, 60]}, needs={"boxes"})[0, 0]
    assert sample.image.shape == (40, 60, 3)


def test_labels_of_a_partner_are_the_models_too() -> None:
    spaces = dict.fromkeys(("instances", "scene"), LabelSpace.of(["dog", "emu", "cat"]))
    options: dict[str, Any] = {"needs": {"boxes", "scene"}, "label_spaces": spaces}
    sample = make(Made(), {"name": "mixup"}, **options)[0, 2]  # which has no object itself
    assert sample.instances is not None
    assert sample.instances.labels.tolist() in ([], [2, 0])
    assert sample.tags["scene:other"] == 0


@pytest.mark.parametrize(
    ("name", "needs", "message"),
    [
        ("mixup", {"boxes", "semantic"}, "cannot blend the map 'semantic'"),
        ("mosaic", {"boxes", "scene"}, "the tag 'scene'"),
        ("copy_paste", {"boxes"}, "needs the masks"),
    ],
)
def test_unmixable_annotations_are_refused_before_the_first_step(name: str, needs: set[str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make(Made(), {"name": name, "p": 0.0}, needs=needs)
