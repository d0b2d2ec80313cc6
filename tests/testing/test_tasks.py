"""The kit passes a correct head, and reports the defect of each broken head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import ConfigDict
from torch import Tensor, nn

import hub
from hub import Batch, ClassRows, Detections, Evaluation, FieldSpec, Head, Options, Result, TaskSpec, registry
from hub.testing import IMAGE_SIZE, check_task


class CentreOptions(Options):
    detections: int = 5
    level: str = "p3"


class Counted:
    """The mean score: as simple as a metric can be."""

    def __init__(self) -> None:
        self.scores: dict[Any, float] = {}

    def update(self, results: Any) -> None:
        self.scores |= {r.image_id: float(r.scores.mean()) for r in results}

    def merge(self, others: Any) -> None:
        for other in others:
            self.scores |= other.scores

    def compute(self) -> Evaluation:
        return Evaluation({"score": float(np.mean(sorted(self.scores.values())))}, main="score")


class CentreHead(Head):
    """Detects objects of one size as the peaks of a heatmap: a detector in forty lines."""

    Options = CentreOptions
    needs = frozenset({"boxes"})

    def __init__(self, channels: Any, strides: Any, labels: Any, options: Any) -> None:
        super().__init__(channels, strides, labels, options)
        self.stride = strides[options.level]
        self.heat = nn.Conv2d(channels[options.level], len(labels), 1)

    @classmethod
    def levels(cls, options: Any) -> tuple[str, ...]:
        return (options.level,)

    def losses(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        logits = self.heat(features[self.options.level]).float()
        goal = torch.zeros_like(logits)
        objects = batch.instances
        assert objects is not None
        x, y = ((objects.boxes[..., :2] + objects.boxes[..., 2:]) / 2 / self.stride).long().unbind(-1)
        image = torch.arange(len(batch))[:, None].expand_as(x)
        goal[image, objects.labels, y, x] = objects.valid.float()
        return {"heat": F.binary_cross_entropy_with_logits(logits, goal)}

    def predict(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        heat = self.heat(features[self.options.level]).float().sigmoid()
        scores, places = heat.flatten(1).topk(self.options.detections)
        width = heat.shape[3]
        cells = places % (heat.shape[2] * width)
        centres = torch.stack([cells % width, cells // width], dim=-1) * self.stride
        return {
            "scores": scores,
            "labels": places // heat[0, 0].numel(),
            "boxes": torch.cat([centres, centres + 8], -1),
        }

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Result]:
        found: list[Result] = []
        for i, image_id in enumerate(batch.ids):
            scale = (batch.original_sizes[i] / batch.sizes[i]).flip(0).repeat(2)
            limit = batch.original_sizes[i].flip(0).repeat(2)
            boxes = torch.minimum(predictions["boxes"][i] * scale, limit)
            height, width = batch.original_sizes[i].tolist()
            found.append(
                Detections(
                    image_id=image_id,
                    size=(height, width),
                    boxes=boxes,
                    scores=predictions["scores"][i],
                    labels=predictions["labels"][i],
                    label_space=self.labels,
                )
            )
        return found

    def metric(self, dataset: Any) -> Any:
        return Counted()

    def draw(self, image: np.ndarray, result: Any, *, score: float = 0.5) -> np.ndarray:
        out = image.copy()
        for x1, y1, x2, y2 in result.above(score).boxes.int().tolist():
            out[y1:y2, x1:x2] = 255
        return out

    def class_rows(self) -> dict[str, ClassRows]:
        return {"heat.weight": ClassRows(), "heat.bias": ClassRows()}


class TurnedHead(CentreHead):
    """Learns an angle of each object, which is NaN where there is no object."""

    needs = frozenset({"boxes", "angle", "phrase"})

    def losses(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        objects = batch.instances
        assert objects is not None
        assert len(objects.texts["phrase"]) == len(batch)
        level = self.heat(features["p3"]).float()
        goal = objects.fields["angle"].nan_to_num() * objects.valid
        return {**super().losses(features, batch), "angle": (level.mean((1, 2, 3))[:, None] - goal / 360).abs().mean()}


class VariableLosses(CentreHead):
    def losses(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        losses = super().losses(features, batch)
        return losses if batch.instances is not None and batch.instances.valid.any() else {"nothing": losses["heat"]}


class HalfLosses(CentreHead):
    def losses(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        return {"heat": self.heat(features["p3"]).mean()}


class EmptyMeanLosses(CentreHead):
    def losses(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        assert batch.instances is not None
        return {"heat": self.heat(features["p3"]).float().sum() / batch.instances.valid.sum()}


class IdleParameter(CentreHead):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.idle = nn.Linear(2, 2)


class RandomPredictions(CentreHead):
    def predict(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        out = super().predict(features, batch)
        return {**out, "scores": torch.rand_like(out["scores"])}


class NeedsTargets(CentreHead):
    def predict(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        out = super().predict(features, batch)
        return out if batch.instances is None else {**out, "boxes": out["boxes"] + 1}


class VariableShapes(CentreHead):
    def predict(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        out = super().predict(features, batch)
        return {n: t[:, : 1 + int(batch.images.any())] for n, t in out.items()}


class ResizedPixels(CentreHead):
    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Result]:
        found = super().results(predictions, replace(batch, original_sizes=batch.sizes))
        for result, size in zip(found, batch.original_sizes.tolist(), strict=True):
            result.size = tuple(size)
        return found


class LostResult(CentreHead):
    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Result]:
        return super().results(predictions, batch)[:1]


class OtherIds(CentreHead):
    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[Result]:
        return super().results(predictions, replace(batch, ids=[0, 1]))


class ScribblingDraw(CentreHead):
    def draw(self, image: np.ndarray, result: Any, *, score: float = 0.5) -> np.ndarray:
        image[:] = 0
        return image


class SmallDraw(CentreHead):
    def draw(self, image: np.ndarray, result: Any, *, score: float = 0.5) -> np.ndarray:
        return image[::2].copy()


class WrongMain(CentreHead):
    def metric(self, dataset: Any) -> Any:
        class Wrong(Counted):
            def compute(self) -> Evaluation:
                return Evaluation({"score": 0.0}, main="AP")

        return Wrong()


class Erring(Counted):
    def __init__(self, error: float, main: str, units: dict[str, str]) -> None:
        super().__init__()
        self.error, self.main, self.units = error, main, units

    def compute(self) -> Evaluation:
        return Evaluation({**super().compute().metrics, "error": self.error}, main=self.main, units=self.units)


class InMetres(CentreHead):
    """A head with a metric that is not a fraction."""

    error = 7.5
    main = "score"
    units: ClassVar[dict[str, str]] = {"error": "m"}

    def metric(self, dataset: Any) -> Any:
        return Erring(self.error, self.main, self.units)


class NoFraction(InMetres):
    units: ClassVar[dict[str, str]] = {}


class Infinite(InMetres):
    error = float("inf")


class MainInMetres(InMetres):
    main = "error"


class Forgetful(Counted):
    def merge(self, others: Any) -> None:
        pass


class NoMerge(CentreHead):
    def metric(self, dataset: Any) -> Any:
        return Forgetful()


class LooseOptions(CentreOptions):
    model_config = ConfigDict(extra="ignore")


class AnyOption(CentreHead):
    Options = LooseOptions


class Unsaved(CentreHead):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.gain = float(torch.rand(()))

    def predict(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        out = super().predict(features, batch)
        return {**out, "scores": out["scores"] * self.gain}


class WrongRows(CentreHead):
    def class_rows(self) -> dict[str, ClassRows]:
        return {"heat.weight": ClassRows(offset=1)}


class UnknownRows(CentreHead):
    def class_rows(self) -> dict[str, ClassRows]:
        return {"haet.weight": ClassRows()}


class MapHead(CentreHead):
    needs = frozenset({"semantic", "scene"})
    labels_from = "semantic"

    def losses(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        logits = F.interpolate(self.heat(features["p3"]).float(), batch.images.shape[2:])
        goal = batch.maps["semantic"].long()
        each = F.cross_entropy(logits, goal, ignore_index=255, reduction="sum")
        return {
            "pixels": each / (goal != 255).sum().clamp(min=1),
            "scene": each * 0 + batch.tags["scene"].float().mean(),
        }


@pytest.fixture
def register() -> Iterator[Any]:
    def put(head: type[Head]) -> str:
        hub.register(TaskSpec(name="tried", kind="test", summary="a try", target=f"{__name__}:{head.__name__}"))
        return "tried"

    yield put
    registry.unregister("tried")


@pytest.mark.parametrize(
    "options", [{}, {"labels": ("one",)}, {"backbone": "resnet18", "level": "c3"}, {"detections": 2}]
)
def test_a_sound_head_passes(register: Any, options: dict[str, Any]) -> None:
    check_task(register(CentreHead), **options)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (VariableLosses, "gives the losses"),
        (HalfLosses, "bfloat16: loss heat is torch.bfloat16, not float32"),
        (EmptyMeanLosses, "a batch without objects in float32: loss heat is"),
        (IdleParameter, "do not depend on idle.weight, idle.bias"),
        (RandomPredictions, "predict returns other values the second time"),
        (NeedsTargets, "predict returns other values if there are targets"),
        (VariableShapes, "shapes depend on the pixels"),
        (ResizedPixels, "not in pixels of the file"),
        (LostResult, "results: 1 for 2 images"),
        (OtherIds, "results: image_id 0, but the batch says 1"),
        (ScribblingDraw, "draw changes the image"),
        (SmallDraw, "draw: "),
        (WrongMain, "the main metric 'AP' is not among"),
        (NoFraction, "error is 7.5, not a fraction; declare its unit"),
        (Infinite, "error is inf"),
        (MainInMetres, "the main metric 'error' has a unit"),
        (NoMerge, "two merged metrics give"),
        (AnyOption, "unknown option 'detectionss' is accepted"),
        (Unsaved, "another model of the same recipe"),
        (WrongRows, "heat.weight has 2 rows"),
        (UnknownRows, "'haet.weight', which is not a parameter"),
    ],
)
def test_each_violation_is_named(register: Any, head: type[Head], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_task(register(head))


def test_targets_that_the_kit_cannot_draw(register: Any) -> None:
    name = register(MapHead)
    semantic = np.random.default_rng(0).integers(0, 2, (2, IMAGE_SIZE, IMAGE_SIZE)).astype(np.uint8)
    with pytest.raises(AssertionError, match="needs 'scene', which TinyDataset does not have"):
        check_task(name, targets={"semantic": semantic})
    check_task(name, targets={"semantic": semantic, "scene": np.array([0, 1])})


def test_a_head_with_metrics_that_are_not_fractions(register: Any) -> None:
    check_task(register(InMetres))


class Seen(Counted):
    def update(self, results: Any) -> None:
        self.scores |= {r.image_id: 1.0 for r in results}


class Brightness(CentreHead):
    """A head without classes: predicts the brightness of the image."""

    needs = frozenset({"light"})
    labels_from = None

    def __init__(self, channels: Any, strides: Any, labels: Any, options: Any) -> None:
        Head.__init__(self, channels, strides, labels, options)
        assert not len(labels)
        self.heat = nn.Conv2d(channels[options.level], 1, 1)

    def predict(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        return {"light": self.heat(features["p3"]).mean((1, 2, 3)).float()}

    def losses(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        return {"light": (self.predict(features, batch)["light"] - batch.tags["light"]).square().mean().float()}

    def results(self, predictions: Any, batch: Batch) -> list[Result]:
        rows = zip(batch.ids, batch.original_sizes.tolist(), predictions["light"].tolist(), strict=True)
        return [Light(image_id=i, size=(h, w), light=light) for i, (h, w), light in rows]

    def metric(self, dataset: Any) -> Any:
        return Seen()

    def draw(self, image: np.ndarray, result: Any, *, score: float = 0.5) -> np.ndarray:
        return image.copy()

    def class_rows(self) -> dict[str, ClassRows]:
        return {}


@dataclass(kw_only=True)
class Light(Result):
    light: float
    written: ClassVar[dict[str, Any]] = {".txt": b"bright"}

    def files(self) -> dict[str, bytes]:
        return self.written


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"txt": b""}, r"the key 'txt' of files\(\) is not a suffix"),
        ({".png": b""}, "reserved for the drawing"),
        ({".txt": ""}, "a str, not bytes"),
    ],
)
def test_a_head_without_classes(
    register: Any, monkeypatch: pytest.MonkeyPatch, written: dict[str, Any], message: str
) -> None:
    name, targets = register(Brightness), {"light": np.array([0.5, 0.25], np.float32)}
    check_task(name, targets=targets)
    monkeypatch.setattr(Light, "written", written)
    with pytest.raises(AssertionError, match=message):
        check_task(name, targets=targets)


def test_a_heavy_spec_is_refused(tmp_path: Any) -> None:
    from hub.testing import distribution

    source = "import torch\nfrom hub import TaskSpec\nspec = TaskSpec(name='x', kind='k', summary='s', target='a:B')"
    points = {"backbone_hub.tasks.v1": {"heavy": "heavy_specs:spec"}}
    with (
        distribution(tmp_path, "heavy", files={"heavy_specs.py": source}, entry_points=points),
        pytest.raises(AssertionError, match="heavy_specs imports torch"),
    ):
        check_task("heavy")


def test_faster_rcnn() -> None:
    check_task("faster-rcnn")


def test_fields_of_objects_reach_a_head_that_names_them(register: Any) -> None:
    name = register(TurnedHead)
    with pytest.raises(AssertionError, match=r"fields=\{'angle': FieldSpec"):
        check_task(name)
    check_task(name, fields={"angle": FieldSpec("angle"), "phrase": FieldSpec("text")})
