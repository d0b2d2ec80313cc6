"""Plugins that are registered in one process."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import hub
from hub import BackboneSpec, NeckSpec, TaskSpec, registry
from hub.errors import AmbiguousNameError, ContractError
from hub.registry import find


@pytest.fixture(autouse=True)
def _take_back() -> Iterator[None]:
    yield
    for entry in registry.entries():
        if entry.distribution == registry.LOCAL:
            registry.unregister(entry.name)


def task(name: str = "my-head", target: str = "collections:OrderedDict") -> TaskSpec:
    return TaskSpec(name=name, kind="detection", summary="mine", target=target)


def test_register_in_this_process() -> None:
    hub.register(task())
    assert "my-head" in hub.list(kind="tasks")
    assert hub.info("my-head").id == "local:my-head"
    assert find("tasks", "my-head").spec().summary == "mine"
    assert find("tasks", "my-head").target() is OrderedDict


def test_registering_again_replaces() -> None:
    hub.register(task())
    hub.register(task(target="collections:Counter"))
    assert find("tasks", "my-head").spec().target == "collections:Counter"
    assert hub.list("my-head") == ["my-head"]


def test_a_taken_name_needs_replace() -> None:
    with pytest.raises(AmbiguousNameError, match="'faster-rcnn' is taken by backbone_hub:faster-rcnn"):
        hub.register(task("faster-rcnn"))
    hub.register(NeckSpec(name="faster-rcnn", summary="", target="a:B"))  # other kinds have names of their own
    with pytest.raises(AmbiguousNameError, match="'resnet18' is taken by timm"):
        hub.register(BackboneSpec(name="resnet18", summary="mine", target="a:B"))


def test_a_plugin_can_take_the_place_of_another_knowingly() -> None:
    hub.register(task("faster-rcnn", "collections:Counter"), replace=True)
    assert find("tasks", "faster-rcnn").target() is Counter
    assert find("tasks", "backbone_hub:faster-rcnn").target() is not Counter
    assert {"faster-rcnn", "backbone_hub:faster-rcnn"} <= set(hub.list("*faster-rcnn"))
    registry.unregister("faster-rcnn")
    assert find("tasks", "faster-rcnn").id == "backbone_hub:faster-rcnn"


class Halves(nn.Module):
    def __init__(self, pretrained: bool = False, in_chans: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_chans, 5, 2, stride=2)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.conv(x)]


def test_a_backbone_can_take_the_place_of_timms() -> None:
    hub.register(BackboneSpec(name="resnet18", summary="mine", target=f"{__name__}:Halves"), replace=True)
    assert hub.create_trunk("resnet18").channels == {"c1": 5}
    registry.unregister("resnet18")
    assert "c5" in hub.create_trunk("resnet18").channels
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("what", ["my-head", TaskSpec, None])
def test_only_specs_can_be_registered(what: object) -> None:
    with pytest.raises(ContractError, match="cannot register"):
        hub.register(what)  # type: ignore[arg-type]
