"""The contract for every semantic head, results, losses and options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import hub
from hub.contract import Batch
from hub.errors import DataError, OptionError
from hub.testing import check_task

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"decoder_channels": (16, 8, 8, 8, 8)},
    "unetplusplus": {"decoder_channels": (16, 8, 8, 8, 8)},
    "manet": {"decoder_channels": (32, 32, 16, 16, 16), "pab_channels": 8},
    "linknet": {"decoder_channels": 8},
    "pspnet": {"decoder_channels": 16, "dropout": 0.0},
    "deeplabv3": {"decoder_channels": 16, "dropout": 0.0},
    "deeplabv3plus": {"decoder_channels": 16, "dropout": 0.0},
    "upernet": {"decoder_channels": 16},
    "segformer": {"decoder_channels": 16},
}
MAP = {"semantic": np.random.default_rng(0).integers(0, 2, (2, 128, 128)).astype(np.uint8)}


@pytest.mark.parametrize("task", SMALL)
def test_contract_on_raw_features(task: str) -> None:
    check_task(task, backbone="resnet18", targets=MAP, **SMALL[task])


def test_contract_on_a_pyramid_with_every_loss() -> None:
    loss = dict.fromkeys(("cross_entropy", "dice", "focal", "jaccard", "lovasz", "tversky"), 1.0)
    check_task("semantic-fpn", targets=MAP, decoder_channels=16, loss=loss)


def test_pan_accepts_images_of_256_pixels_and_refuses_smaller_ones() -> None:
    model = hub.create("pan/resnet18", labels=["a", "b"], decoder_channels=8).train()
    for size in (256, 128):
        images = torch.zeros(2, 3, size, size, dtype=torch.uint8)
        sizes = torch.tensor([[size, size]] * 2)
        batch = Batch(images, sizes, sizes, maps={"semantic": torch.ones(2, size, size, dtype=torch.uint8)})
        if size == 256:
            assert model(batch)["pan"]["loss_cross_entropy"].isfinite()
        else:
            with pytest.raises(DataError, match="at least 256×256 pixels"):
                model(batch)


def _batch(sizes: list[list[int]], originals: list[list[int]]) -> Batch:
    images = torch.zeros(len(sizes), 3, 64, 96, dtype=torch.uint8)
    return Batch(images=images, sizes=torch.tensor(sizes), original_sizes=torch.tensor(originals), ids=[1, 2])


def test_results_have_the_size_of_the_file_without_padding() -> None:
    head = hub.create("semantic-fpn/resnet18-fpn", labels=["a", "b"], channels=8).heads["semantic-fpn"]
    logits = torch.zeros(2, 2, 16, 24)
    logits[:, 1, :, 12:] = 9.0  # the right half of the padded images
    found = head.results({"logits": logits}, _batch([[64, 96], [64, 48]], [[128, 192], [64, 48]]))
    assert found[0].classes.shape == (128, 192)
    assert (found[0].classes[:, :90] == 0).all()
    assert (found[0].classes[:, 102:] == 1).all()
    assert found[1].classes.shape == (64, 48)
    assert (found[1].classes[:, :44] == 0).all()
    records = found[0].to_records()
    assert [record["label"] for record in records] == ["a", "b"]
    assert sum(record["area"] for record in records) == 128 * 192


def test_a_misspelled_loss_is_refused_with_a_suggestion() -> None:
    with pytest.raises(OptionError, match="dice"):
        hub.create("unet/resnet18", labels=["a", "b"], loss={"dise": 1.0})


def test_deep_supervision_adds_losses_on_earlier_blocks() -> None:
    check_task("unet", backbone="resnet18", targets=MAP, deep_supervision=(0.5, 0.25), **SMALL["unet"])
    torch.manual_seed(0)
    given = {"loss": {"cross_entropy": 1.0, "dice": 2.0}, **SMALL["unet"]}
    model = hub.create("unet/resnet18", labels=["a", "b"], deep_supervision=(0.5, 0.25), **given).train()
    torch.manual_seed(0)
    plain = hub.create("unet/resnet18", labels=["a", "b"], **given).train()
    sizes = torch.tensor([[128, 128]] * 2)
    images = torch.randint(0, 255, (2, 3, 128, 128), dtype=torch.uint8)
    batch = Batch(images, sizes, sizes, maps={"semantic": torch.from_numpy(MAP["semantic"])})
    losses, expected = model(batch)["unet"], plain(batch)["unet"]
    assert set(losses) == {*expected, *(f"{name}_deep{level}" for name in expected for level in (1, 2))}
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)
    # The first weight belongs to the finer block: before training the losses differ by their weights only.
    finer, coarser = (float(losses[f"loss_cross_entropy_deep{level}"].detach()) for level in (1, 2))
    assert finer == pytest.approx(2 * coarser, rel=0.3)
    model.zero_grad()
    losses["loss_dice_deep1"].backward()
    blocks = dict(model.items())["unet"].decoder.blocks  # type: ignore[union-attr]
    reached = [any(p.grad is not None for p in block.parameters()) for block in blocks]  # type: ignore[union-attr]
    assert reached == [True, True, True, True, False]


def test_deep_supervision_does_not_change_predictions_and_has_class_rows() -> None:
    model = hub.create("unet/resnet18", labels=["a", "b"], deep_supervision=(1.0,), **SMALL["unet"]).eval()
    head = dict(model.items())["unet"]
    assert {"auxiliary.0.weight", "auxiliary.0.bias"} < set(head.class_rows())
    assert {name for name, _ in head.named_parameters()} >= set(head.class_rows())
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    before = model.predict(image).result.classes
    torch.nn.init.normal_(head.auxiliary[0].weight)  # type: ignore[union-attr, index]
    assert torch.equal(model.predict(image).result.classes, before)
    with pytest.raises(OptionError, match="deep_supervision"):
        hub.create("unet/resnet18", labels=["a", "b"], deep_supervision=(1.0,) * 5)


def test_blocks_of_the_decoder_end_with_its_output() -> None:
    head = hub.create("unet/resnet18", labels=["a", "b"], **SMALL["unet"]).eval()
    features = head.features(
        Batch(torch.randint(0, 255, (2, 3, 64, 96), dtype=torch.uint8), *[torch.tensor([[64, 96]] * 2)] * 2)
    )
    unet = dict(head.items())["unet"]
    blocks = unet.decode(features)
    assert [block.shape[2] for block in blocks] == [4, 8, 16, 32, 64]
    assert torch.equal(blocks[-1], unet.decoder(unet.decoder_inputs(features)))


@pytest.mark.parametrize("task", ["deeplabv3plus", "upernet"])
def test_every_decoder_takes_the_norms_of_the_hub(task: str) -> None:
    model = hub.create(f"{task}/resnet18", labels=["a", "b"], heads={task: {"norm": "group", **SMALL[task]}})
    decoder = dict(model.items())[task].decoder
    kinds = {type(layer).__name__ for layer in decoder.modules()}
    assert "GroupNorm" in kinds
    assert "BatchNorm2d" not in kinds
