"""Create models by name, with the smallest possible heads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import hub
from hub import Head, LabelSpace, Options, ResizeRule, Result, TaskSpec, registry
from hub.contract import Batch
from hub.errors import BadNameError, ContractError, LabelMismatchError, OptionError, UnknownNameError
from hub.model import Model, ModelPlan, build


class MeanOptions(Options):
    level: str = "p3"
    gain: float = 1.0


class MeanHead(Head):
    """Predicts the mean of a level for each class."""

    Options = MeanOptions

    def __init__(self, channels: Any, strides: Any, labels: LabelSpace, options: Any) -> None:
        super().__init__(channels, strides, labels, options)
        (width,) = channels.values()
        self.linear = nn.Linear(width, len(labels))

    @classmethod
    def levels(cls, options: Any) -> tuple[str, ...]:
        return (options.level,)

    def scores(self, features: Mapping[str, Tensor]) -> Tensor:
        return self.linear(features[self.options.level].mean((2, 3))) * self.options.gain

    def losses(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        return {"loss": self.scores(features).float().square().mean()}

    def predict(self, features: Any, batch: Batch) -> dict[str, Tensor]:
        return {"scores": self.scores(features)}

    def results(self, predictions: Any, batch: Batch) -> list[Result]:
        sizes = batch.original_sizes.tolist()
        return [Result(image_id=i, size=(h, w)) for i, (h, w) in zip(batch.ids, sizes, strict=True)]

    def metric(self, dataset: Any) -> Any:
        raise NotImplementedError

    def draw(self, image: np.ndarray, result: Any, *, score: float = 0.5) -> np.ndarray:
        return image.copy()


@pytest.fixture(autouse=True)
def _heads() -> Iterator[None]:
    for name in ("mean", "other-mean"):
        hub.register(TaskSpec(name=name, kind="test", summary="", target=f"{__name__}:MeanHead"))
    hub.register(TaskSpec(name="no-head", kind="test", summary="", target="collections:OrderedDict"))
    yield
    for name in ("mean", "other-mean", "no-head"):
        registry.unregister(name)


SMALL = {"channels": 8}


def test_a_model_and_its_parts() -> None:
    model = hub.create("mean/resnet18-fpn", labels=["cat", "dog"], gain=2.0, **SMALL)
    assert isinstance(model, Model)
    assert model.trunk.strides == {"p3": 8}, "the trunk computes what the head reads, no more"
    assert model.labels["mean"].names == ("cat", "dog")
    assert dict(model.items())["mean"].options == MeanOptions(gain=2.0)


def test_a_head_may_read_raw_levels() -> None:
    assert hub.create("mean/resnet18", labels=["a"], level="c4").trunk.strides == {"c4": 16}


def test_two_heads_share_one_trunk() -> None:
    model = hub.create(
        "mean+other-mean/resnet18-fpn",
        labels={"mean": ["a"], "other-mean": ["b", "c"]},
        heads={"other-mean": {"level": "p5"}},
        **SMALL,
    )
    assert model.trunk.strides == {"p3": 8, "p5": 32}
    batch = model.prepare([np.zeros((64, 64, 3), np.uint8)])
    calls = []
    model.trunk.register_forward_hook(lambda *_: calls.append(1))
    out = model.eval()(batch)
    assert {name: tuple(o["scores"].shape) for name, o in out.items()} == {"mean": (1, 1), "other-mean": (1, 2)}
    assert calls == [1]


def test_training_gives_losses_and_eval_gives_predictions() -> None:
    model = hub.create("mean/resnet18-fpn", labels=["a"], **SMALL)
    batch = model.prepare([np.zeros((64, 64, 3), np.uint8)])
    assert list(model.train()(batch)["mean"]) == ["loss"]
    assert list(model.eval()(batch)["mean"]) == ["scores"]


def test_a_recipe_builds_the_same_model() -> None:
    model = hub.create("mean/resnet18-fpn", labels=["a", "b"], level="p4", norm="frozen", freeze=1, in_chans=1, **SMALL)
    twin = build(ModelPlan.of(model.recipe))
    assert twin.recipe == model.recipe
    twin.load_state_dict(model.state_dict())
    assert [p.requires_grad for p in twin.parameters()] == [p.requires_grad for p in model.parameters()]
    batch = model.prepare([np.full((64, 64, 1), 9, np.uint8)])
    assert torch.equal(model.eval()(batch)["mean"]["scores"], twin.eval()(batch)["mean"]["scores"])


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("mean/resnet18-fpn", {}, LabelMismatchError, "needs labels"),
        ("mean/resnet18-fpn", {"labels": []}, LabelMismatchError, "empty"),
        ("mean/resnet18-fpn", {"labels": "cat"}, LabelMismatchError, "not the string"),
        ("mean/resnet18-fpn", {"labels": {"maen": ["a"]}}, OptionError, "'maen'.* Did you mean mean"),
        ("mean+other-mean/resnet18-fpn", {"labels": ["a"]}, LabelMismatchError, "several heads"),
        (
            "mean+other-mean/resnet18-fpn",
            {"labels": {"mean": ["a"]}},
            LabelMismatchError,
            "no labels for head 'other-mean'",
        ),
        (
            "mean/resnet18-fpn",
            {"labels": ["a"], "gian": 2},
            OptionError,
            "mean has no option 'gian'. Did you mean gain",
        ),
        ("mean/resnet18-fpn", {"labels": ["a"], "gain": "x"}, OptionError, "option gain = 'x'"),
        ("mean/resnet18-fpn", {"labels": ["a"], "heads": {"men": {}}}, OptionError, "'men'.* Did you mean mean"),
        ("mean/resnet18-fpn", {"labels": ["a"], "levels": ("p3",)}, OptionError, "takes no 'levels'"),
        ("mean/resnet18", {"labels": ["a"]}, BadNameError, "has no neck"),
        ("mean/resnet18-fpn", {"labels": ["a"], "level": "p9"}, OptionError, "no level p9"),
        ("no-head/resnet18-fpn", {"labels": ["a"]}, ContractError, "'no-head' is .*OrderedDict"),
        ("meann/resnet18-fpn", {"labels": ["a"]}, UnknownNameError, "Did you mean mean"),
        ("resnet18-fpn", {"labels": ["a"]}, OptionError, "takes no 'labels'"),
        ("resnet18-fpn", {"gain": 1.0}, OptionError, "takes no 'gain'"),
    ],
)
def test_wrong_requests(name: str, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        hub.create(name, **options)


def test_options_of_several_heads_are_ambiguous() -> None:
    labels = {"mean": ["a"], "other-mean": ["a"]}
    with pytest.raises(OptionError, match="'gain' is ambiguous"):
        hub.create("mean+other-mean/resnet18-fpn", labels=labels, gain=2.0)


def test_predict_from_files_and_arrays(tmp_path: Path) -> None:
    model = hub.create("mean/resnet18-fpn", labels=["a"], resize=ResizeRule(64, 96), **SMALL)
    pixels = np.random.default_rng(0).integers(0, 255, (50, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    Image.fromarray(pixels.transpose(1, 0, 2)).save(tmp_path / "tall.png")
    single = model.predict(tmp_path / "wide.png").result
    assert (single.size, single.image_id) == ((50, 90), str(tmp_path / "wide.png"))
    many = model.predict([tmp_path / "wide.png", str(tmp_path / "tall.png"), pixels], batch_size=2)
    assert [p.result.size for p in many] == [(50, 90), (90, 50), (50, 90)]
    assert model.predict([]) == []
    assert model.training, "predict leaves the mode as it was"


def test_predict_with_two_heads_returns_a_result_for_each() -> None:
    labels = {"mean": ["a"], "other-mean": ["b"]}
    model = hub.create("mean+other-mean/resnet18-fpn", labels=labels, resize=ResizeRule(64, 96), **SMALL)
    answers = model.predict(np.zeros((50, 90, 3), np.uint8))
    assert {name: r.size for name, r in answers.items()} == {"mean": (50, 90), "other-mean": (50, 90)}
    with pytest.raises(OptionError, match="each of 2 heads: mean, other-mean"):
        answers.result  # noqa: B018


def test_prepare_resizes_as_the_weights_want_and_pads() -> None:
    model = hub.create("mean/resnet18-fpn", labels=["a"], resize=ResizeRule(64, 96), **SMALL)
    batch = model.prepare([np.zeros((50, 90, 3), np.uint8), np.zeros((100, 100, 3), np.uint8)])
    assert batch.sizes.tolist() == [[53, 96], [64, 64]]
    assert batch.original_sizes.tolist() == [[50, 90], [100, 100]]
    assert batch.images.shape[2] % model.divisor == batch.images.shape[3] % model.divisor == 0
