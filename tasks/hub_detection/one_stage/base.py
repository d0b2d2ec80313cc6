"""What one-stage heads share: levels, towers, and the way from dense predictions to detections."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import TypeVar

from hub import Batch, ClassRows, Features, LabelSpace
from hub.errors import OptionError
from hub_detection.anchors import AnchorGenerator
from hub_detection.box_coder import BoxCoder
from hub_detection.boxes import clip_boxes, pick
from hub_detection.detection_head import DetectionHead, padded_size
from hub_detection.layers import conv_tower
from hub_detection.losses import sigmoid_focal_loss
from hub_detection.nms import nms
from hub_detection.one_stage.box_linear_coder import BoxLinearCoder
from hub_detection.one_stage.options import OneStageOptions

O = TypeVar("O", bound=OneStageOptions, default=OneStageOptions)  # noqa: E741


class DensePredictions(NamedTuple):
    """Predictions for all anchors; one entry per level in each list.

    Attributes:
        logits: (B, cells, classes, A) with A anchors per cell: in the order of the predictor's channels, so that
            nothing is copied in channels_last layout.
        deltas: (B, cells · A, 4); see the head's box coder.
        quality: (B, cells · A) logits of how well the box fits, such as center-ness, or None from heads without it.
        anchors: (cells · A, 4) float32 in pixels.
    """

    logits: list[Tensor]
    deltas: list[Tensor]
    quality: list[Tensor | None]
    anchors: list[Tensor]


class OneStageHead(DetectionHead[O]):
    """Predict the class and the box of every anchor, with the same layers on all levels.

    A subclass chooses its anchors (`make_anchor_generator`) and box coder, what else is predicted from the features of
    the box tower (`box_predictions`) and how logits become scores (`scores`), and computes its losses.

    Args:
        channels: level → channels; the same for all of ``pyramid_levels``.
        strides: level → stride in pixels.
        labels: the classes.
        options: see `OneStageOptions`.

    Raises:
        OptionError: the levels differ in channels, their strides do not double, or the input of the extra levels has
            another stride than the last of ``pyramid_levels``.
    """

    tower_bias: ClassVar[bool | None] = None  # of convolutions before a norm: torchvision's FCOS has one
    box_coder: BoxCoder | BoxLinearCoder

    def __init__(self, channels: Mapping[str, int], strides: Mapping[str, int], labels: LabelSpace, options: O) -> None:
        super().__init__(channels, strides, labels, options)
        o = options
        self.extra_from = o.extra_from or o.pyramid_levels[-1]
        pyramid_strides = [strides[level] for level in o.pyramid_levels]
        width = self._pyramid_channels()
        if any(coarse != 2 * fine for fine, coarse in pairwise(pyramid_strides)):
            raise OptionError(
                f"pyramid_levels = {o.pyramid_levels} have strides {pyramid_strides}, but each must be twice the one "
                "before",
                fix="use consecutive levels, from fine to coarse",
            )
        if strides[self.extra_from] != pyramid_strides[-1]:
            raise OptionError(
                f"extra_from = {self.extra_from!r} has stride {strides[self.extra_from]}, but the last of "
                f"pyramid_levels, {o.pyramid_levels[-1]!r}, has {pyramid_strides[-1]}",
                fix="use a level of the same stride",
            )
        extra_strides = (pyramid_strides[-1] * 2 ** (i + 1) for i in range(o.extra_levels))
        self.level_strides = (*pyramid_strides, *extra_strides)
        self.anchor_generator = self.make_anchor_generator()
        self.num_anchors = self.anchor_generator.num_anchors[0]
        extra_blocks = [
            nn.Conv2d(width if i else channels[self.extra_from], width, 3, 2, 1) for i in range(o.extra_levels)
        ]
        self.extra_blocks = nn.ModuleList(extra_blocks)
        self.cls_tower, self.bbox_tower = (
            conv_tower(width, width, o.num_convs, norm=o.tower_norm, bias=self.tower_bias) for _ in range(2)
        )
        self.cls_logits = nn.Conv2d(width, len(labels) * self.num_anchors, 3, padding=1)
        self.bbox_reg = nn.Conv2d(width, 4 * self.num_anchors, 3, padding=1)
        for conv in extra_blocks:
            nn.init.kaiming_uniform_(conv.weight, a=1)
            _zero_bias(conv)
        init_conv_weights(self.cls_tower, self.bbox_tower, self.cls_logits, self.bbox_reg)
        assert self.cls_logits.bias is not None
        nn.init.constant_(self.cls_logits.bias, -math.log((1 - o.prior_prob) / o.prior_prob))

    @classmethod
    def levels(cls, options: O) -> tuple[str, ...]:
        """Return the levels of the pyramid, and the input of the extra ones."""
        extra = (options.extra_from,) if options.extra_from else ()
        return tuple(dict.fromkeys((*options.pyramid_levels, *extra)))

    @abstractmethod
    def make_anchor_generator(self) -> AnchorGenerator:
        """Build the generator of the anchors of every level, including the extra ones."""

    def anchor_generator_of(self, sizes: Sequence[Sequence[float]], aspect_ratios: Sequence[float]) -> AnchorGenerator:
        """Return a generator of these anchors with the strides of the levels and the options about anchors."""
        o = self.options
        return AnchorGenerator(
            sizes,
            aspect_ratios,
            self.level_strides,
            anchor_strides=o.anchor_strides,
            offset=o.anchor_offset,
            rounded=o.round_anchors,
        )

    def box_predictions(self, hidden: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map the box tower's features (B, C, H, W) to deltas (B, 4 · A, H, W) and, in some heads, a quality."""
        deltas: Tensor = self.bbox_reg(hidden)
        return deltas, None

    def scores(self, logits: Tensor, quality: Tensor | None) -> Tensor:
        """Return scores from 0 to 1, float32, that increase with the logits; ``quality`` broadcasts against them."""
        return logits.float().sigmoid()

    def dense_predictions(self, features: Features, image_size: tuple[int, int]) -> DensePredictions:
        """Predict for all anchors.

        Args:
            features: level → (B, C, H, W).
            image_size: height and width of the padded images in pixels.
        """
        logits, deltas, quality = [], [], []
        maps = self._all_levels(features)
        for level in maps:
            batch_size = level.shape[0]
            class_maps = self.cls_logits(self.cls_tower(level)).permute(0, 2, 3, 1)
            delta_maps, quality_maps = self.box_predictions(self.bbox_tower(level))
            logits.append(class_maps.reshape(batch_size, -1, len(self.labels), self.num_anchors))
            deltas.append(delta_maps.permute(0, 2, 3, 1).reshape(batch_size, -1, 4))
            quality.append(None if quality_maps is None else quality_maps.permute(0, 2, 3, 1).flatten(1))
        grid_sizes = [(m.shape[2], m.shape[3]) for m in maps]
        return DensePredictions(logits, deltas, quality, self.anchor_generator(grid_sizes, image_size))

    def class_losses(self, dense: DensePredictions, labels: Tensor, positive: Tensor, valid: Tensor) -> Tensor:
        """Return the focal loss summed over the anchors of each image, (B,) float32.

        Args:
            dense: from `dense_predictions`.
            labels: (B, all anchors) int64; see `sigmoid_focal_loss`.
            positive, valid: (B, all anchors) bool; see `sigmoid_focal_loss`.
        """
        counts = [len(anchors) for anchors in dense.anchors]
        levels = zip(dense.logits, *(torch.split(t, counts, dim=1) for t in (labels, positive, valid)), strict=True)
        alpha, gamma = self.options.focal_alpha, self.options.focal_gamma
        sums = []
        for logits, *targets in levels:
            shape = (logits.shape[0], -1, self.num_anchors)
            sums.append(sigmoid_focal_loss(logits, *(t.reshape(shape) for t in targets), alpha=alpha, gamma=gamma))
        return torch.stack(sums).sum(0)

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return the detections of each image by descending score.

        Returns:
            ``boxes`` (B, D, 4) float32 in pixels of the resized images, ``scores`` (B, D) float32, ``labels`` (B, D)
            int64 from 0, and ``valid`` (B, D) bool; zeros where not valid.
        """
        o = self.options
        dense = self.dense_predictions(features, padded_size(batch))
        candidates = [self._topk_of_level(*level) for level in zip(*dense, strict=True)]
        boxes, scores, labels = (torch.cat(parts, dim=1) for parts in zip(*candidates, strict=True))
        boxes = clip_boxes(boxes, batch.sizes)
        index, used = nms(boxes, scores, labels, scores > o.score_thresh, o.nms_thresh, o.detections_per_img)
        return {
            "boxes": pick(boxes, index) * used[..., None],
            "scores": pick(scores, index) * used,
            "labels": pick(labels, index) * used,
            "valid": used,
        }

    def class_rows(self) -> dict[str, ClassRows]:
        """Return the rows per class of the classifier."""
        return {f"cls_logits.{part}": ClassRows(width=self.num_anchors) for part in ("weight", "bias")}

    def _topk_of_level(
        self, logits: Tensor, deltas: Tensor, quality: Tensor | None, anchors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return boxes (B, K, 4), scores and labels (B, K) of the best (anchor, class) pairs of a level.

        The best K pairs belong to the best K anchors, so the pairs of all other anchors are never sorted.
        """
        _, _, classes, num_anchors = logits.shape
        anchor_scores = self.scores(logits.amax(2).flatten(1), quality)
        anchor = anchor_scores.topk(min(self.options.topk_candidates, anchor_scores.shape[1])).indices
        first = anchor // num_anchors * (classes * num_anchors) + anchor % num_anchors
        rows = first[..., None] + torch.arange(classes, device=first.device) * num_anchors
        own = logits.flatten(1).gather(1, rows.flatten(1)).view(rows.shape)
        scores = self.scores(own, None if quality is None else pick(quality, anchor)[..., None]).flatten(1)
        best, pair = scores.topk(min(self.options.topk_candidates, scores.shape[1]))
        anchor = pick(anchor, pair // classes)
        return self.box_coder.decode(pick(deltas, anchor), anchors[anchor]), best, pair % classes

    def _all_levels(self, features: Features) -> list[Tensor]:
        maps = [features[level] for level in self.options.pyramid_levels]
        coarser = features[self.extra_from]
        for i, conv in enumerate(self.extra_blocks):
            coarser = conv(F.relu(coarser) if i else coarser)
            maps.append(coarser)
        return maps

    def _pyramid_channels(self) -> int:
        widths = {self.channels[level] for level in self.options.pyramid_levels}
        if len(widths) > 1:
            raise OptionError(
                f"a one-stage head needs levels with the same number of channels, not {self.channels}",
                fix="use a pyramid, as in retinanet/resnet50-fpn",
            )
        return widths.pop()


def init_conv_weights(*parts: nn.Module) -> None:
    """Initialize all convolutions in these modules with small weights and zero bias (Lin et al. 2017b, section 4.1)."""
    for part in parts:
        for layer in part.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                _zero_bias(layer)


def _zero_bias(conv: nn.Conv2d) -> None:
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
