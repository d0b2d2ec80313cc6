"""The region proposal network (Ren et al. 2015, https://arxiv.org/abs/1506.01497) on a pyramid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub import InstanceTargets
from hub_detection.anchors import AnchorGenerator
from hub_detection.box_coder import BoxCoder
from hub_detection.boxes import box_iou, clip_boxes, pick, sides_at_least
from hub_detection.losses import box_loss, objectness_loss
from hub_detection.matcher import Matcher, matched_object
from hub_detection.nms import nms
from hub_detection.parallel_nms import parallel_nms
from hub_detection.pyramid import neighborhoods
from hub_detection.sampling import sample

_MIN_SIDE = 1e-3  # pixels; smaller proposals hold nothing


class Proposals(NamedTuple):
    """Boxes that may hold an object, best first.

    Attributes:
        boxes: (B, K, 4) float32 x1 y1 x2 y2 in pixels, without gradient; zeros where not valid.
        scores: (B, K) float32 from 0 to 1; 0 where not valid.
        valid: (B, K) bool.
    """

    boxes: Tensor
    scores: Tensor
    valid: Tensor


class DensePredictions(NamedTuple):
    """What the network says about every anchor, a list of levels each.

    Attributes:
        logits: (B, A) objectness.
        offsets: (B, A, 4); see `BoxCoder`.
        anchors: (A, 4) float32 in pixels.
    """

    logits: list[Tensor]
    offsets: list[Tensor]
    anchors: list[Tensor]


class RPN(nn.Module):
    """Says for every anchor whether it holds an object, and where exactly.

    Args:
        channels: of every level.
        anchors: the anchors; every level has as many a cell.
        matcher: which of them are to find an object.
        convs: layers of 3 × 3 before the predictions.
        samples: anchors of each image in the loss.
        positive_fraction: at most this share of them is positive.
        nms_thresh: overlap above which only the better of two proposals stays.
        beta: of the smooth L1 loss.
    """

    def __init__(
        self,
        channels: int,
        anchors: AnchorGenerator,
        matcher: Matcher,
        *,
        convs: int = 1,
        samples: int = 256,
        positive_fraction: float = 0.5,
        nms_thresh: float = 0.7,
        beta: float = 1 / 9,
    ) -> None:
        super().__init__()
        self.anchors = anchors
        self.matcher = matcher
        self.samples = samples
        self.positive_fraction = positive_fraction
        self.nms_thresh = nms_thresh
        self.beta = beta
        self.coder = BoxCoder()
        self.early = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(convs - 1))
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.objectness = nn.Conv2d(channels, anchors.num_anchors[0], 1)
        self.offsets = nn.Conv2d(channels, anchors.num_anchors[0] * 4, 1)
        for layer in (*self.early, self.conv, self.objectness, self.offsets):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def embed(self, features: Sequence[Tensor]) -> list[Tensor]:
        """The levels after all convolutions but the last, with gradients: what the other methods are given."""
        out = []
        for feature in features:
            for conv in self.early:
                feature = F.relu(conv(feature))
            out.append(feature)
        return out

    @torch.no_grad()
    def forward(self, features: Sequence[Tensor], image: tuple[int, int]) -> DensePredictions:
        """Look at every anchor, without gradients: the losses look again at the few that they draw.

        Args:
            features: of each level (B, C, H, W), from `embed`.
            image: height and width of the padded images in pixels.

        Returns:
            A prediction for every anchor.
        """
        logits, offsets = [], []
        for feature in features:
            hidden = F.relu(_detached(self.conv, feature), inplace=True)
            logits.append(_detached(self.objectness, hidden).permute(0, 2, 3, 1).flatten(1))
            offsets.append(_detached(self.offsets, hidden).permute(0, 2, 3, 1).reshape(len(feature), -1, 4))
        return DensePredictions(logits, offsets, self.anchors([(f.shape[2], f.shape[3]) for f in features], image))

    def predict_anchors(self, features: Sequence[Tensor], anchors: Tensor) -> tuple[Tensor, Tensor]:
        """The same predictions for some anchors only, with gradients.

        A gradient that is 0 but for a few hundred of many thousand anchors costs a convolution's whole backward pass,
        which is a quarter of a training step. Here it costs as much as there are anchors.

        Args:
            features: of each level (B, C, H, W), from `embed`.
            anchors: (B, S) int64, counted through all levels.

        Returns:
            Logits (B, S) and offsets (B, S, 4).
        """
        num_anchors = self.anchors.num_anchors[0]
        seen = neighborhoods(features, anchors // num_anchors)
        hidden = F.relu(F.linear(seen, self.conv.weight.permute(0, 2, 3, 1).flatten(1), self.conv.bias))
        logits = F.linear(hidden, self.objectness.weight.flatten(1), self.objectness.bias)
        offsets = F.linear(hidden, self.offsets.weight.flatten(1), self.offsets.bias).unflatten(2, (num_anchors, 4))
        which = (anchors % num_anchors)[..., None]
        return logits.gather(2, which).squeeze(2), torch.take_along_dim(offsets, which[..., None], 2).squeeze(2)

    @torch.no_grad()
    def propose(self, dense: DensePredictions, sizes: Tensor, *, candidates: int, keep: int) -> Proposals:
        """The best boxes of each image.

        Args:
            dense: from `forward`.
            sizes: (B, 2) height and width of the images in pixels; boxes are clipped to them.
            candidates: best anchors of each level that are looked at.
            keep: proposals of each image; K.

        Returns:
            The proposals; no gradient flows through them (ibid., section 3.2).
        """
        logits, boxes, levels = [], [], []
        for level, (logit, offset, anchor) in enumerate(zip(*dense, strict=True)):
            best, where = logit.topk(min(candidates, logit.shape[1]))
            logits.append(best)
            boxes.append(self.coder.decode(pick(offset, where), anchor[where]))
            levels.append(torch.full(best.shape[1:], level, device=best.device))
        if boxes[0].is_cuda and self.training:
            return self._propose_without_waiting(boxes, logits, sizes, keep)
        found = clip_boxes(torch.cat(boxes, dim=1), sizes)
        scores = torch.cat(logits, dim=1).float().sigmoid()
        index, valid = nms(found, scores, torch.cat(levels), sides_at_least(found, _MIN_SIDE), self.nms_thresh, keep)
        return Proposals(pick(found, index) * valid[..., None], pick(scores, index) * valid, valid)

    def _propose_without_waiting(
        self, boxes: Sequence[Tensor], logits: Sequence[Tensor], sizes: Tensor, keep: int
    ) -> Proposals:
        """Propose with `parallel_nms`: a step of training on a GPU never waits for it.

        Args:
            boxes: of each level (B, N, 4), best first.
            logits: of each level (B, N).
            sizes: (B, 2) height and width of the images in pixels.
            keep: proposals of each image; K.
        """
        # All levels are one batch: (B, L, N), filled up with places that hold no box.
        longest = max(logit.shape[1] for logit in logits)
        padded = [F.pad(level, (0, 0, 0, longest - level.shape[1])) for level in boxes]
        found = clip_boxes(torch.stack(padded, dim=1).flatten(1, 2), sizes)
        scores = torch.stack(
            [F.pad(logit.float().sigmoid(), (0, longest - logit.shape[1]), value=-1.0) for logit in logits], dim=1
        )
        valid = sides_at_least(found, _MIN_SIDE).unflatten(1, scores.shape[1:]) & (scores >= 0)
        kept = parallel_nms(found.unflatten(1, scores.shape[1:]).flatten(0, 1), valid.flatten(0, 1), self.nms_thresh)
        candidates = torch.where(kept.view_as(scores), scores, -1.0).flatten(1)
        best, index = candidates.topk(min(keep, candidates.shape[1]))
        index = F.pad(index, (0, keep - index.shape[1]))
        best = F.pad(best, (0, keep - best.shape[1]), value=-1.0)
        there = best >= 0
        return Proposals(pick(found, index) * there[..., None], best * there, there)

    def losses(
        self, features: Sequence[Tensor], anchors: Sequence[Tensor], targets: InstanceTargets
    ) -> dict[str, Tensor]:
        """Losses over anchors drawn at random (ibid., equation 1, normalised as in torchvision).

        Args:
            features: of each level (B, C, H, W), from `embed`.
            anchors: of each level (A, 4), from `forward`.
            targets: from `instance_targets`.

        Returns:
            ``loss_rpn_objectness`` and ``loss_rpn_box``, float32 scalars.
        """
        boxes = torch.cat(list(anchors))
        iou = box_iou(targets.boxes, boxes)
        match = self.matcher(iou, targets.valid)
        drawn = sample(*match, size=self.samples, positive_fraction=self.positive_fraction)
        objects = pick(targets.boxes, matched_object(iou, drawn.indices))
        logits, offsets = self.predict_anchors(features, drawn.indices)
        wanted = self.coder.encode(objects, boxes[drawn.indices])
        return {
            "loss_rpn_objectness": objectness_loss(logits, drawn.positive, drawn.valid),
            "loss_rpn_box": box_loss(offsets, wanted, drawn.positive, drawn.valid, beta=self.beta),
        }


def _detached(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution with parameters cut off from the graph.

    Older versions of torch cache autocast's copies of parameters made without gradients, and would give them to
    `RPN.predict_anchors`, which needs gradients (https://github.com/pytorch/pytorch/issues/112583).
    """
    assert layer.bias is not None
    return F.conv2d(x, layer.weight.detach(), layer.bias.detach(), padding=layer.kernel_size[0] // 2)
