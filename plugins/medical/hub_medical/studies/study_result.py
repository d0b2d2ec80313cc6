"""The prediction of the head ``study``: scores, and the attention of each slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hub import Classification


@dataclass(kw_only=True)
class StudyScores(Classification):
    """What one study shows, on the CPU.

    Attributes:
        attention: (S,) float32, the shares of the slices that the model saw, in their order; their sum is 1.
    """

    attention: Tensor

    def to_records(self) -> list[dict[str, Any]]:
        """A record for each class, the best first, each with the attention of all slices.

        >>> import torch
        >>> from hub import LabelSpace
        >>> found = StudyScores(image_id="a", size=(4, 4), scores=torch.tensor([0.75]),
        ...     label_space=LabelSpace(("tear",)), attention=torch.tensor([0.25, 0.75]))
        >>> found.to_records()
        [{'image_id': 'a', 'category_id': 1, 'label': 'tear', 'score': 0.75, 'attention': [0.25, 0.75]}]
        """
        weights = [round(weight, 4) for weight in self.attention.tolist()]
        return [{**record, "attention": weights} for record in super().to_records()]
