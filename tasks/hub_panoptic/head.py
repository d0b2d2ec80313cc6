"""The panoptic head: merges the results of two heads before it into one map, without layers of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from pydantic import NonNegativeInt
from torch import Tensor

from hub import Batch, Detections, Features, Head, LabelSpace, Metric, Options, Result, SemanticMap
from hub.contract import Fraction, Place, Weights, WindowLayout
from hub.data import Dataset
from hub.errors import ContractError, LabelMismatchError, OptionError
from hub_panoptic.merge import merge
from hub_panoptic.results import PanopticMap, Segment

if TYPE_CHECKING:
    import numpy as np


class PanopticOptions(Options):
    """Options of `Panoptic`; see `hub_panoptic.merge.merge`.

    Attributes:
        score_thresh: instances with a lower score are dropped.
        overlap_thresh: an instance is dropped if a larger fraction of it is covered by instances with higher scores.
        stuff_area_limit: stuff with fewer pixels of the file is dropped; choose a small number for small images.
    """

    score_thresh: Fraction = 0.5
    overlap_thresh: Fraction = 0.5
    stuff_area_limit: NonNegativeInt = 4096


class Panoptic(Head[PanopticOptions, PanopticMap]):
    """Merge the masks of one head before it with the semantic map of another (Kirillov et al. 2019).

    The labels of the head with masks are things; the other classes of the semantic head are stuff. Classes that this
    head's labels do not contain, such as Panoptic FPN's class "things", become void.

    Args:
        channels, strides: empty.
        labels: the things and the stuff, in any order.
        options: see `PanopticOptions`.
    """

    labels_from = "panoptic"

    def __init__(
        self,
        channels: Mapping[str, int],
        strides: Mapping[str, int],
        labels: LabelSpace,
        options: PanopticOptions,
    ) -> None:
        super().__init__(channels, strides, labels, options)
        self.things = self.stuff = ""  # names of the heads that predict them, set by `check_heads`

    @classmethod
    def levels(cls, options: PanopticOptions) -> tuple[str, ...]:
        """Return no levels: the head reads the results of other heads."""
        return ()

    def check_heads(self, others: Mapping[str, Head]) -> None:
        """Find the head that predicts masks and the one that predicts a semantic map.

        Raises:
            OptionError: one of them is missing, or there are two.
            LabelMismatchError: a panoptic label is in neither of their label spaces.
        """
        masks = [name for name, head in others.items() if "masks" in head.needs]
        maps = [name for name, head in others.items() if head.labels_from == "semantic"]
        for what, found, example in (("masks", masks, "mask-rcnn"), ("a semantic map", maps, "semantic-fpn")):
            if len(found) != 1:
                raise OptionError(
                    f"panoptic needs exactly one head before it that predicts {what}, but found "
                    f"{' and '.join(found) or 'none'}",
                    fix=f"name it after them, as in mask-rcnn+semantic-fpn+panoptic/…; {example} predicts {what}",
                )
        self.things, self.stuff = masks[0], maps[0]
        things, stuff = (others[name].labels.names for name in (self.things, self.stuff))
        unknown = [name for name in self.labels.names if name not in things and name not in stuff]
        if unknown:
            raise LabelMismatchError(
                f"neither {self.things} nor {self.stuff} has the panoptic label {unknown[0]!r}",
                fix=f"add it to {self.things} if it is a thing, to {self.stuff} if it is stuff, or remove it",
            )

    def losses(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return no losses: there is nothing to train."""
        return {}

    def predict(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Return no predictions; see `join`."""
        return {}

    def results(self, predictions: Mapping[str, Tensor], batch: Batch) -> list[PanopticMap]:
        """Return one `PanopticMap` without segments per image; `join` adds them."""
        return [
            PanopticMap(
                image_id=batch.image_id(i),
                size=(height, width),
                segments=torch.zeros(height, width, dtype=torch.int32),
                segments_info=(),
                label_space=self.labels,
            )
            for i, (height, width) in enumerate(batch.original_sizes.tolist())
        ]

    def window_merger(self, whole: Batch, layout: WindowLayout, *, weights: Weights) -> NoMerger:
        """Return a merger that ignores predictions: `join` uses the merged results of the other heads."""
        return NoMerger(self.results({}, whole)[0])

    def join(
        self, results: list[PanopticMap], others: Mapping[str, list[Result]], heads: Mapping[str, Head]
    ) -> list[PanopticMap]:
        """Return one `PanopticMap` per image, merged from the results of the other heads.

        Raises:
            ContractError: they do not contain masks and a semantic map.
        """
        to_thing, to_stuff = self._label_maps(heads)
        return [
            self._merged(own, things, stuff, to_thing, to_stuff)
            for own, things, stuff in zip(results, others[self.things], others[self.stuff], strict=True)
        ]

    def metric(self, dataset: Dataset) -> Metric:
        """Return panoptic quality; see `hub_panoptic.metric.PanopticMetric`."""
        from hub_panoptic.metric import PanopticMetric

        return PanopticMetric(dataset, self.labels)

    def check_dataset(self, dataset: Dataset) -> None:
        """Refuse a dataset with neither panoptic segments nor the masks and the map to make them from."""
        from hub_panoptic.truth import check_truth

        check_truth(dataset)

    def draw(self, image: np.ndarray, result: PanopticMap, *, score: float = 0.5) -> np.ndarray:
        """Return a copy of the image with tinted stuff, and outlines of things with at least this score."""
        from hub.visual import draw_panoptic

        shown = [s for s in result.segments_info if s.score is None or s.score >= score]
        return draw_panoptic(
            image,
            result.segments.numpy(),
            {s.id: self.labels.names[s.label] for s in shown},
            things={s.id for s in shown if s.isthing},
        )

    def _label_maps(self, heads: Mapping[str, Head]) -> tuple[Tensor, Tensor]:
        """Return the panoptic label of each label of the two heads, −1 for none."""
        things, stuff = heads[self.things].labels, heads[self.stuff].labels
        to_stuff = [
            -1 if name in things.names else index
            for name, index in zip(stuff.names, stuff.map_to(self.labels), strict=True)
        ]
        return torch.tensor(things.map_to(self.labels)), torch.tensor(to_stuff)

    def _merged(self, own: Result, things: Result, stuff: Result, to_thing: Tensor, to_stuff: Tensor) -> PanopticMap:
        if not isinstance(things, Detections) or things.masks is None or not isinstance(stuff, SemanticMap):
            raise ContractError(
                f"{self.things} returned no masks, or {self.stuff} no hub.SemanticMap",
                fix="return masks in hub.Detections, and classes in hub.SemanticMap",
            )
        o = self.options
        found = merge(
            things.masks,
            things.scores,
            to_thing[things.labels],
            to_stuff[stuff.classes.long()],
            score_thresh=o.score_thresh,
            overlap_thresh=o.overlap_thresh,
            stuff_area_limit=o.stuff_area_limit,
        )
        areas = torch.bincount(found.segments.flatten(), minlength=len(found.labels) + 1)[1:]
        count = len(found.scores)
        segments = [
            Segment(id=k + 1, label=label, isthing=k < count, area=area, score=score)
            for k, (label, area, score) in enumerate(
                zip(
                    found.labels.tolist(),
                    areas.tolist(),
                    [*found.scores.tolist(), *[None] * (len(areas) - count)],
                    strict=True,
                )
            )
        ]
        return PanopticMap(
            image_id=own.image_id,
            size=own.size,
            segments=found.segments,
            segments_info=segments,
            label_space=self.labels,
        )


class NoMerger:
    """The merger of a head without predictions in windows; see `hub.contract.windows.WindowMerger`.

    Args:
        whole: the result for the whole image.
    """

    def __init__(self, whole: PanopticMap) -> None:
        self.whole = whole

    def add(self, predictions: Mapping[str, Tensor], places: Sequence[Place]) -> None:
        """Ignore the predictions."""

    def result(self) -> PanopticMap:
        """Return the result for the whole image."""
        return self.whole
