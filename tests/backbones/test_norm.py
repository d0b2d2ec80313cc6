from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

import hub
from hub.backbones.create import create_trunk
from hub.backbones.norm import NORMS, make_norm, set_norm
from hub.errors import OptionError


def norms(module: nn.Module) -> list[_BatchNorm]:
    return [m for m in module.modules() if isinstance(m, _BatchNorm)]


@pytest.mark.parametrize("norm", ["batch", "frozen", "sync"])
def test_state_dicts_fit_each_other(norm: str) -> None:
    """A checkpoint trained with one norm loads into a model with another."""
    plain, other = hub.create("resnet18"), hub.create("resnet18", norm=norm)
    assert list(other.state_dict()) == list(plain.state_dict())
    other.load_state_dict(plain.state_dict())


def test_frozen_norms_never_change() -> None:
    trunk = hub.create("resnet18", norm="frozen")
    assert norms(trunk)
    before = {k: v.clone() for k, v in trunk.state_dict().items() if "bn" in k}
    trunk.train()
    optimizer = torch.optim.SGD([p for p in trunk.parameters() if p.requires_grad], lr=1.0)
    sum(f.sum() for f in trunk(torch.randn(2, 3, 64, 64)).values()).backward()
    optimizer.step()
    assert not any(m.training for m in norms(trunk))
    assert trunk.training
    assert before
    for key, value in before.items():
        assert torch.equal(trunk.state_dict()[key], value), key


def test_frozen_norms_stay_in_eval_mode_inside_a_training_model() -> None:
    trunk = hub.create("resnet18-fpn", norm="frozen")
    nn.Sequential(trunk).train()
    assert not any(m.training for m in norms(trunk.body))


def test_batch_norm_trains() -> None:
    trunk = hub.create("resnet18")
    assert all(m.training for m in norms(trunk.train()))
    assert all(p.requires_grad for p in trunk.parameters())


def test_group_norm_normalizes_each_image_independently() -> None:
    trunk = hub.create("resnet18", norm="group").train()
    assert not norms(trunk)
    images = torch.randn(2, 3, 64, 64)
    together, alone = trunk(images)["c5"], trunk(images[:1])["c5"]
    torch.testing.assert_close(together[:1], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["mobilenetv3_large_100", "densenet121", "resnetv2_50"])
def test_group_norm_keeps_the_activation_of_fused_layers(name: str) -> None:
    """The activation of timm's fused norm and activation layers must be kept."""
    torch.manual_seed(0)
    plain = hub.create(name)
    group = hub.create(name, norm="group")

    def activations(module: nn.Module) -> list[str]:
        return [type(m).__name__ for m in module.modules() if "norm" not in type(m).__name__.lower()]

    assert not norms(group)
    assert activations(group) == activations(plain)


def test_group_norm_copies_the_affine_parameters() -> None:
    layer = nn.BatchNorm2d(48)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    group = set_norm(nn.Sequential(layer), "group")[0]
    assert isinstance(group, nn.GroupNorm)
    assert 48 % group.num_groups == 0
    assert torch.equal(group.weight, layer.weight)
    assert torch.equal(group.bias, layer.bias)


def test_sync() -> None:
    trunk = hub.create("resnet18", norm="sync")
    assert all(isinstance(m, nn.SyncBatchNorm) for m in norms(trunk))


@pytest.mark.parametrize("norm", NORMS)
def test_one_layer(norm: str) -> None:
    layer = make_norm(norm, 8)
    assert layer.eval()(torch.randn(2, 8, 3, 3)).shape == (2, 8, 3, 3)


def test_unknown_norm() -> None:
    with pytest.raises(OptionError, match="unknown norm 'bach'. Did you mean batch"):
        hub.create("resnet18", norm="bach")


@pytest.mark.parametrize("name", ["resnest14d", "skresnet18"])
def test_group_norm_leaves_the_attention_of_split_and_selective_kernels_alive(name: str) -> None:
    # Residual branches that start at zero would pass no gradient in the first step.
    trunk = create_trunk(name, norm="group", backbone={"zero_init_last": False})
    trunk(torch.randn(1, 3, 64, 64))["c5"].square().mean().backward()  # batch 1 in training mode
    attention = [p for n, p in trunk.named_parameters() if "fc1.weight" in n or "attn.fc_reduce.weight" in n]
    assert attention
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in attention)
