"""The contract of branches: what a two-stage detector predicts per object besides class and box."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hub import ClassRows, InstanceTargets
from hub_detection.two_stage.roi_align import RoIAlign
from hub_detection.two_stage.roi_sampler import RoIs


class RoIBranch(nn.Module, ABC):
    """Base of the mask and keypoint branches.

    Boxes come in a fixed number of slots per image, (B, S, 4), some of which are empty.

    Args:
        pool: pools the boxes for this branch.
        max_positives: the most positive RoIs per image; they come first.
    """

    def __init__(self, pool: RoIAlign, max_positives: int) -> None:
        super().__init__()
        self.pool = pool
        self.max_positives = max_positives

    @abstractmethod
    def losses(self, features: Sequence[Tensor], rois: RoIs, targets: InstanceTargets) -> dict[str, Tensor]:
        """Return float32 scalars under names that are the same for all batches."""

    @abstractmethod
    def predict(self, features: Sequence[Tensor], detections: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return further predictions (B, D, …) for detections with ``boxes``, ``labels`` and ``valid``."""

    def class_rows(self) -> dict[str, ClassRows]:
        """Return the rows per class; see `hub.Head.class_rows`."""
        return {}

    def pool_slots(self, features: Sequence[Tensor], boxes: Tensor, slots: Tensor) -> Tensor:
        """Pool the boxes (B, S, 4) in the slots that `valid_slots` returned: (M, C, size, size)."""
        image = torch.div(slots, boxes.shape[1], rounding_mode="floor")
        pooled: Tensor = self.pool(features, boxes.flatten(0, 1)[slots][None], image[None])
        return pooled


def valid_slots(valid: Tensor) -> Tensor:
    """Return the slots of (B, S) to compute: (M,) int64 indices into the flattened slots, M at least 1.

    In eager mode on the CPU these are only the valid ones: an image with two objects then costs a fiftieth of one with
    a hundred. A graph of fixed shape, or a device that would have to be synchronized with, computes all of them.

    >>> valid_slots(torch.tensor([[True, False], [False, True]]))
    tensor([0, 3])
    """
    if not eager_on_cpu(valid):
        return torch.arange(valid.numel(), device=valid.device)
    slots = valid.flatten().nonzero().squeeze(1)
    return slots if len(slots) else slots.new_zeros(1)


def eager_on_cpu(tensor: Tensor) -> bool:
    """Return whether shapes may depend on this tensor's values: nothing is compiled, and no device synchronized."""
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def scatter_slots(values: Tensor, slots: Tensor, shape: torch.Size) -> Tensor:
    """Put (M, …) back into the slots of (B, S): (B, S, …), zeros elsewhere."""
    full = values.new_zeros(shape[0] * shape[1], *values.shape[1:])
    return full.index_copy(0, slots, values).view(*shape, *values.shape[1:])
