"""Non-maximum suppression of a batch as one operator with output of fixed size."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch
import torchvision
from torch import Tensor


@torch.library.custom_op("hub_detection::nms", mutates_args=())
def nms(
    boxes: Tensor, scores: Tensor, groups: Tensor, valid: Tensor, iou_threshold: float, max_output: int
) -> tuple[Tensor, Tensor]:
    """Keep the boxes of each image that no higher-scored box of the same group overlaps too much.

    Args:
        boxes: (B, M, 4) x1 y1 x2 y2 in pixels; compared in float32 whatever their dtype.
        scores: (B, M).
        groups: (M,) or (B, M) int64, such as level or class; only boxes of the same group suppress each other.
        valid: (B, M) bool, False for slots without a box.
        iou_threshold: a box whose IoU with a higher-scored one is above this is suppressed.
        max_output: K, the number of slots for kept boxes.

    Returns:
        (B, K) int64 indices into the M boxes, by descending score, 0 in unused slots; and (B, K) bool, which slots
        are used. Neither carries a gradient.

    >>> boxes = torch.tensor([[[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 3.9], [5.0, 5.0, 9.0, 9.0]]])
    >>> nms(boxes, torch.tensor([[0.6, 0.9, 0.5]]), torch.zeros(3).long(), torch.ones(1, 3).bool(), 0.5, 4)
    (tensor([[1, 2, 0, 0]]), tensor([[ True,  True, False, False]]))
    """

    def nms_of_image(boxes: Tensor, scores: Tensor, groups: Tensor, valid: Tensor) -> Tensor:
        index = valid.nonzero().squeeze(1)
        kept = torchvision.ops.batched_nms(boxes[index].float(), scores[index].float(), groups[index], iou_threshold)
        return index[kept[:max_output]]

    groups = groups.expand(scores.shape)
    if boxes.is_cpu and torch.get_num_threads() > 1:  # torchvision's kernel uses one core: one image per core
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            kept_of_images = list(pool.map(nms_of_image, boxes, scores, groups, valid))
    else:
        kept_of_images = list(map(nms_of_image, boxes, scores, groups, valid))
    index = torch.zeros(boxes.shape[0], max_output, dtype=torch.int64, device=boxes.device)
    used = torch.zeros(boxes.shape[0], max_output, dtype=torch.bool, device=boxes.device)
    for i, kept in enumerate(kept_of_images):
        index[i, : len(kept)] = kept
        used[i, : len(kept)] = True
    return index, used


@nms.register_fake
def _(
    boxes: Tensor, scores: Tensor, groups: Tensor, valid: Tensor, iou_threshold: float, max_output: int
) -> tuple[Tensor, Tensor]:
    shape = (boxes.shape[0], max_output)
    return boxes.new_empty(shape, dtype=torch.int64), boxes.new_empty(shape, dtype=torch.bool)
