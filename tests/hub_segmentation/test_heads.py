"""Every semantic head keeps the contract, and segments what its features tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import hub
from hub.errors import DataError, OptionError
from hub.model import Batch
from hub.testing import check_task

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"decoder_channels": (16, 8, 8, 8, 8)},
    "unetplusplus": {"decoder_channels": (16, 8, 8, 8, 8)},
    "manet": {"decoder_channels": (32, 32, 16, 16, 16), "pab_channels": 8},
    "linknet": {"width": 8},
    "pspnet": {"width": 16, "dropout": 0.0},
    "deeplabv3": {"width": 16, "dropout": 0.0},
    "deeplabv3plus": {"width": 16, "dropout": 0.0},
    "upernet": {"width": 16},
    "segformer": {"width": 16},
}
MAP = {"semantic": np.random.default_rng(0).integers(0, 2, (2, 128, 128)).astype(np.uint8)}


@pytest.mark.parametrize("task", SMALL)
def test_the_contract_on_raw_features(task: str) -> None:
    check_task(task, backbone="resnet18", targets=MAP, **SMALL[task])


def test_the_contract_on_a_pyramid_with_every_loss() -> None:
    loss = dict.fromkeys(("cross_entropy", "dice", "focal", "jaccard", "lovasz", "tversky"), 1.0)
    check_task("semantic-fpn", targets=MAP, width=16, loss=loss)


def test_pan_takes_images_of_256_pixels_and_refuses_smaller_ones() -> None:
    model = hub.create("pan/resnet18", labels=["a", "b"], width=8).train()
    for size in (256, 128):
        images = torch.zeros(2, 3, size, size, dtype=torch.uint8)
        sizes = torch.tensor([[size, size]] * 2)
        batch = Batch(images, sizes, sizes, maps={"semantic": torch.ones(2, size, size, dtype=torch.uint8)})
        if size == 256:
            assert model(batch)["pan"]["loss_cross_entropy"].isfinite()
        else:
            with pytest.raises(DataError, match="at least 256 pixels"):
                model(batch)


def _batch(sizes: list[list[int]], originals: list[list[int]]) -> Batch:
    images = torch.zeros(len(sizes), 3, 64, 96, dtype=torch.uint8)
    return Batch(images=images, sizes=torch.tensor(sizes), original_sizes=torch.tensor(originals), ids=[1, 2])


def test_answers_have_the_files_size_and_leave_the_padding_out() -> None:
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


def test_a_misspelt_loss_is_refused_with_the_right_one() -> None:
    with pytest.raises(OptionError, match="dice"):
        hub.create("unet/resnet18", labels=["a", "b"], loss={"dise": 1.0})
