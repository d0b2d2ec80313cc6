"""Non-maximum suppression without waiting for the device: matrix products in place of a loop over boxes."""

from __future__ import annotations

import torch
from torch import Tensor

from hub_detection.boxes import box_iou

ROUNDS = 32
_CHUNK = 16  # rows whose overlaps are computed together: float32 pairs take four times the memory of the result


def parallel_nms(boxes: Tensor, valid: Tensor, iou_threshold: float, *, rounds: int = ROUNDS) -> Tensor:
    """Return which boxes are kept: those that no kept box with a higher score overlaps too much.

    All boxes are decided at once and reconsidered in every round: box j stays if none of the better boxes that stayed
    in the round before overlaps it. After n rounds every box is right whose chain of suppressed suppressors is at most
    n long, so the result equals that of the usual loop where no chain is longer than ``rounds``. Chains of RPN
    proposals at a threshold of 0.7 were at most 13 long (untrained network, photographs of COCO).

    Args:
        boxes: (B, N, 4) x1 y1 x2 y2 in pixels, best first in every row.
        valid: (B, N) bool, False for places that hold no box.
        iou_threshold: a box that overlaps a better one by more than this is suppressed.
        rounds: of the iteration; N is always enough.

    Returns:
        (B, N) bool.

    >>> boxes = torch.tensor([[[0.0, 0, 4, 4], [0, 0, 4, 3.9], [5, 5, 9, 9]]])
    >>> parallel_nms(boxes, torch.ones(1, 3, dtype=torch.bool), 0.5)
    tensor([[ True, False,  True]])
    """
    overlaps = torch.cat([box_iou(rows, rows) > iou_threshold for rows in boxes.float().split(_CHUNK)])
    # Row i suppresses column j; only a better box, which stands before it, may.
    suppresses = (overlaps & valid[:, :, None]).triu(diagonal=1).to(torch.float16 if boxes.is_cuda else torch.float32)
    kept = valid
    for _ in range(min(rounds, boxes.shape[1])):
        kept = valid & ((kept[:, None].to(suppresses.dtype) @ suppresses).squeeze(1) == 0)
    return kept
