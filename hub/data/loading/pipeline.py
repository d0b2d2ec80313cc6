"""The pipeline that a data worker runs: load a sample, convert its labels to those of the model, transform it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from torch.utils import data

from hub.contract.dataset import Dataset
from hub.contract.sample import Sample
from hub.contract.targets import IGNORE, OBJECTS, object_targets
from hub.data.transforms import Transform
from hub.errors import AnnotationError, ContractError, DataError, LabelMismatchError, PixelFormatError
from hub.labels import LabelSpace
from hub.pixel_format import PixelFormat
from hub.seeds import derive_seed

logger = logging.getLogger("hub")


class Pipeline(data.Dataset[Sample]):
    """Load, translate labels by name, transform.

    An item has the key ``(epoch, index)`` and is a pure function of the key and the seed.

    Args:
        dataset: source of images and annotations.
        transform: applied to every sample.
        needs: targets that the heads learn from; empty for images only.
        label_spaces: ``"instances"``, or the name of a map or tag → the model's labels; None keeps the
            dataset's.
        in_chans: channels of the images.
        pixels: dtype and value range that the model takes; None uses those of the dataset.
        seed: seed of the run.

    Raises:
        PixelFormatError: the dataset has images of another dtype or value range.
        DataError: the dataset lacks annotations that a head needs.
        ContractError: a field of objects has the name of another target, or is declared but not returned.
        LabelMismatchError: the dataset has labels that the model lacks.
        OptionError: a transform cannot mix such annotations.
    """

    def __init__(
        self,
        dataset: Dataset,
        transform: Transform,
        *,
        needs: Iterable[str] = (),
        label_spaces: Mapping[str, LabelSpace] | None = None,
        in_chans: int = 3,
        pixels: PixelFormat | None = None,
        seed: int = 0,
    ) -> None:
        if pixels is not None:
            pixels.check(dataset.pixels, what=dataset.name)
        self.dataset = dataset
        self.needs = frozenset(needs)
        self.in_chans = in_chans
        self.seed = seed
        names = dataset.instances.keypoint_names if dataset.instances is not None else ()
        self.transform = transform.for_keypoints(names)
        self._check_needs()
        wanted = {"instances" if need in object_targets(dataset) else need for need in self.needs}
        self._tables = {
            name: self._table(name, labels) for name, labels in (label_spaces or {}).items() if name in wanted
        }
        self._classes = {name: len(labels) for name, labels in (label_spaces or {}).items()}
        for step in self.transform.mixing:
            step.check(self._load(0))  # all samples have the same kinds of annotations

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, item: tuple[int, int]) -> Sample:
        """Return the sample ``index`` as transformed in epoch ``epoch``, where ``item`` is (epoch, index)."""
        epoch, index = item
        seed = derive_seed(self.seed, "augment", epoch, index)
        return self.transform(self._load(index), seed, partial(self._draw, index))

    def _load(self, index: int) -> Sample:
        sample = self.dataset.load(index, self.needs, in_chans=self.in_chans)
        pixels = self.dataset.pixels
        if sample.image.dtype != pixels.dtype:
            raise PixelFormatError(
                f"{sample.path} has {sample.image.dtype} pixels, but {self.dataset.name} declares {pixels}",
                fix="convert the image to the pixel format of the others",
            )
        known = sample.instances.fields.keys() if sample.instances is not None else frozenset()
        if missing := sorted((self.needs & self.dataset.fields.keys()) - known):
            raise ContractError(
                f"{self.dataset.name} declares the field {missing[0]!r} of objects, but load({index}, …) returns none",
                fix="fill Instances.fields in the dataset's method load",
            )
        return self._relabelled(replace(sample, value_range=pixels.value_range))

    def _draw(self, index: int, rng: np.random.Generator) -> Sample:
        """Load a random image other than ``index``, if there is one."""
        others = len(self) - 1
        return self._load((index + 1 + int(rng.integers(others))) % len(self) if others else index)

    def _check_needs(self) -> None:
        taken = OBJECTS | {"instances"} | self.dataset.label_spaces.keys()
        if clash := sorted(self.dataset.fields.keys() & taken):
            raise ContractError(
                f"{self.dataset.name} has a field of objects named {clash[0]!r}, which is the name of another target",
                fix="choose another name for the field",
            )
        missing = sorted(self.needs - self.dataset.provides)
        if missing:
            raise DataError(
                f"a head of this model learns from {' and '.join(missing)}, which {self.dataset.name} "
                f"(format {type(self.dataset).__name__}) does not have",
                fix=f"it provides {', '.join(sorted(self.dataset.provides)) or 'only images'}: "
                "choose another head, or data with these annotations",
            )

    def _table(self, name: str, labels: LabelSpace) -> np.ndarray:
        """Return (256,) or more int64: index in the dataset's labels → index in the model's, or −1."""
        if name not in self.dataset.label_spaces:
            raise LabelMismatchError(
                f"{self.dataset.name} has no labels for {name!r}",
                fix=f"it has labels for {', '.join(self.dataset.label_spaces) or 'nothing'}",
            )
        own = self.dataset.label_spaces[name]
        where = own.map_to(labels)
        unknown = [label for label, index in zip(own.names, where, strict=True) if index < 0]
        if unknown:
            raise LabelMismatchError(
                f"{self.dataset.name} has {name} labels that the model lacks: {_some(unknown)}",
                fix=f"train with these labels; the model's are {_some(labels.names)}",
            )
        absent = sorted(set(labels.names) - set(own.names))
        if absent:
            logger.info("%s has no %s label %s, although the model has it", self.dataset.name, name, _some(absent))
        table = np.full(max(len(own), IGNORE + 1), -1, np.int64)
        table[: len(where)] = where
        table[IGNORE] = where[IGNORE] if len(where) > IGNORE else IGNORE
        return table

    def _relabelled(self, sample: Sample) -> Sample:
        instances = sample.instances
        if instances is not None and "instances" in self._tables:
            instances = replace(instances, labels=self._tables["instances"][instances.labels])
        maps, tags = dict(sample.maps), dict(sample.tags)
        for name in self._tables:
            if name in maps:
                maps[name] = self._translate(sample, name, maps[name])
            if name in tags:
                change = self._translate if np.issubdtype(tags[name].dtype, np.integer) else self._columns
                tags[name] = change(sample, name, tags[name])
        return replace(sample, instances=instances, maps=maps, tags=tags)

    def _translate(self, sample: Sample, name: str, values: np.ndarray) -> np.ndarray:
        if not np.issubdtype(values.dtype, np.integer):
            return values
        table = self._tables[name]
        fits = values.min(initial=0) >= 0 and values.max(initial=0) < len(table)
        new = table[values] if fits else None
        if new is None or new.min(initial=0) < 0:
            count = len(self.dataset.label_spaces[name])
            bad = next(int(v) for v in np.unique(values) if not 0 <= v < count and v != IGNORE)
            raise AnnotationError(
                f"{sample.path}: its {name} holds class {bad}, but {self.dataset.name} has {count} classes",
                fix=f"correct the file; pixels to ignore are {IGNORE}",
            )
        recoded: np.ndarray = new.astype(np.promote_types(values.dtype, np.min_scalar_type(int(new.max(initial=0)))))
        return recoded

    def _columns(self, sample: Sample, name: str, values: np.ndarray) -> np.ndarray:
        """Return a tag with a number per class in the order of the model's classes; NaN if the dataset lacks one."""
        count = len(self.dataset.label_spaces[name])
        if values.shape[-1:] != (count,):
            raise AnnotationError(
                f"{sample.path}: its {name} has the shape {values.shape}, but {self.dataset.name} has {count} classes",
                fix="give one number for each class",
            )
        new = np.full((*values.shape[:-1], self._classes[name]), np.nan, values.dtype)
        new[..., self._tables[name][:count]] = values
        return new


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:10]) + (f" and {len(listed) - 10} more" if len(listed) > 10 else "")
