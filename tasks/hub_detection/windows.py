"""Merge the detections in the windows of a large image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from hub import Batch, Detections
from hub.contract import Place, WindowLayout
from hub_detection.boxes import pick
from hub_detection.nms import nms

_MARGIN = 1 / 64  # of a window's side: a box this close to the window's edge may be cut by it


class DetectionMerger:
    """Move the detections of windows to their position in the image, and keep each object once.

    A box at an inner edge of a window, beyond which the object may continue, is dropped if another window shows the
    whole box away from its inner edges. Non-maximum suppression removes the other duplicates. The number of objects in
    the image is not limited: a head's ``detections_per_img`` applies to each window.

    Args:
        results: the head's method that converts the predictions for a batch to one `hub.Detections` per image.
        whole: a batch of the one image.
        layout: of the windows.
        nms_thresh: IoU above which the lower-scored of two boxes of one class is suppressed.
    """

    def __init__(
        self,
        results: Callable[[Mapping[str, Tensor], Batch], list[Detections]],
        whole: Batch,
        layout: WindowLayout,
        *,
        nms_thresh: float,
    ) -> None:
        self.results = results
        self.whole = whole
        self.layout = layout
        self.nms_thresh = nms_thresh
        self.kept: list[dict[str, Tensor]] = []

    def add(self, predictions: Mapping[str, Tensor], places: Sequence[Place]) -> None:
        """Add the predictions for n windows.

        Args:
            predictions: ``boxes`` (n, D, 4), ``scores``, ``labels`` and ``valid`` (n, D), and others of the head.
                ``keypoints`` (n, D, K, 3) move with their window; any others, such as ``masks`` on the grids of their
                boxes, do not depend on the position.
            places: top and left of the windows.
        """
        on_cpu = {name: values.cpu() for name, values in predictions.items()}
        for i, (top, left) in enumerate(places):
            own = {name: values[i][on_cpu["valid"][i]] for name, values in on_cpu.items()}
            corner = torch.tensor([left, top])
            own["boxes"] = own["boxes"].float() + corner.repeat(2)
            if "keypoints" in own:
                own["keypoints"] = torch.cat([own["keypoints"][..., :2] + corner, own["keypoints"][..., 2:]], dim=-1)
            uncut = best_seen(own["boxes"], (top, left), self.layout)
            self.kept.append({name: values[uncut] for name, values in own.items()})

    def result(self) -> Detections:
        """Return the objects of the image by descending score."""
        all_windows = {name: torch.cat([own[name] for own in self.kept])[None] for name in self.kept[0]}
        boxes, scores, labels, valid = (all_windows[name] for name in ("boxes", "scores", "labels", "valid"))
        index, used = nms(boxes, scores, labels, valid, self.nms_thresh, scores.shape[1])
        merged = {name: pick(values, index) for name, values in all_windows.items()} | {"valid": used}
        return self.results(merged, self.whole)[0]


def best_seen(boxes: Tensor, place: Place, layout: WindowLayout) -> Tensor:
    """Return which boxes of a window no other window shows better.

    Args:
        boxes: (D, 4) float32 x1 y1 x2 y2 in pixels of the image.
        place: top and left of their window.
        layout: of all windows.

    Returns:
        (D,) bool, False for boxes near an inner edge of their window that lie in another one away from its inner edges.

    >>> layout = WindowLayout((64, 192), (64, 128))
    >>> list(layout)
    [(0, 0), (0, 64)]
    >>> best_seen(torch.tensor([[10.0, 10, 20, 20], [100, 10, 128, 20], [50, 10, 128, 20]]), (0, 0), layout)
    tensor([ True, False,  True])
    """
    uncut_here = torch.ones(len(boxes), dtype=torch.bool)
    uncut_anywhere = uncut_here.clone()
    for axis in range(2):
        low, high = boxes[:, 1 - axis, None], boxes[:, 3 - axis, None]
        size, side, start = layout.size[axis], layout.window[axis], place[axis]
        starts = torch.tensor(layout.starts[axis])
        margin = side * _MARGIN
        # The range of each window in which boxes are not cut; the edges of the image cut nothing.
        first = torch.where(starts > 0, starts + margin, -torch.inf)
        last = torch.where(starts + side < size, starts + side - margin, torch.inf)
        uncut = (low >= first) & (high <= last)
        uncut_here &= uncut[:, starts == start].any(1)
        uncut_anywhere &= uncut.any(1)
    return uncut_here | ~uncut_anywhere
