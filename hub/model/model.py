"""A model: one trunk, any number of heads on it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from hub.backbones.trunk import Trunk
from hub.images import check_image, read_image, resize_image
from hub.labels import LabelSpace
from hub.model.batch import Batch, pad_images
from hub.model.head import Head
from hub.model.recipe import Recipe
from hub.model.results import Result
from hub.precision import autocast
from hub.preprocessing import Preprocessing

Image = str | os.PathLike[str] | np.ndarray


class Model(nn.Module):
    """A trunk computed once, and its heads by name.

    Attributes:
        trunk: the `hub.Trunk`.
        heads: name → `hub.Head`.
        recipe: what builds this model again.
        preprocessing: how images become the trunk's input.
    """

    def __init__(self, trunk: Trunk, heads: Mapping[str, Head], recipe: Recipe, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleDict(heads)
        self.recipe = recipe
        self.preprocessing = preprocessing

    @property
    def labels(self) -> dict[str, LabelSpace]:
        """Head → its labels."""
        return {name: head.labels for name, head in self.items()}

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def divisor(self) -> int:
        """Sides of a padded batch are multiples of this, so that every stride of the backbone is exact."""
        return self.trunk.divisor

    def items(self) -> list[tuple[str, Head]]:
        """The heads with their names, typed."""
        return [(name, cast(Head, head)) for name, head in self.heads.items()]

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """The trunk's features of a batch; see `hub.Trunk.forward`."""
        return self.trunk(self.preprocessing.normalize(batch.images, batch.sizes))

    def forward(self, batch: Batch) -> dict[str, dict[str, Tensor]]:
        """In training mode each head's losses, otherwise its raw predictions: head → name → tensor."""
        features = self.features(batch)
        if self.training:
            return {name: head.losses(features, batch) for name, head in self.items()}
        return {name: head.predict(features, batch) for name, head in self.items()}

    @torch.no_grad()  # not inference_mode: its tensors could not be changed by whoever gets the results
    def infer(self, batch: Batch, *, precision: str = "auto") -> dict[str, list[Result]]:
        """Results of a batch in pixels of the original files: head → one result an image."""
        was_training = self.training
        self.eval()
        try:
            with autocast(self.device, precision):
                raw = self(batch.to(self.device))
        finally:
            self.train(was_training)
        return {name: head.results(raw[name], batch) for name, head in self.items()}

    def predict(self, images: Image | Sequence[Image], *, precision: str = "auto", batch_size: int = 8) -> Any:
        """Answer for images, in pixels of the files (or arrays) given.

        Args:
            images: a path, an (H, W, C) uint8 RGB array, or a list of them.
            precision: see `hub.precision.autocast`.
            batch_size: images computed together.

        Returns:
            A `hub.Result` an image: a list where a list was given. With several heads, head → that.

        Raises:
            ImageError: a file cannot be read.
        """
        single = isinstance(images, (str, os.PathLike, np.ndarray))
        todo = cast(list[Image], [images] if single else list(cast(Sequence[Image], images)))
        answers: dict[str, list[Result]] = {name: [] for name in self.heads}
        for start in range(0, len(todo), batch_size):
            batch = self.prepare(todo[start : start + batch_size], first=start)
            for name, results in self.infer(batch, precision=precision).items():
                answers[name] += results
        by_head = {name: results[0] if single else results for name, results in answers.items()}
        return next(iter(by_head.values())) if len(by_head) == 1 else by_head

    def prepare(self, images: Sequence[Image], *, first: int = 0) -> Batch:
        """Read, resize and pad images as this model's weights want them.

        Args:
            images: paths or (H, W, C) uint8 arrays.
            first: number of the first image; arrays have their number as id.

        Raises:
            ImageError: a file cannot be read, or an array is of another kind.
        """
        pixels = [
            check_image(image, in_chans=self.preprocessing.in_chans)
            if isinstance(image, np.ndarray)
            else read_image(image, in_chans=self.preprocessing.in_chans)
            for image in images
        ]
        resized = [resize_image(p, self.preprocessing.resize.size(*p.shape[:2])) for p in pixels]
        stacked, sizes = pad_images(resized, divisor=self.divisor)
        return Batch(
            images=stacked,
            sizes=sizes,
            original_sizes=torch.tensor([p.shape[:2] for p in pixels]),
            ids=[i if isinstance(image, np.ndarray) else str(Path(image)) for i, image in enumerate(images, first)],
        )
