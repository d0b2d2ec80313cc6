"""The prediction of a head of volumes: probabilities for every voxel of a patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hub import LabelSpace, Result


@dataclass(kw_only=True)
class PatchScores(Result):
    """Class probabilities of the voxels of some slices, on the CPU; overlapping patches are averaged.

    Attributes:
        probabilities: (classes, D, H, W) float16, at the size of the slices as the dataset gives them.
        label_space: the names.
    """

    probabilities: Tensor
    label_space: LabelSpace

    @property
    def classes(self) -> Tensor:
        """(D, H, W) int64, the most probable class of each voxel."""
        return self.probabilities.argmax(0)

    def to_records(self) -> list[dict[str, Any]]:
        """A record for each class that is there, with its number of voxels.

        >>> import torch
        >>> found = PatchScores(image_id="a/003", size=(1, 2), label_space=LabelSpace(("-", "liver"), (0, 1)),
        ...     probabilities=torch.tensor([[0.9, 0.2], [0.1, 0.8]]).view(2, 1, 1, 2))
        >>> found.to_records()[1]
        {'image_id': 'a/003', 'category_id': 1, 'label': 'liver', 'voxels': 1}
        """
        counts = self.classes.flatten().bincount(minlength=len(self.label_space)).tolist()
        return [
            {"image_id": self.image_id, "category_id": number, "label": name, "voxels": count}
            for number, name, count in zip(self.label_space.ids, self.label_space.names, counts, strict=True)
            if count
        ]
