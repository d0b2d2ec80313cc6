"""A model: one trunk with any number of heads."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import cast, overload

import torch
from torch import Tensor, nn

from hub.backbones.trunk import Trunk
from hub.contract.batch import Batch, pad_images
from hub.contract.head import Features, Head
from hub.contract.prediction import Prediction
from hub.contract.recipe import Recipe
from hub.contract.results import Result
from hub.contract.windows import Windows
from hub.errors import DataError, OptionError, did_you_mean
from hub.image_regions import ImageRegions
from hub.images import resize_image
from hub.inference.inputs import ImageInput, image_id, is_one_image, load_input
from hub.inference.windowed import infer_regions, infer_windows
from hub.labels import LabelSpace
from hub.model.extend import extend
from hub.model.parts import ModelParts
from hub.model.plan import Labels
from hub.precision import autocast
from hub.preprocessing import Preprocessing
from hub.seeds import draw_seed, isolated_rng


class Model(nn.Module):
    """A trunk that is computed once per batch, and heads by name.

    Attributes:
        trunk: the `hub.Trunk`.
        heads: name → `hub.Head`.
        recipe: what rebuilds this model.
        preprocessing: how images become the trunk's input.
    """

    def __init__(self, trunk: Trunk, heads: Mapping[str, Head], recipe: Recipe, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleDict(heads)
        self.recipe = recipe
        self.preprocessing = preprocessing

    @classmethod
    def of(cls, parts: ModelParts) -> Model:
        """Return a model of these parts."""
        return cls(parts.trunk, parts.heads, parts.recipe, parts.preprocessing)

    @property
    def labels(self) -> dict[str, LabelSpace]:
        """Head → its labels."""
        return {name: head.labels for name, head in self.items()}

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    @property
    def divisor(self) -> int:
        """Height and width of a padded batch are multiples of this, so that every stride of the backbone is exact."""
        return self.trunk.divisor

    def items(self) -> list[tuple[str, Head]]:
        """Return each head with its name, in the order of the model's name."""
        return [(name, cast(Head, head)) for name, head in self.heads.items()]

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """Return the trunk's features of a batch; see `hub.Trunk.forward`."""
        self.preprocessing.check(batch.images, batch.value_range)
        features: dict[str, Tensor] = self.trunk(self.preprocessing.normalize(batch.images, batch.sizes))
        return features

    def forward(self, batch: Batch) -> dict[str, dict[str, Tensor]]:
        """Return each head's losses in training mode, otherwise its raw predictions: head → name → tensor.

        In training mode, a head that the batch has no targets for is left out, and so is a frozen head on a frozen
        trunk, which cannot learn.

        Raises:
            DataError: in training mode, the batch has targets for no head.
        """
        features = self.features(batch)
        if not self.training:
            return {name: head.predict(features, batch) for name, head in self.items()}
        learning = [(name, head) for name, head in self.items() if self._learns(head, features, batch.provides)]
        if not learning:
            missing = sorted(frozenset().union(*(head.needs for _, head in self.items())) - batch.provides)
            raise DataError(
                f"the batch has nothing that a head of {self.recipe.name} learns from: no {' or '.join(missing)}",
                fix="train on data that provide it",
            )
        seed = draw_seed()
        losses = {}
        for name, head in learning:
            with isolated_rng(seed, name):  # the random numbers of a head do not depend on the other heads
                losses[name] = head.losses(features, batch)
        return losses

    @staticmethod
    def _learns(head: Head, features: Features, provided: frozenset[str]) -> bool:
        if not head.needs <= provided:
            return False
        return any(p.requires_grad for p in head.parameters()) or any(f.requires_grad for f in features.values())

    def train(self, mode: bool = True) -> Model:
        """Set the mode as `nn.Module.train` does, but keep frozen parts in eval mode, so that their statistics stay."""
        super().train(mode)
        for part in (self.trunk, *self.heads.values()):
            parameters = list(part.parameters())
            if parameters and not any(p.requires_grad for p in parameters):
                part.eval()
        return self

    def train_only(self, heads: Collection[str]) -> None:
        """Freeze the trunk and all heads but these: the results of the others stay the same, bit for bit.

        Raises:
            OptionError: there is no such head.
        """
        for name in heads:
            if name not in self.heads:
                raise OptionError(
                    f"{self.recipe.name} has no head {name!r}.{did_you_mean(name, self.heads)}",
                    fix=f"its heads are {', '.join(self.heads)}",
                )
        self.trunk.requires_grad_(False)
        for name, head in self.items():
            head.requires_grad_(name in heads)
        self.train(self.training)

    def add_head(self, task: str, *, labels: Labels | None = None, freeze: bool = True, **options: object) -> None:
        """Add a head to this model, in place; the other heads and their results stay the same, bit for bit.

        Args:
            task: its registered name.
            labels: its classes.
            freeze: train only the new head from now on, see `train_only`; False does not change what is trained.
            options: options of the head.

        Raises:
            BadNameError: the model already has a head of that name.
            HubError: see `hub.create_model`.

        >>> import hub
        >>> model = hub.create_model("classification/resnet18", labels=["cat", "dog"], from_level="c5")
        >>> model.add_head("multilabel", labels=["indoors", "sunny"], from_level="c5")
        >>> model.recipe.name, any(p.requires_grad for p in model.trunk.parameters())
        ('classification+multilabel/resnet18', False)
        """
        parts = ModelParts(self.trunk, dict(self.items()), self.recipe, self.preprocessing)
        grown = extend(parts, task, labels=labels, options=options)
        if grown.trunk is not self.trunk:
            self.trunk = grown.trunk.to(self.device).train(self.trunk.training)
        self.heads[task] = grown.heads[task].to(self.device).train(self.training)
        self.recipe, self.preprocessing = grown.recipe, grown.preprocessing
        if freeze:
            self.train_only([task])

    @torch.no_grad()  # not inference_mode: callers could not modify the tensors of results in place
    def infer(
        self, batch: Batch, *, precision: str = "auto", windows: Windows | None = None
    ) -> dict[str, list[Result]]:
        """Return the results of a batch in pixels of the original files: head → one result per image.

        Args:
            batch: images; with windows they may have any size, best their own; see `prepare`.
            precision: see `hub.precision.autocast`.
            windows: predict each image in these windows instead of at once.

        Raises:
            OptionError: the windows do not fit the model, or a head cannot predict in windows.
        """
        was_training = self.training
        self.eval()
        try:
            if windows is not None:
                return self._joined(infer_windows(self, batch, windows, precision=precision))
            with autocast(self.device, precision):
                raw = self(batch.to(self.device))
        finally:
            self.train(was_training)
        return self.results(raw, batch)

    @torch.no_grad()
    def infer_file(
        self,
        path: str | os.PathLike[str],
        windows: Windows,
        *,
        image_id: int | str | None = None,
        precision: str = "auto",
    ) -> dict[str, list[Result]]:
        """Return the results for a large image file, read window by window.

        Args:
            path: an image file; tiled and striped TIFFs are decoded window by window, other formats at once.
            windows: how to cut it; its scale must be 1.
            image_id: id of the result, by default the path.
            precision: see `hub.precision.autocast`.

        Returns:
            Head → a list of one result.

        Raises:
            ImageError: the file, or a part of it, cannot be read.
            OptionError: see `infer`.
        """
        was_training = self.training
        self.eval()
        wanted = self.preprocessing
        name = str(Path(path)) if image_id is None else image_id
        try:
            with ImageRegions(path, in_chans=wanted.in_chans, pixels=wanted.pixels) as image:
                return self._joined(
                    infer_regions(
                        self, image, windows, value_range=wanted.pixels.value_range, image_id=name, precision=precision
                    )
                )
        finally:
            self.train(was_training)

    def results(self, raw: Mapping[str, Mapping[str, Tensor]], batch: Batch) -> dict[str, list[Result]]:
        """Convert the raw predictions of `forward` to results: head → one result per image."""
        return self._joined({name: head.results(raw[name], batch) for name, head in self.items()})

    def _joined(self, results: Mapping[str, list[Result]]) -> dict[str, list[Result]]:
        joined: dict[str, list[Result]] = {}
        before: dict[str, Head] = {}
        for name, head in self.items():
            joined[name] = head.join(results[name], joined, before)
            before[name] = head
        return joined

    @overload
    def predict(  # type: ignore[overload-overlap]  # a path is a str, and a str is a sequence of str
        self,
        images: ImageInput,
        *,
        precision: str = ...,
        batch_size: int = ...,
        windows: Windows | int | tuple[int, int] | None = ...,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        images: Sequence[ImageInput],
        *,
        precision: str = ...,
        batch_size: int = ...,
        windows: Windows | int | tuple[int, int] | None = ...,
    ) -> list[Prediction]: ...

    def predict(
        self,
        images: ImageInput | Sequence[ImageInput],
        *,
        precision: str = "auto",
        batch_size: int = 8,
        windows: Windows | int | tuple[int, int] | None = None,
    ) -> Prediction | list[Prediction]:
        """Return the predictions for images, in pixels of the given files or arrays.

        Args:
            images: a path, the bytes of a file, a PIL image, an (H, W, C) RGB array or a (C, H, W) tensor of the
                dtype of ``preprocessing.pixels``, usually uint8; or a list of them, of any sizes.
            precision: see `hub.precision.autocast`.
            batch_size: images per batch; if ``windows`` is a size, the number of windows per batch.
            windows: for large images: predict each in windows of this height and width in pixels, or in these windows.
                The image then keeps its resolution instead of being resized by ``preprocessing``.

        Returns:
            A `hub.Prediction`, head → result, whatever the number of heads; for a list of images a list of them. With
            one head, ``prediction.result`` is its result.

        Raises:
            ImageError: a file cannot be read.
            OptionError: see `infer`.

        >>> import hub
        >>> import numpy as np
        >>> model = hub.create_model("faster-rcnn/resnet18-fpn", labels=["cat", "dog"], channels=32)
        >>> prediction = model.predict(np.zeros((48, 64, 3), np.uint8))
        >>> prediction.result is prediction["faster-rcnn"], prediction.result.size
        (True, (48, 64))
        """
        if is_one_image(images):
            return self._predict(
                [cast("ImageInput", images)], precision=precision, batch_size=batch_size, windows=windows
            )[0]
        listed = list(cast("Sequence[ImageInput]", images))
        return self._predict(listed, precision=precision, batch_size=batch_size, windows=windows)

    def _predict(
        self,
        images: Sequence[ImageInput],
        *,
        precision: str,
        batch_size: int,
        windows: Windows | int | tuple[int, int] | None,
    ) -> list[Prediction]:
        cut = None if windows is None else Windows.of(windows, batch_size=batch_size)
        at_once = batch_size if cut is None else 1
        predictions: list[Prediction] = []
        for start in range(0, len(images), at_once):
            some = images[start : start + at_once]
            first = some[0]
            if cut is not None and cut.scale == 1 and isinstance(first, str | os.PathLike):
                results = self.infer_file(first, cut, precision=precision)
            else:
                batch = self.prepare(some, first=start, resize=cut is None)
                results = self.infer(batch, precision=precision, windows=cut)
            predictions += [Prediction({head: found[i] for head, found in results.items()}) for i in range(len(some))]
        return predictions

    def prepare(self, images: Sequence[ImageInput], *, first: int = 0, resize: bool = True) -> Batch:
        """Read, resize and pad images as the weights of this model require.

        Args:
            images: see `predict`.
            first: number of the first image; the id of an image without a path is its number.
            resize: False keeps the original size, for windows.

        Raises:
            ImageError: a file cannot be read, or an input is not an image.
        """
        in_chans, expected = self.preprocessing.in_chans, self.preprocessing.pixels
        pixels = [load_input(image, in_chans=in_chans, pixels=expected) for image in images]
        rule = self.preprocessing.resize
        resized = [resize_image(p, rule.size(*p.shape[:2])) if resize else p for p in pixels]
        stacked, sizes = pad_images(resized, divisor=self.divisor)
        return Batch(
            images=stacked,
            sizes=sizes,
            original_sizes=torch.tensor([p.shape[:2] for p in pixels]),
            ids=[image_id(image, number) for number, image in enumerate(images, first)],
            value_range=expected.value_range,
        )
