from __future__ import annotations

import pytest
import torch

import hub
from hub import Trunk
from hub.errors import OptionError

STAGES = (("conv1", "bn1"), ("layer1",), ("layer2",), ("layer3",), ("layer4",))


def frozen(trunk: Trunk) -> set[str]:
    return {name for name, p in trunk.named_parameters() if not p.requires_grad}


@pytest.mark.parametrize(("name", "stages"), [*(("resnet18", i) for i in range(6)), ("resnet50-fpn", 2)])
def test_exactly_the_stages_of_a_resnet(name: str, stages: int) -> None:
    trunk = hub.create(name, freeze=stages)
    wanted = tuple(f"body.net.{part}." for stage in STAGES[:stages] for part in stage)
    assert frozen(trunk) == {n for n, _ in trunk.named_parameters() if n.startswith(wanted)}


@pytest.mark.parametrize("name", ["densenet121", "mobilenetv3_large_100", "convnext_atto", "skresnet18"])
def test_frozen_stages_do_not_change_and_the_others_do(name: str) -> None:
    trunk = hub.create(name, freeze=2)
    before = {n: p.detach().clone() for n, p in trunk.named_parameters()}
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        reference = trunk.eval()(x)
    optimizer = torch.optim.SGD([p for p in trunk.train().parameters() if p.requires_grad], lr=0.1)
    sum(f.square().mean() for f in trunk(x).values()).backward()
    optimizer.step()
    moved = {n for n, p in trunk.named_parameters() if not torch.equal(p, before[n])}
    assert moved
    assert moved.isdisjoint(frozen(trunk))
    with torch.no_grad():
        after = trunk.eval()(x)
    # Running statistics included: the outputs of the frozen stages are bit-identical.
    assert torch.equal(after["c2"], reference["c2"])
    assert not torch.equal(after["c5"], reference["c5"])


def test_batch_norms_of_frozen_stages_stay_in_eval_mode() -> None:
    trunk = hub.create("resnet18", freeze=2).train()
    assert not trunk.body.net.bn1.training
    assert not trunk.body.net.layer1[0].bn1.training
    assert trunk.body.net.layer2[0].bn1.training


def test_freezing_an_existing_trunk() -> None:
    trunk = hub.create("resnet18")
    trunk.freeze(1)
    assert {n.split(".")[2] for n in frozen(trunk)} == {"conv1", "bn1"}
    assert trunk.training


@pytest.mark.parametrize(("name", "stages"), [("resnet18", 6), ("resnet18", -1), ("vit_tiny_patch16_224", 2)])
def test_stages_that_the_backbone_does_not_have(name: str, stages: int) -> None:
    with pytest.raises(OptionError, match=f"{name} cannot freeze {stages} stages"):
        hub.create(name, freeze=stages)


def test_all_of_a_vit() -> None:
    trunk = hub.create("vit_tiny_patch16_224-fpn", freeze=4, channels=16)
    assert not any(p.requires_grad for p in trunk.body.parameters())
    assert all(p.requires_grad for p in trunk.neck.parameters())
