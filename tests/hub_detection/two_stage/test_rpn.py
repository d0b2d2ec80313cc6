"""The region proposal network: proposals, losses, and predictions for sampled anchors."""

from __future__ import annotations

import torch
from torch import Tensor

from hub.contract import InstanceTargets
from hub_detection.anchors import AnchorGenerator
from hub_detection.boxes import pick
from hub_detection.matcher import Matcher
from hub_detection.two_stage.rpn import RPN

IMAGE = (64, 96)


def _rpn(samples: int = 64) -> RPN:
    torch.manual_seed(0)
    anchors = AnchorGenerator([(16,), (32,)], (0.5, 1.0, 2.0), (8, 16))
    rpn = RPN(6, anchors, Matcher(0.6, 0.3, allow_low_quality_matches=True), batch_size_per_image=samples)
    for layer in (rpn.convs[0], rpn.cls_logits, rpn.bbox_pred):
        torch.nn.init.normal_(layer.weight, std=0.2)
        torch.nn.init.normal_(layer.bias, std=0.2)
    return rpn


def _features() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(2, 6, IMAGE[0] // s, IMAGE[1] // s, generator=generator).requires_grad_() for s in (8, 16)]


def _targets(valid: list[list[bool]]) -> InstanceTargets:
    boxes = torch.tensor([[[8.0, 8, 30, 30], [40, 10, 80, 50]]]).repeat(2, 1, 1)
    mask = torch.tensor(valid)
    return InstanceTargets(
        boxes=boxes * mask[..., None],
        labels=torch.zeros(2, 2, dtype=torch.int64),
        valid=mask,
        crowd=torch.zeros_like(mask),
    )


def test_predicting_some_anchors_equals_predicting_all() -> None:
    rpn, features = _rpn(), _features()
    dense = rpn(features, IMAGE)
    index = torch.randint(0, len(torch.cat(dense.anchors)), (2, 50), generator=torch.Generator().manual_seed(3))
    logits, deltas = rpn.predict_anchors(features, index)
    torch.testing.assert_close(logits, pick(torch.cat(dense.objectness, dim=1), index))
    torch.testing.assert_close(deltas, pick(torch.cat(dense.deltas, dim=1), index))


def test_proposals_are_clipped_sorted_and_marked_valid() -> None:
    rpn, features = _rpn(), _features()
    sizes = torch.tensor([[64, 96], [40, 50]])
    found = rpn.propose(rpn(features, IMAGE), sizes, pre_nms_topk=30, post_nms_topk=500)
    assert found.boxes.shape == (2, 500, 4)
    assert not found.boxes.requires_grad
    for i in range(2):
        count = int(found.valid[i].sum())
        assert 0 < count <= 60
        assert found.valid[i, :count].all()
        assert (found.scores[i, :count].diff() <= 0).all()
        assert (found.boxes[i, :count, 2:] <= sizes[i].flip(0)).all()
        assert (found.boxes[i, :count, 2:] > found.boxes[i, :count, :2]).all()
        assert not found.boxes[i, count:].any()


def test_an_image_without_objects_has_only_background_loss() -> None:
    rpn, features = _rpn(), _features()
    dense = rpn(features, IMAGE)
    losses = rpn.losses(features, dense.anchors, _targets([[False, False], [False, False]]))
    assert losses["loss_rpn_box"] == 0
    assert losses["loss_rpn_objectness"] > 0
    sum(losses.values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in rpn.parameters())


def test_rpn_learns_to_propose_the_objects() -> None:
    rpn, features, targets = _rpn(), _features(), _targets([[True, True], [True, False]])
    optimizer = torch.optim.Adam(rpn.parameters(), lr=0.02)
    frozen = [f.detach() for f in features]
    dense = rpn(frozen, IMAGE)
    for _ in range(150):
        optimizer.zero_grad()
        sum(rpn.losses(frozen, dense.anchors, targets).values()).backward()  # type: ignore[union-attr]
        optimizer.step()
    found = rpn.propose(rpn(frozen, IMAGE), torch.tensor([IMAGE, IMAGE]), pre_nms_topk=30, post_nms_topk=1)
    assert (found.boxes[1, 0] - targets.boxes[1, 0]).abs().max() < 4


def test_proposals_without_synchronization_are_the_same() -> None:
    rpn, features = _rpn(), _features()
    dense = rpn(features, IMAGE)
    sizes = torch.tensor([[64, 96], [50, 70]])
    for pre_nms_topk, post_nms_topk in ((40, 30), (1000, 500)):
        expected = rpn.propose(dense, sizes, pre_nms_topk=pre_nms_topk, post_nms_topk=post_nms_topk)
        scores, boxes = [], []
        for objectness, deltas, anchors in zip(*dense, strict=True):
            best, index = objectness.topk(min(pre_nms_topk, objectness.shape[1]))
            scores.append(best)
            boxes.append(rpn.box_coder.decode(pick(deltas, index), anchors[index]))
        found = rpn._propose_without_sync(boxes, scores, sizes, post_nms_topk)
        assert torch.equal(found.valid, expected.valid)
        torch.testing.assert_close(found.scores, expected.scores)
        for ours, theirs in zip(found.boxes, expected.boxes, strict=True):  # boxes of equal score have no fixed order
            assert sorted(ours.round(decimals=2).tolist()) == sorted(theirs.round(decimals=2).tolist())
