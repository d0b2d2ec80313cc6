from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import Batch, LabelSpace, Model, create
from hub.errors import ContractError, DataError, OptionError
from hub.testing import check_task
from hub_medical.studies.attention import GatedAttention
from hub_medical.studies.study_head import StudyHead, StudyHeadOptions
from hub_medical.studies.study_result import StudyScores

NAN = float("nan")


def batch(images: torch.Tensor, labels: list[list[float]] | None = None, **tags: torch.Tensor) -> Batch:
    size = torch.tensor([images.shape[2:]] * len(images))
    if labels is not None:
        tags["labels"] = torch.tensor(labels)
    return Batch(images=images, sizes=size, original_sizes=size, tags=tags)


def random_images(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def model(slices: int, channels: int = 1, **options: object) -> Model:
    torch.manual_seed(0)
    made: Model = create(
        "study/slicewise",
        labels=["tear", "edema"],
        in_chans=slices * channels,
        backbone={"of": "resnet10t", "slices": slices},
        **options,
    )
    return made.eval()


def test_the_contract_is_kept() -> None:
    check_task(
        "study",
        backbone="slicewise",
        targets={"labels": np.array([[1, NAN], [0, 1]], np.float32)},
        trunk={"in_chans": 3, "backbone": {"of": "resnet10t", "slices": 3}},
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 5), st.integers(0, 1000))
def test_gated_attention_is_the_papers_formula(bags: int, slices: int, channels: int, seed: int) -> None:
    """Equations 7 and 9, written out instance by instance."""
    torch.manual_seed(seed)
    layer = GatedAttention(channels, hidden=4).double()
    h = torch.randn(bags, slices, channels, dtype=torch.float64)
    got, weights = layer(h)
    v, u, w = layer.content, layer.gate, layer.weight.weight[0]
    for i in range(bags):
        energy = [
            torch.exp(w @ (torch.tanh(v.weight @ h[i, k] + v.bias) * torch.sigmoid(u.weight @ h[i, k] + u.bias)))
            for k in range(slices)
        ]
        a = torch.stack(energy) / sum(energy)
        torch.testing.assert_close(weights[i].double(), a, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(got[i].double(), sum(a[k] * h[i, k] for k in range(slices)), atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_the_order_of_slices_moves_attention_alone() -> None:
    net = model(5, channels=2)
    images = random_images(2, 10, 64, 64)
    order = [3, 0, 4, 1, 2]
    turned = images.unflatten(1, (5, 2))[:, order].flatten(1, 2)
    one, other = net(batch(images))["study"], net(batch(turned))["study"]
    torch.testing.assert_close(one["scores"], other["scores"])
    torch.testing.assert_close(one["attention"][:, order], other["attention"])
    assert not torch.allclose(one["attention"], other["attention"])


@torch.inference_mode()
def test_repeated_slices_change_no_score() -> None:
    """A short study fills a model's slices by repetition, which shares the attention among the copies."""
    short, long = model(2), model(6)
    long.load_state_dict(short.state_dict())
    images = random_images(1, 2, 64, 64)
    one, other = short(batch(images))["study"], long(batch(images.repeat_interleave(3, 1)))["study"]
    torch.testing.assert_close(one["scores"], other["scores"])
    torch.testing.assert_close(one["attention"], other["attention"].view(1, 2, 3).sum(2))


@torch.inference_mode()
def test_slices_are_seen_as_the_2d_network_sees_them() -> None:
    trunk = create("slicewise", in_chans=6, backbone={"of": "swin_tiny_patch4_window7_224", "slices": 2}).eval()
    flat = create("swin_tiny_patch4_window7_224").eval()
    flat.body.net.load_state_dict(trunk.body.net.net.net.state_dict())
    x = torch.randn(1, 6, 64, 128)
    features, alone = trunk(x), flat(x[:, 3:])
    assert trunk.strides == flat.strides
    for level, maps in features.items():
        torch.testing.assert_close(maps[:, :, 1], alone[level], atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_padding_changes_no_pooled_vector() -> None:
    head = StudyHead({"c5": 4}, {"c5": 32}, LabelSpace(("a",)), StudyHeadOptions()).eval()
    maps = torch.randn(1, 4, 3, 2, 2)
    padded = torch.nn.functional.pad(maps, (0, 1, 0, 2), value=9.0)
    small = Batch(torch.zeros(1, 3, 64, 64), torch.tensor([[64, 40]]), torch.tensor([[64, 40]]))
    torch.testing.assert_close(head.predict({"c5": maps}, small), head.predict({"c5": padded}, small))


def test_unknown_findings_teach_nothing() -> None:
    net = model(2).train()
    images = random_images(2, 2, 64, 64)
    loss = net(batch(images, [[1.0, NAN], [0.0, NAN]]))["study"]["loss_study"]
    loss.backward()
    grad = net.heads["study"].predictor.weight.grad
    assert grad[0].abs().sum() > 0
    assert grad[1].abs().sum() == 0
    assert net(batch(images, [[NAN, NAN]] * 2))["study"]["loss_study"] == 0


def test_what_is_refused() -> None:
    images = random_images(2, 2, 64, 64)
    net = model(2).train()
    with pytest.raises(DataError, match="shape \\(2, 1\\), but there are 2 classes"):
        net(batch(images, [[1.0], [0.0]]))
    with pytest.raises(DataError, match="mixed images"):
        net(batch(images, [[1.0, 0.0]] * 2, **{"labels:other": torch.zeros(2, 2), "labels:share": torch.ones(2)}))
    flat = create("study/resnet10t", labels=["a", "b"], from_level="c5")
    with pytest.raises(ContractError, match="study reads slices"):
        flat(batch(random_images(1, 3, 64, 64), [[1.0, 0.0]]))
    with pytest.raises(OptionError, match="in_chans is 3, which is not a multiple of slices, 2"):
        create("slicewise", backbone={"of": "resnet10t", "slices": 2})
    with pytest.raises(OptionError, match="lacks the option slices"):
        create("slicewise", backbone={"of": "resnet10t"})
    with pytest.raises(OptionError, match="pos_weight names 'tears'.*Did you mean tear"):
        model(2, pos_weight={"tears": 2.0})


def test_the_slice_with_most_attention_has_the_highest_bar() -> None:
    head = StudyHead({"c5": 4}, {"c5": 32}, LabelSpace(("tear",)), StudyHeadOptions())
    result = StudyScores(
        image_id=0,
        size=(50, 80),
        scores=torch.tensor([0.7]),
        label_space=head.labels,
        attention=torch.tensor([0.1, 0.2, 0.6, 0.1]),
    )
    drawn = head.draw(np.zeros((50, 80, 3), np.uint8), result)
    heights = (drawn[25:, ::20].any(-1)).sum(0)
    assert heights.argmax() == 2
    assert heights[1] > heights[0] == heights[3] > 0
