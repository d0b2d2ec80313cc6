"""What one-stage heads share: levels, towers, and the way from dense answers to objects."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub import Batch, ClassRows, Features, LabelSpace
from hub.errors import OptionError
from hub_detection.anchors import AnchorGenerator
from hub_detection.box_coder import BoxCoder
from hub_detection.boxes import clip_boxes, pick
from hub_detection.detection_head import DetectionHead, padded_size
from hub_detection.focal import focal_loss
from hub_detection.layers import conv_tower
from hub_detection.nms import nms
from hub_detection.one_stage.distances import BoxLinearCoder
from hub_detection.one_stage.options import OneStageOptions


class DenseAnswers(NamedTuple):
    """What a head says about every anchor, a list of levels each.

    Attributes:
        logits: (B, cells, classes, A) for A anchors a cell: the order of the predictor's rows, so that nothing is
            copied in channels_last layout.
        offsets: (B, cells · A, 4); see the head's coder.
        quality: (B, cells · A) logits of how good the box is, or None from heads that do not say so.
        anchors: (cells · A, 4) float32 in pixels.
    """

    logits: list[Tensor]
    offsets: list[Tensor]
    quality: list[Tensor | None]
    anchors: list[Tensor]


class OneStageHead(DetectionHead):
    """Says for every anchor of every level which class it holds and where exactly, with the same layers everywhere.

    A subclass has its anchors and a coder of boxes, says what else follows from the hidden features of boxes
    (`box_answers`) and from logits (`score`), and what it learns (`losses`).

    Args:
        channels: level → channels; the same for all of ``pyramid_levels``.
        strides: level → stride in pixels.
        labels: the classes.
        options: see `OneStageOptions`.

    Raises:
        OptionError: levels of different widths, or whose strides do not double; extra levels from one of another
            stride than the last.
    """

    Options: ClassVar[type[OneStageOptions]]
    tower_bias: ClassVar[bool | None] = None  # of convolutions before a norm: torchvision's FCOS has one
    options: OneStageOptions
    coder: BoxCoder | BoxLinearCoder

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: OneStageOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        o = options
        self.pyramid_levels, self.extra_from = o.pyramid_levels, o.extra_from or o.pyramid_levels[-1]
        own = [strides[level] for level in o.pyramid_levels]
        width = self._width()
        if any(coarse != 2 * fine for fine, coarse in pairwise(own)):
            raise OptionError(
                f"pyramid_levels = {o.pyramid_levels} have strides {own}, but each must be twice the one before",
                fix="name consecutive levels, from fine to coarse",
            )
        if strides[self.extra_from] != own[-1]:
            raise OptionError(
                f"extra_from = {self.extra_from!r} has stride {strides[self.extra_from]}, but the last of "
                f"pyramid_levels, {o.pyramid_levels[-1]!r}, has {own[-1]}",
                fix="name a level of the same stride",
            )
        self.level_strides = (*own, *(own[-1] * 2 ** (i + 1) for i in range(o.extra_levels)))
        self.anchors = self.make_anchors()
        self.num_anchors = self.anchors.num_anchors[0]
        self.extra = nn.ModuleList(
            nn.Conv2d(width if i else channels[self.extra_from], width, 3, 2, 1) for i in range(o.extra_levels)
        )
        self.cls_tower, self.bbox_tower = (
            conv_tower(width, width, o.num_convs, norm=o.tower_norm, bias=self.tower_bias) for _ in range(2)
        )
        self.cls_logits = nn.Conv2d(width, len(labels) * self.num_anchors, 3, padding=1)
        self.offsets = nn.Conv2d(width, 4 * self.num_anchors, 3, padding=1)
        for conv in self.extra:
            nn.init.kaiming_uniform_(conv.weight, a=1)  # type: ignore[arg-type]
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        init_conv_weights(self.cls_tower, self.bbox_tower, self.cls_logits, self.offsets)
        nn.init.constant_(self.cls_logits.bias, -math.log((1 - o.prior_prob) / o.prior_prob))  # type: ignore[arg-type]

    @classmethod
    def levels(cls, options: OneStageOptions) -> tuple[str, ...]:
        """The pyramid's levels, and what the extra ones are computed from."""
        extra = (options.extra_from,) if options.extra_from else ()
        return tuple(dict.fromkeys((*options.pyramid_levels, *extra)))

    @abstractmethod
    def make_anchors(self) -> AnchorGenerator:
        """The anchors of every level, the extra ones too."""

    def box_answers(self, hidden: Tensor) -> tuple[Tensor, Tensor | None]:
        """What follows from the hidden features (B, C, H, W) of boxes: offsets (B, 4 · A, H, W), perhaps a quality."""
        return self.offsets(hidden), None

    def score(self, logits: Tensor, quality: Tensor | None) -> Tensor:
        """Scores from 0 to 1, float32, that grow with the logits; ``quality`` broadcasts against them."""
        return logits.float().sigmoid()

    def look(self, features: Features, image: tuple[int, int]) -> DenseAnswers:
        """Look at every anchor.

        Args:
            features: level → (B, C, H, W).
            image: height and width of the padded images in pixels.
        """
        logits, offsets, quality = [], [], []
        maps = self._all_levels(features)
        for level in maps:
            classes = self.cls_logits(self.cls_tower(level)).permute(0, 2, 3, 1)
            boxes, how_good = self.box_answers(self.bbox_tower(level))
            logits.append(classes.reshape(len(level), -1, len(self.labels), self.num_anchors))
            offsets.append(boxes.permute(0, 2, 3, 1).reshape(len(level), -1, 4))
            quality.append(None if how_good is None else how_good.permute(0, 2, 3, 1).flatten(1))
        return DenseAnswers(logits, offsets, quality, self.anchors([(m.shape[2], m.shape[3]) for m in maps], image))

    def class_losses(self, dense: DenseAnswers, labels: Tensor, positive: Tensor, counted: Tensor) -> Tensor:
        """The focal loss summed over the anchors of each image, (B,) float32.

        Args:
            dense: from `look`.
            labels: (B, all anchors) int64; see `focal_loss`.
            positive, counted: (B, all anchors) bool; see `focal_loss`.
        """
        sizes = [len(anchors) for anchors in dense.anchors]
        of_levels = zip(dense.logits, *(t.split(sizes, dim=1) for t in (labels, positive, counted)), strict=True)
        alpha, gamma = self.options.focal_alpha, self.options.focal_gamma
        sums = [
            focal_loss(
                logits,
                *(t.unflatten(1, (-1, self.num_anchors)) for t in targets),
                alpha=alpha,
                gamma=gamma,
            )
            for logits, *targets in of_levels
        ]
        return torch.stack(sums).sum(0)

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """The objects of each image, best first.

        Returns:
            ``boxes`` (B, D, 4) float32 in pixels of the resized images, ``scores`` (B, D) float32, ``labels`` (B, D)
            int64 from 0, and ``valid`` (B, D) bool; zeros where not valid.
        """
        o = self.options
        found = [self._best_of_level(*level) for level in zip(*self.look(features, padded_size(batch)), strict=True)]
        boxes, scores, labels = (torch.cat(parts, dim=1) for parts in zip(*found, strict=True))
        boxes = clip_boxes(boxes, batch.sizes)
        index, valid = nms(boxes, scores, labels, scores > o.score_thresh, o.nms_thresh, o.detections_per_img)
        return {
            "boxes": pick(boxes, index) * valid[..., None],
            "scores": pick(scores, index) * valid,
            "labels": pick(labels, index) * valid,
            "valid": valid,
        }

    def class_rows(self) -> dict[str, ClassRows]:
        """The rows of the one predictor that has classes."""
        return {f"cls_logits.{part}": ClassRows(width=self.num_anchors) for part in ("weight", "bias")}

    def _best_of_level(
        self, logits: Tensor, offsets: Tensor, quality: Tensor | None, anchors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (B, K, 4), scores and labels (B, K) of a level's best answers.

        The best K answers are about the best K anchors, so most are never sorted.
        """
        _, _, classes, num_anchors = logits.shape
        of_anchors = self.score(logits.amax(2).flatten(1), quality)
        anchor = of_anchors.topk(min(self.options.topk_candidates, of_anchors.shape[1])).indices
        first = anchor // num_anchors * (classes * num_anchors) + anchor % num_anchors
        rows = first[..., None] + torch.arange(classes, device=first.device) * num_anchors
        own = logits.flatten(1).gather(1, rows.flatten(1)).view(rows.shape)
        scores = self.score(own, None if quality is None else pick(quality, anchor)[..., None]).flatten(1)
        best, place = scores.topk(min(self.options.topk_candidates, scores.shape[1]))
        anchor = pick(anchor, place // classes)
        return self.coder.decode(pick(offsets, anchor), anchors[anchor]), best, place % classes

    def _all_levels(self, features: Features) -> list[Tensor]:
        maps = [features[level] for level in self.pyramid_levels]
        above = features[self.extra_from]
        for i, conv in enumerate(self.extra):
            above = conv(F.relu(above) if i else above)
            maps.append(above)
        return maps

    def _width(self) -> int:
        widths = {self.channels[level] for level in self.pyramid_levels}
        if len(widths) > 1:
            raise OptionError(
                f"a one-stage head reads levels of one width, not {self.channels}",
                fix="use a pyramid, as in retinanet/resnet50-fpn",
            )
        return widths.pop()


def init_conv_weights(*parts: nn.Module) -> None:
    """Start all convolutions in these parts with small weights and no bias (Lin et al. 2017b, section 4.1)."""
    for part in parts:
        for layer in part.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
