"""Necks that break their contract are found when the trunk is created, not by boxes at half the scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import hub
from hub import NeckSpec
from hub.backbones.create import create_trunk
from hub.errors import ContractError
from hub.registry import unregister

Forward = Callable[[nn.Module, dict[str, Tensor]], Any]


class Neck(nn.Module):
    """A neck of one level that the tests change."""

    answer: Forward
    declared: Mapping[str, Any]

    def __init__(self, channels: Mapping[str, int], strides: Mapping[str, int], *, levels: tuple[str, ...]) -> None:
        super().__init__()
        self.layer = nn.Conv2d(channels["c3"], 8, 1)
        self.channels, self.strides = {"p3": 8}, {"p3": 8}
        for name, value in type(self).declared.items():
            setattr(self, name, value)

    def forward(self, features: dict[str, Tensor]) -> Any:
        return type(self).answer(self, features)


def good(neck: nn.Module, features: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"p3": neck.layer(features["c3"])}


def clears(neck: nn.Module, features: dict[str, Tensor]) -> dict[str, Tensor]:
    out = good(neck, features)
    features.clear()
    return out


def in_place(neck: nn.Module, features: dict[str, Tensor]) -> dict[str, Tensor]:
    features["c3"].add_(1)
    return good(neck, features)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    hub.register(NeckSpec(name="odd", summary="for tests", target=f"{__name__}:Neck", levels=("p3",)))
    yield
    unregister("odd")


@pytest.mark.parametrize(
    ("answer", "declared", "said"),
    [
        (good, {"strides": {"p3": 16}}, "declares the stride 16 for p3, but returned 16×32"),
        (good, {"channels": {"p3": 4}}, "declares 4 channels for p3, but returned 8"),
        (good, {"channels": {"p4": 8}}, "declares no channels for p3"),
        (lambda neck, features: {}, {}, "returned no feature map for p3, only nothing"),
        (lambda neck, features: {"p3": None}, {}, "returned no feature map for p3"),
        (lambda neck, features: [features["c3"]], {}, "returned a list"),
        (lambda neck, features: features["c9"], {}, "fails on the features of the backbone: KeyError"),
        (clears, {}, "changes the features that it is given"),
        (in_place, {}, "changes the features of the backbone in place"),
    ],
)
def test_a_broken_neck_is_refused_with_the_reason(
    answer: Forward, declared: Mapping[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Neck, "answer", staticmethod(answer), raising=False)
    monkeypatch.setattr(Neck, "declared", declared, raising=False)
    with pytest.raises(ContractError, match=said):
        create_trunk("resnet18-odd")


def test_a_sound_neck_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Neck, "answer", staticmethod(good), raising=False)
    monkeypatch.setattr(Neck, "declared", {}, raising=False)
    out = create_trunk("resnet18-odd")(torch.zeros(1, 3, 64, 64))
    assert out["p3"].shape == (1, 8, 8, 8)
