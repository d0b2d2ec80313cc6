"""Heads on one trunk do not affect each other: at creation, in training, or when a head is added."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import hub
from hub.backbones.trunk import plain_key
from hub.errors import BadNameError, DataError, LabelMismatchError, OptionError
from hub.images import ResizeRule
from hub.model import Model
from hub.testing.dataset import IMAGE_SIZE, TinyDataset

THINGS = ["a", "b"]
SMALL: dict[str, dict[str, Any]] = {
    "faster-rcnn": {"box_head_fc_channels": 16, "rpn_post_nms_topk_train": 20, "rpn_post_nms_topk_test": 20},
    "retinanet": {},
    "semantic-fpn": {"decoder_channels": 16},
    "unet": {},
    "classification": {},
}


def make(tasks: str, **more: Any) -> Model:
    torch.manual_seed(0)
    names = tasks.split("+")
    return hub.create(
        f"{tasks}/resnet18-fpn",
        labels=dict.fromkeys(names, THINGS),
        channels=16,
        heads={name: SMALL[name] for name in names},
        resize=ResizeRule(64, 96),
        **more,
    )


def weights(model: Model) -> dict[str, Tensor]:
    return {
        k if k.startswith("heads.") else plain_key(k.removeprefix("trunk.")): v for k, v in model.state_dict().items()
    }


def images() -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (64, 96, 3), dtype=np.uint8) for i in range(2)]


def answers(model: Model, head: str) -> Mapping[str, Tensor]:
    model.eval()
    with torch.no_grad():
        return model(model.prepare(images()))[head]


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize(
    ("alone", "together"),
    [
        ("faster-rcnn", "faster-rcnn+semantic-fpn"),
        ("faster-rcnn", "semantic-fpn+faster-rcnn"),
        ("faster-rcnn", "faster-rcnn+classification"),  # the whole timm model instead of the part that gives maps
        ("faster-rcnn", "retinanet+faster-rcnn"),
        ("retinanet", "retinanet+faster-rcnn"),  # which makes the pyramid larger
        ("semantic-fpn", "semantic-fpn+unet+faster-rcnn+classification"),  # raw levels and the pyramid's
    ],
)
def test_another_head_changes_no_number_at_the_start(alone: str, together: str) -> None:
    one, several = make(alone), make(together)
    ours, theirs = weights(one), weights(several)
    assert ours.keys() <= theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert same(answers(one, alone), answers(several, alone))


def test_levels_that_no_head_reads_are_absent() -> None:
    trunk = make("retinanet").trunk
    assert trunk.levels == ("p3", "p4", "p5")
    assert set(trunk.neck.output) == {"p3", "p4", "p5"}


def test_the_trunk_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = make("faster-rcnn+semantic-fpn+classification"), []
    model.trunk.body.register_forward_hook(lambda *args: calls.append(1))
    for prediction in model.predict(images()):
        assert list(prediction) == ["faster-rcnn", "semantic-fpn", "classification"]
    assert len(calls) == 1


class TestAddHead:
    def test_results_of_other_heads_stay_and_only_the_new_one_learns(self) -> None:
        model = make("faster-rcnn")
        before = copy.deepcopy(dict(answers(model, "faster-rcnn")))
        model.add_head("semantic-fpn", labels=["sky"], decoder_channels=16)
        assert model.recipe.name == "faster-rcnn+semantic-fpn/resnet18-fpn"
        assert same(before, answers(model, "faster-rcnn"))
        learning = {name.split(".")[1] for name, p in model.named_parameters() if p.requires_grad}
        assert learning == {"semantic-fpn"}

        model.train()
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
        data = TinyDataset(
            hub.LabelSpace.of(THINGS), targets={"semantic": np.zeros((2, IMAGE_SIZE, IMAGE_SIZE), np.uint8)}
        )
        batch = data.batch(frozenset({"boxes", "semantic"}))
        losses = model(batch)
        assert set(losses) == {"semantic-fpn"}, "a frozen head on a frozen trunk has nothing to learn"
        losses["semantic-fpn"]["loss_cross_entropy"].backward()
        optimizer.step()
        assert same(before, answers(model, "faster-rcnn"))

    def test_levels_that_the_trunk_does_not_give_yet(self) -> None:
        model = make("retinanet")
        before = dict(answers(model, "retinanet"))
        model.add_head("faster-rcnn", labels=THINGS, **SMALL["faster-rcnn"])
        model.add_head("classification", labels=THINGS, freeze=False)
        assert {"p2", "p6", "pooled"} <= set(model.trunk.levels)
        assert same(before, answers(model, "retinanet"))

    def test_it_is_saved_and_loaded_with_the_others(self, tmp_path: Any) -> None:
        from hub.weights import load, save

        model = make("faster-rcnn")
        model.add_head("semantic-fpn", labels=["sky"], decoder_channels=16)
        again = load(save(model, tmp_path / "model.safetensors"))
        for head in ("faster-rcnn", "semantic-fpn"):
            assert same(answers(model, head), answers(again, head))

    def test_a_head_of_that_name_is_refused_and_nothing_changed(self) -> None:
        model = make("faster-rcnn")
        with pytest.raises(BadNameError, match="has one task twice"):
            model.add_head("faster-rcnn", labels=THINGS)
        with pytest.raises(LabelMismatchError, match="needs labels"):
            model.add_head("semantic-fpn")
        assert list(model.heads) == ["faster-rcnn"]


class TestWhatABatchFeeds:
    def test_a_head_without_its_targets_is_left_out(self) -> None:
        model = make("faster-rcnn+semantic-fpn").train()
        data = TinyDataset(hub.LabelSpace.of(THINGS))
        assert set(model(data.batch(frozenset({"boxes"})))) == {"faster-rcnn"}

    def test_a_batch_for_no_head_is_refused(self) -> None:
        model = make("semantic-fpn").train()
        data = TinyDataset(hub.LabelSpace.of(THINGS))
        with pytest.raises(DataError, match="nothing that a head of semantic-fpn.* learns from: no semantic"):
            model(data.batch(frozenset({"boxes"})))


class TestBadInput:
    def test_one_name_twice(self) -> None:
        with pytest.raises(BadNameError, match="has one task twice"):
            hub.create("faster-rcnn+faster-rcnn/resnet18-fpn", labels={"faster-rcnn": THINGS})

    def test_labels_for_a_missing_head(self) -> None:
        with pytest.raises(OptionError, match=r"labels given for 'semantic-fpm'.* Did you mean semantic-fpn"):
            hub.create("faster-rcnn+semantic-fpn/resnet18-fpn", labels={"faster-rcnn": THINGS, "semantic-fpm": THINGS})

    def test_heads_that_want_different_images(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from hub.model.plan import head_class

        for name, size in (("faster-rcnn", 64), ("semantic-fpn", 112)):
            rule = {"resize": ResizeRule(size, size)}
            monkeypatch.setattr(
                head_class(name), "required_preprocessing", classmethod(lambda cls, options, rule=rule: rule)
            )
        with pytest.raises(OptionError, match=r"semantic-fpn needs .* resize .*112.* but resize is .* for faster-rcnn"):
            make_with_free_size("faster-rcnn+semantic-fpn")
        assert make_with_free_size("faster-rcnn").preprocessing.resize == ResizeRule(64, 64)
        with pytest.raises(OptionError, match="but resize is .* for the option resize"):
            make("semantic-fpn")

    def test_one_option_for_several_heads(self) -> None:
        with pytest.raises(OptionError, match="several heads, so 'width' is ambiguous"):
            make_with_free_size("faster-rcnn+semantic-fpn", width=3)


def make_with_free_size(tasks: str, **more: Any) -> Model:
    labels = dict.fromkeys(tasks.split("+"), THINGS)
    return hub.create(f"{tasks}/resnet18-fpn", labels=labels, channels=16, **more)
