"""From a canonical volume to class scores of its voxels: slice by slice, or by the head's own predictor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from hub import Batch, Head, Model
from hub.errors import OptionError
from hub.inference import Slab, mirrored
from hub.precision import autocast
from hub_medical.volumes.prepare import slab
from hub_medical.volumes.slicing import AXES, Plane, take_planes

Direction = Literal["right", "anterior", "superior"]
DIRECTIONS: dict[Direction, int] = {"right": 0, "anterior": 1, "superior": 2}  # axes of a canonical volume


@dataclass(frozen=True)
class Settings:
    """How to predict a volume.

    Attributes:
        plane: of the slices that the model learned from.
        mirror: directions along which predictions for mirror images are averaged.
        batch_size: slices or windows computed together.
        precision: see `hub.precision.autocast`.
    """

    plane: Plane = "axial"
    mirror: tuple[Direction, ...] = ()
    batch_size: int = 8
    precision: str = "auto"


class VolumePredictor(Protocol):
    """Scores of a volume's voxels, in slabs, so that those of a large volume are never held at once.

    Attributes:
        axis: of the canonical volume, along which the slabs follow each other.
    """

    axis: int

    def __call__(self, volume: np.ndarray) -> Iterator[Slab]:
        """Slabs for (C, I, J, K) int16 in RAS+, as `hub_medical.volumes.prepare.prepare_case` gives it.

        Yields:
            The start along ``axis``, and probabilities (classes, planes, …) float32 on the CPU, of which the spatial
            axes are ``axis`` and then the other two in their order; without gaps.
        """


@runtime_checkable
class PredictsVolumes(Protocol):
    """A head that predicts volumes or parts of them, not slices."""

    def volume_predictor(self, model: Model, settings: Settings) -> VolumePredictor:
        """Return the predictor of this head of ``model``."""


def predictor_of(model: Model, name: str, settings: Settings) -> VolumePredictor:
    """Return the predictor of volumes of the head ``name``: the head's own, or one that works slice by slice."""
    head = dict(model.items())[name]
    if isinstance(head, PredictsVolumes):
        return head.volume_predictor(model, settings)
    return SlicePredictor(model, name, settings)


class SlicePredictor:
    """Predicts slice by slice, each with the neighbors that the model's ``in_chans`` leaves room for.

    Args:
        model: in eval mode.
        name: of a head that gives every pixel a class.
        settings: see `Settings`.

    Raises:
        OptionError: see `check_mirror`.
    """

    def __init__(self, model: Model, name: str, settings: Settings) -> None:
        check_mirror(settings.plane, settings.mirror)
        self.model, self.name, self.settings = model, name, settings
        self.axis = AXES[settings.plane]
        # Rows of a slice run along the later of the two other axes, see `take_planes`.
        columns, rows = (axis for axis in range(3) if axis != self.axis)
        self._predict = mirrored(self._probabilities, [(rows, columns).index(DIRECTIONS[d]) for d in settings.mirror])

    def __call__(self, volume: np.ndarray) -> Iterator[Slab]:
        """See `VolumePredictor`.

        Raises:
            OptionError: the model's ``in_chans`` does not fit the channels, see `hub_medical.volumes.prepare.slab`.
        """
        planes = np.stack([take_planes(channel, self.settings.plane) for channel in volume])
        in_chans, step = self.model.preprocessing.in_chans, self.settings.batch_size
        for start in range(0, planes.shape[1], step):
            stop = min(start + step, planes.shape[1])
            images = np.stack([slab(planes, i, in_chans) for i in range(start, stop)])
            scores = self._predict(torch.from_numpy(images).permute(0, 3, 1, 2))
            # From pictures, seen as radiologists look at them, back to the volume's axes.
            yield start, scores.transpose(0, 1).flip(-1, -2).transpose(-1, -2)

    @torch.no_grad()
    def _probabilities(self, images: Tensor) -> Tensor:
        """(n, C, H, W) → (n, classes, H, W) float32 on the CPU."""
        batch = self.model.prepare([np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in images])
        with autocast(self.model.device, self.settings.precision):
            raw = self.model(batch.to(self.model.device))[self.name]
        head = dict(self.model.items())[self.name]
        return torch.stack([one.cpu() for one in _scores(head, raw, batch)])


def check_mirror(plane: Plane, mirror: Sequence[Direction]) -> None:
    """Refuse to mirror along the direction in which slices follow each other.

    Raises:
        OptionError: the slices follow each other in that direction.
    """
    for direction in mirror:
        if DIRECTIONS[direction] == AXES[plane]:
            others = [d for d, axis in DIRECTIONS.items() if axis != AXES[plane]]
            raise OptionError(
                f"{plane} slices cannot be mirrored along {direction!r}: there they follow each other",
                fix=f"mirror along {' or '.join(others)}",
            )


def _scores(head: Head, raw: dict[str, Tensor], batch: Batch) -> Iterator[Tensor]:
    """Of each image (classes, H, W) probabilities, or for a head without scores 1 for its class."""
    scores: Callable[[dict[str, Tensor], Batch], Iterator[Tensor]] | None = getattr(head, "scores", None)
    if scores is not None:
        return (logits.softmax(0) for logits in scores(raw, batch))
    return (
        torch.nn.functional.one_hot(found.classes.long(), len(head.labels)).movedim(-1, 0).float()
        for found in head.results(raw, batch)
    )
