"""Steps one after the other, as a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from hub.contract.sample import Sample
from hub.data.functional.geometry import clip, mirrored_order
from hub.data.transforms.geometric import Resize
from hub.data.transforms.mixing import MixingStep
from hub.data.transforms.registry import parse_step
from hub.data.transforms.step import Context, Draw, Step
from hub.images import ResizeRule


class Transform:
    """Steps one after the other, as a pure function of (sample, seed).

    Args:
        steps: in the order in which they are applied.
        keypoint_names: names that begin with ``left_`` and ``right_`` change places in mirrored images.

    >>> Transform.parse([{"name": "resize", "shortest": [640, 800]}, {"name": "horizontal_flip"}])
    Transform(Resize(shortest=(640, 800), longest=1333), HorizontalFlip(p=0.5))
    """

    def __init__(self, steps: Sequence[Step] = (), *, keypoint_names: Sequence[str] = ()) -> None:
        self.steps = tuple(steps)
        self.keypoint_names = tuple(keypoint_names)
        self._order = mirrored_order(self.keypoint_names)

    @classmethod
    def parse(cls, declared: Iterable[Mapping[str, object]]) -> Transform:
        """Build from a config's list: each item has the ``name`` of a registered transform and its options.

        Raises:
            ConfigError: an item without a name, or a name that no transform has.
            OptionError: an option that the transform does not have, or a value that it does not take.
        """
        return cls([parse_step(item) for item in declared])

    @classmethod
    def resize(cls, rule: ResizeRule) -> Transform:
        """The transform of evaluation: the size that a model's preprocessing asks for, nothing random."""
        return cls([Resize(shortest=rule.shortest, longest=rule.longest)])

    def for_keypoints(self, names: Sequence[str]) -> Transform:
        """The same steps for objects with these keypoints."""
        return Transform(self.steps, keypoint_names=names)

    @property
    def mixing(self) -> tuple[MixingStep, ...]:
        """The steps that need other samples of the dataset."""
        return tuple(step for step in self.steps if isinstance(step, MixingStep))

    def __call__(self, sample: Sample, rng_seed: int, draw: Draw | None = None) -> Sample:
        """A transformed copy: boxes within the image, objects of less than a pixel removed.

        Args:
            sample: left as it is.
            rng_seed: not negative; the same sample and seed give the same answer, bit for bit, wherever and
                however often this is called.
            draw: gives another sample of the dataset, chosen with the generator that it is called with; what steps
                that mix are given goes through the steps before them, but for those that mix.

        Raises:
            OptionError: a step that mixes, and no ``draw``, or annotations that it cannot mix.
        """
        for position, step in enumerate(self.steps):
            # A generator for each step: what one draws does not move the others.
            rng = np.random.default_rng([rng_seed, position])
            partner = None if draw is None else partial(self._partner, position, draw)
            sample = step(sample, rng, Context(self._order, partner))
        if sample.instances is None:
            return sample
        return replace(sample, instances=clip(sample.instances, sample.image.shape[:2]))

    def _partner(self, position: int, draw: Draw, rng: np.random.Generator) -> Sample:
        sample = draw(rng)
        seed = int(rng.integers(2**63))
        for earlier, step in enumerate(self.steps[:position]):
            if not isinstance(step, MixingStep):
                sample = step(sample, np.random.default_rng([seed, earlier]), Context(self._order))
        return sample

    def __repr__(self) -> str:
        return f"Transform({', '.join(map(repr, self.steps))})"
