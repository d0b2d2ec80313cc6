"""What a two-stage detector says about an object besides its class and box: the contract of masks and keypoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hub import ClassRows, InstanceTargets
from hub_detection.two_stage.roi_align import RoIAlign
from hub_detection.two_stage.roi_sampler import RoIs


class RoIBranch(nn.Module, ABC):
    """Base of the branches.

    Args:
        pool: pools the boxes that the branch looks at.
        positives: the most positive boxes that an image can have; they come first.
    """

    def __init__(self, pool: RoIAlign, positives: int) -> None:
        super().__init__()
        self.pool = pool
        self.positives = positives

    @abstractmethod
    def losses(self, features: Sequence[Tensor], rois: RoIs, targets: InstanceTargets) -> dict[str, Tensor]:
        """Float32 scalars under names that are the same for all batches."""

    @abstractmethod
    def predict(self, features: Sequence[Tensor], found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Further answers (B, D, …) to the ``boxes``, ``labels`` and ``valid`` that were found."""

    def class_rows(self) -> dict[str, ClassRows]:
        """See `hub.Head.class_rows`."""
        return {}

    def pooled(self, features: Sequence[Tensor], boxes: Tensor, places: Tensor) -> Tensor:
        """The boxes at some places of (B, S, 4), from `occupied`: (M, C, size, size)."""
        image = torch.div(places, boxes.shape[1], rounding_mode="floor")
        pooled: Tensor = self.pool(features, boxes.flatten(0, 1)[places][None], image[None])
        return pooled


def occupied(valid: Tensor) -> Tensor:
    """Which places of (B, S) to compute: (M,) int64 into the flattened places, M at least 1.

    Where looking at the values costs nothing, only the valid ones: on a CPU an image with two objects then costs a
    fiftieth of one with a hundred. A graph, or a device that would have to be waited for, gets all of them.

    >>> occupied(torch.tensor([[True, False], [False, True]]))
    tensor([0, 3])
    """
    if not eager_on_cpu(valid):
        return torch.arange(valid.numel(), device=valid.device)
    places = valid.flatten().nonzero().squeeze(1)
    return places if len(places) else places.new_zeros(1)


def eager_on_cpu(tensor: Tensor) -> bool:
    """Whether shapes may follow from this tensor's values: nothing is compiled or traced, no device is waited for."""
    return tensor.device.type == "cpu" and not (torch.compiler.is_compiling() or torch.jit.is_tracing())


def scatter(values: Tensor, places: Tensor, shape: torch.Size) -> Tensor:
    """Put (M, …) back to the places of (B, S): (B, S, …), zeros elsewhere."""
    full = values.new_zeros(shape.numel(), *values.shape[1:])
    unflattened: Tensor = full.index_copy(0, places, values).unflatten(0, shape)
    return unflattened
