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
from hub_detection.boxes import clip_boxes, pick, sides_at_least
from hub_detection.losses import box_loss, objectness_loss
from hub_detection.matcher import Matcher, matched_object
from hub_detection.nms import nms
from hub_detection.options import BBOX_XFORM_CLIP
from hub_detection.parallel_nms import parallel_nms
from hub_detection.pyramid import neighborhoods
from hub_detection.sampling import sample

_MIN_SIZE = 1e-3  # pixels; smaller proposals are dropped


class Proposals(NamedTuple):
    """Boxes that may contain an object, by descending score.

    Attributes:
        boxes: (B, K, 4) float32 x1 y1 x2 y2 in pixels, without gradient; zeros where not valid.
        scores: (B, K) float32 from 0 to 1; 0 where not valid.
        valid: (B, K) bool.
    """

    boxes: Tensor
    scores: Tensor
    valid: Tensor


class RPNPredictions(NamedTuple):
    """Predictions for all anchors; one entry per level in each list.

    Attributes:
        objectness: (B, A) logits.
        deltas: (B, A, 4); see `BoxCoder`.
        anchors: (A, 4) float32 in pixels.
    """

    objectness: list[Tensor]
    deltas: list[Tensor]
    anchors: list[Tensor]


class RPN(nn.Module):
    """Predict for every anchor whether it contains an object, and the object's box.

    Args:
        channels: of every level.
        anchor_generator: with the same number of anchors per cell on all levels.
        matcher: decides which anchors are positive.
        num_convs: 3 × 3 convolutions before the predictors.
        batch_size_per_image: anchors per image that the losses sample.
        positive_fraction: at most this fraction of them is positive.
        nms_thresh: IoU above which the lower-scored of two proposals is suppressed.
        smooth_l1_beta: see `hub_detection.losses.box_loss`.
        bbox_xform_clip: see `BoxCoder`.
    """

    def __init__(
        self,
        channels: int,
        anchor_generator: AnchorGenerator,
        matcher: Matcher,
        *,
        num_convs: int = 1,
        batch_size_per_image: int = 256,
        positive_fraction: float = 0.5,
        nms_thresh: float = 0.7,
        smooth_l1_beta: float = 1 / 9,
        bbox_xform_clip: float = BBOX_XFORM_CLIP,
    ) -> None:
        super().__init__()
        self.anchor_generator = anchor_generator
        self.matcher = matcher
        self.batch_size_per_image = batch_size_per_image
        self.positive_fraction = positive_fraction
        self.nms_thresh = nms_thresh
        self.smooth_l1_beta = smooth_l1_beta
        self.box_coder = BoxCoder(bbox_xform_clip=bbox_xform_clip)
        convs = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(num_convs)]
        self.convs = nn.ModuleList(convs)
        self.cls_logits = nn.Conv2d(channels, anchor_generator.num_anchors[0], 1)
        self.bbox_pred = nn.Conv2d(channels, anchor_generator.num_anchors[0] * 4, 1)
        for layer in (*convs, self.cls_logits, self.bbox_pred):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    @property
    def last_conv(self) -> nn.Conv2d:
        """The convolution that is computed at few anchors only when gradients are needed."""
        conv = self.convs[-1]
        assert isinstance(conv, nn.Conv2d)
        return conv

    def early_convs(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Apply all convolutions but the last to every level, with gradients; the other methods take the result."""
        out = []
        for feature in features:
            for conv in list(self.convs)[:-1]:
                feature = F.relu(conv(feature))
            out.append(feature)
        return out

    @torch.no_grad()
    def forward(self, features: Sequence[Tensor], image_size: tuple[int, int]) -> RPNPredictions:
        """Predict for all anchors, without gradients; the losses predict again for the few anchors that they sample.

        Args:
            features: per level (B, C, H, W), from `early_convs`.
            image_size: height and width of the padded images in pixels.
        """
        objectness, deltas = [], []
        for feature in features:
            hidden = F.relu(_detached_conv(self.last_conv, feature), inplace=True)
            objectness.append(_detached_conv(self.cls_logits, hidden).permute(0, 2, 3, 1).flatten(1))
            deltas.append(_detached_conv(self.bbox_pred, hidden).permute(0, 2, 3, 1).reshape(feature.shape[0], -1, 4))
        grid_sizes = [(f.shape[2], f.shape[3]) for f in features]
        return RPNPredictions(objectness, deltas, self.anchor_generator(grid_sizes, image_size))

    def predict_anchors(self, features: Sequence[Tensor], anchors: Tensor) -> tuple[Tensor, Tensor]:
        """Predict for some anchors only, with gradients.

        The gradient is 0 for all but a few hundred of many thousand anchors, but a convolution's backward pass costs
        the same as for all of them, a quarter of a training step. Here the cost is proportional to the number of
        sampled anchors.

        Args:
            features: per level (B, C, H, W), from `early_convs`.
            anchors: (B, S) int64, numbered through all levels.

        Returns:
            Objectness logits (B, S) and deltas (B, S, 4).
        """
        num_anchors = self.anchor_generator.num_anchors[0]
        conv = self.last_conv
        patches = neighborhoods(features, anchors // num_anchors)
        hidden = F.relu(F.linear(patches, conv.weight.permute(0, 2, 3, 1).flatten(1), conv.bias))
        objectness = F.linear(hidden, self.cls_logits.weight.flatten(1), self.cls_logits.bias)
        deltas = F.linear(hidden, self.bbox_pred.weight.flatten(1), self.bbox_pred.bias)
        deltas = deltas.view(*deltas.shape[:2], num_anchors, 4)
        own = (anchors % num_anchors)[..., None]
        return objectness.gather(2, own).squeeze(2), torch.take_along_dim(deltas, own[..., None], 2).squeeze(2)

    @torch.no_grad()
    def propose(
        self, predictions: RPNPredictions, sizes: Tensor, *, pre_nms_topk: int, post_nms_topk: int
    ) -> Proposals:
        """Return the best boxes of each image.

        Args:
            predictions: from `forward`.
            sizes: (B, 2) height and width of the images in pixels; boxes are clipped to them.
            pre_nms_topk: anchors per level that NMS receives.
            post_nms_topk: K, proposals per image.

        Returns:
            The proposals; no gradient flows through them (ibid., section 3.2).
        """
        scores, boxes, levels = [], [], []
        for level, (objectness, deltas, anchors) in enumerate(zip(*predictions, strict=True)):
            best, index = objectness.topk(min(pre_nms_topk, objectness.shape[1]))
            scores.append(best)
            boxes.append(self.box_coder.decode(pick(deltas, index), anchors[index]))
            levels.append(torch.full(best.shape[1:], level, device=best.device))
        if boxes[0].is_cuda and self.training:
            return self._propose_without_sync(boxes, scores, sizes, post_nms_topk)
        candidates = clip_boxes(torch.cat(boxes, dim=1), sizes)
        probabilities = torch.cat(scores, dim=1).float().sigmoid()
        large = sides_at_least(candidates, _MIN_SIZE)
        index, used = nms(candidates, probabilities, torch.cat(levels), large, self.nms_thresh, post_nms_topk)
        return Proposals(pick(candidates, index) * used[..., None], pick(probabilities, index) * used, used)

    def _propose_without_sync(
        self, boxes: Sequence[Tensor], objectness: Sequence[Tensor], sizes: Tensor, post_nms_topk: int
    ) -> Proposals:
        """Propose with `parallel_nms`, so that a training step on a GPU never synchronizes.

        Args:
            boxes: per level (B, N, 4), by descending score.
            objectness: per level (B, N) logits.
            sizes: (B, 2) height and width of the images in pixels.
            post_nms_topk: K, proposals per image.
        """
        # All levels become one batch: (B, L, N), padded with invalid slots.
        longest = max(level.shape[1] for level in objectness)
        padded = [F.pad(level, (0, 0, 0, longest - level.shape[1])) for level in boxes]
        candidates = clip_boxes(torch.stack(padded, dim=1).flatten(1, 2), sizes)
        scores = torch.stack(
            [F.pad(level.float().sigmoid(), (0, longest - level.shape[1]), value=-1.0) for level in objectness], dim=1
        )
        valid = sides_at_least(candidates, _MIN_SIZE).view(scores.shape) & (scores >= 0)
        per_level = candidates.view(*scores.shape, 4).flatten(0, 1)
        kept = parallel_nms(per_level, valid.flatten(0, 1), self.nms_thresh)
        kept_scores = torch.where(kept.view_as(scores), scores, -1.0).flatten(1)
        best, index = kept_scores.topk(min(post_nms_topk, kept_scores.shape[1]))
        index = F.pad(index, (0, post_nms_topk - index.shape[1]))
        best = F.pad(best, (0, post_nms_topk - best.shape[1]), value=-1.0)
        used = best >= 0
        return Proposals(pick(candidates, index) * used[..., None], best * used, used)

    def losses(
        self, features: Sequence[Tensor], anchors: Sequence[Tensor], targets: InstanceTargets
    ) -> dict[str, Tensor]:
        """Return the losses over randomly sampled anchors (ibid., equation 1, normalized like torchvision's).

        Args:
            features: per level (B, C, H, W), from `early_convs`.
            anchors: per level (A, 4), from `forward`.
            targets: from `instance_targets`.

        Returns:
            ``loss_rpn_objectness`` and ``loss_rpn_box``, float32 scalars.
        """
        boxes = torch.cat(list(anchors))
        match = self.matcher(targets.boxes, boxes, targets.valid)
        drawn = sample(*match, size=self.batch_size_per_image, positive_fraction=self.positive_fraction)
        sampled_boxes = boxes[drawn.indices]
        matched_boxes = pick(targets.boxes, matched_object(targets.boxes, sampled_boxes))
        objectness, deltas = self.predict_anchors(features, drawn.indices)
        target_deltas = self.box_coder.encode(matched_boxes, sampled_boxes)
        return {
            "loss_rpn_objectness": objectness_loss(objectness, drawn.positive, drawn.valid),
            "loss_rpn_box": box_loss(deltas, target_deltas, drawn.positive, drawn.valid, beta=self.smooth_l1_beta),
        }


def _detached_conv(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Apply a convolution with parameters detached from the graph.

    Older versions of torch cache autocast's copies of parameters made without gradients, and would reuse them in
    `RPN.predict_anchors`, which needs gradients (https://github.com/pytorch/pytorch/issues/112583).
    """
    assert layer.bias is not None
    return F.conv2d(x, layer.weight.detach(), layer.bias.detach(), padding=layer.kernel_size[0] // 2)
