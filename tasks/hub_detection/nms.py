"""Non-maximum suppression of a batch as one operator of fixed output size."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch
import torchvision
from torch import Tensor


@torch.library.custom_op("hub_detection::nms", mutates_args=())
def nms(
    boxes: Tensor, scores: Tensor, groups: Tensor, valid: Tensor, iou_threshold: float, max_output: int
) -> tuple[Tensor, Tensor]:
    """Keep the best boxes of each image that no better box of the same group overlaps too much.

    Args:
        boxes: (B, M, 4) x1 y1 x2 y2 in pixels; computed in float32 whatever the dtype.
        scores: (B, M).
        groups: (M,) or (B, M) int64, the level or class of each place; only boxes of one group suppress each other.
        valid: (B, M) bool, False for places that hold no box.
        iou_threshold: a box that overlaps a better one by more than this goes.
        max_output: K, places for what is kept.

    Returns:
        (B, K) int64 indices into the M boxes, best first, 0 where there are no more; and (B, K) bool, which of
        them count. Neither carries a gradient.

    >>> boxes = torch.tensor([[[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 3.9], [5.0, 5.0, 9.0, 9.0]]])
    >>> nms(boxes, torch.tensor([[0.6, 0.9, 0.5]]), torch.zeros(3).long(), torch.ones(1, 3).bool(), 0.5, 4)
    (tensor([[1, 2, 0, 0]]), tensor([[ True,  True, False, False]]))
    """

    def best(boxes: Tensor, scores: Tensor, groups: Tensor, valid: Tensor) -> Tensor:
        there = valid.nonzero().squeeze(1)
        kept = torchvision.ops.batched_nms(boxes[there].float(), scores[there].float(), groups[there], iou_threshold)
        return there[kept[:max_output]]

    groups = groups.expand(scores.shape)
    if boxes.is_cpu and torch.get_num_threads() > 1:  # torchvision's kernel keeps one core busy: one image a core
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            found = list(pool.map(best, boxes, scores, groups, valid))
    else:
        found = list(map(best, boxes, scores, groups, valid))
    index = torch.zeros(len(boxes), max_output, dtype=torch.int64, device=boxes.device)
    kept = torch.zeros(len(boxes), max_output, dtype=torch.bool, device=boxes.device)
    for i, rows in enumerate(found):
        index[i, : len(rows)] = rows
        kept[i, : len(rows)] = True
    return index, kept


@nms.register_fake
def _(
    boxes: Tensor, scores: Tensor, groups: Tensor, valid: Tensor, iou_threshold: float, max_output: int
) -> tuple[Tensor, Tensor]:
    shape = (boxes.shape[0], max_output)
    return boxes.new_empty(shape, dtype=torch.int64), boxes.new_empty(shape, dtype=torch.bool)
