from __future__ import annotations

import pytest
from timm import create_model
from timm.models import group_parameters

from hub.backbones.create import create_trunk
from hub.backbones.depth import layer_depths


def by_name(name: str, **options: object) -> dict[str, int]:
    trunk = create_trunk(name, **options)  # type: ignore[arg-type]
    depths = layer_depths(trunk)
    found = {n: depths[p] for n, p in trunk.body.net.named_parameters()}
    assert len(found) == len(list(trunk.body.parameters()))
    return found


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "vit_tiny_patch16_224"])
def test_complete_models_have_timms_layers(name: str) -> None:
    oracle = create_model(name, num_classes=0)
    layers = group_parameters(oracle, oracle.group_matcher(coarse=False), reverse=True)
    assert by_name(name, levels=("pooled",)) == layers


def test_a_feature_extractor_of_a_vision_transformer_has_its_blocks() -> None:
    found = by_name("vit_tiny_patch16_224")
    assert found["model.patch_embed.proj.weight"] == 0
    assert [found[f"model.blocks.{i}.attn.qkv.weight"] for i in range(12)] == list(range(1, 13))


def test_other_stages_are_found_by_gradient() -> None:
    found = by_name("resnet18-fpn", channels=8, freeze=2)
    assert {found[n] for n in found if n.startswith("conv1")} == {4}  # frozen parameters have no learning rate
    assert {found[n] for n in found if n.startswith("layer2.")} == {2}
    assert {found[n] for n in found if n.startswith("layer4.")} == {4}
    thawed = by_name("convnext_atto")
    assert thawed["stem_0.weight"] == 0
    assert {thawed[n] for n in thawed if n.startswith("stages_3.")} == {3}
