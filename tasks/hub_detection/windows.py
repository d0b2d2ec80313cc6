"""The objects of a large image, from those of windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from hub import Batch, Detections
from hub.contract.window_layout import Place, WindowLayout
from hub_detection.boxes import pick
from hub_detection.nms import nms

_NEAR = 1 / 64  # of a window's side: how near to its edge a box may be cut by it


class DetectionMerger:
    """Brings the answers for windows to their places, and keeps the best of those that mean one object.

    A box at an edge of a window that is not the image's edge, where the object may go on, is left out if another window
    shows all of it away from such edges. Non-maximum suppression does the rest. There is no limit on the objects
    of the image: a head's ``detections_per_img`` is of each window.

    Args:
        results: of the head: turns answers for a batch into one `hub.Detections` an image.
        whole: a batch of the one image.
        layout: of the windows.
        nms_thresh: overlap above which only the better of two boxes of one class stays.
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
        self.found: list[dict[str, Tensor]] = []

    def add(self, predictions: Mapping[str, Tensor], places: Sequence[Place]) -> None:
        """Take in ``boxes`` (n, D, 4), ``scores``, ``labels`` and ``valid`` (n, D), and what else the head says.

        ``keypoints`` (n, D, K, 3) move with their window; anything else, such as ``masks`` on the grids of their boxes,
        is the same wherever its box is.
        """
        answers = {name: values.cpu() for name, values in predictions.items()}
        for i, (top, left) in enumerate(places):
            own = {name: values[i][answers["valid"][i]] for name, values in answers.items()}
            corner = torch.tensor([left, top])
            own["boxes"] = own["boxes"].float() + corner.repeat(2)
            if "keypoints" in own:
                own["keypoints"] = torch.cat([own["keypoints"][..., :2] + corner, own["keypoints"][..., 2:]], dim=-1)
            kept = best_seen(own["boxes"], (top, left), self.layout)
            self.found.append({name: values[kept] for name, values in own.items()})

    def result(self) -> Detections:
        """The objects of the image, best first."""
        found = {name: torch.cat([own[name] for own in self.found])[None] for name in self.found[0]}
        count = found["scores"].shape[1]
        index, kept = nms(found["boxes"], found["scores"], found["labels"], found["valid"], self.nms_thresh, count)
        best = {name: pick(values, index) for name, values in found.items()} | {"valid": kept}
        return self.results(best, self.whole)[0]


def best_seen(boxes: Tensor, place: Place, layout: WindowLayout) -> Tensor:
    """Which boxes of a window no other window sees better.

    Args:
        boxes: (D, 4) float32 x1 y1 x2 y2 in pixels of the image.
        place: of their window.
        layout: of all.

    Returns:
        (D,) bool, False for boxes near an inner edge of their window that lie in another away from its inner edges.

    >>> layout = WindowLayout((64, 192), (64, 128))
    >>> list(layout)
    [(0, 0), (0, 64)]
    >>> best_seen(torch.tensor([[10.0, 10, 20, 20], [100, 10, 128, 20], [50, 10, 128, 20]]), (0, 0), layout)
    tensor([ True, False,  True])
    """
    here = torch.ones(len(boxes), dtype=torch.bool)
    anywhere = here.clone()
    for axis in range(2):
        near, far = boxes[:, 1 - axis, None], boxes[:, 3 - axis, None]
        size, side, start = layout.size[axis], layout.window[axis], place[axis]
        starts = torch.tensor(layout.starts[axis])
        margin = side * _NEAR
        # A window's first and last place along the axis, but the image's edge is not the window's.
        low = torch.where(starts > 0, starts + margin, -torch.inf)
        high = torch.where(starts + side < size, starts + side - margin, torch.inf)
        whole = (near >= low) & (far <= high)
        here &= whole[:, starts == start].any(1)
        anywhere &= whole.any(1)
    return here | ~anywhere
