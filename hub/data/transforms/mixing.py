"""What steps that mix several images have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import numpy as np

from hub.contract.option_types import Probability
from hub.contract.sample import Sample
from hub.data.transforms.step import Context, Draw, Step
from hub.errors import OptionError

OTHER, SHARE = ":other", ":share"


class MixingStep(Step):
    """Base of what mixes a sample with others of its dataset, with probability ``p``.

    The others go through the steps that stand before this one, but for those that mix: a mixture has no mixtures in
    it, and costs as many images as the step says.
    """

    p: Probability = 1.0

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Mix, or not.

        Raises:
            OptionError: there is no dataset to draw from, or the step does not suit the sample.
        """
        if context.partner is None:
            raise OptionError(
                f"{type(self).__name__} mixes several images, but here is one alone",
                fix="use it in data.transforms, where it is given the training data",
            )
        self.check(sample)
        if rng.random() >= self.p:
            return self.unmixed(sample)
        return self.mix(sample, rng, context.partner)

    @abstractmethod
    def mix(self, sample: Sample, rng: np.random.Generator, partner: Draw) -> Sample:
        """The mixture; ``partner`` draws another sample."""

    def check(self, sample: Sample) -> None:
        """Refuse a sample of a kind that cannot be mixed.

        Args:
            sample: any of the dataset; only which annotations it has matters.

        Raises:
            OptionError: names the annotation.
        """

    def unmixed(self, sample: Sample) -> Sample:
        """The sample where chance decides not to mix it."""
        return sample

    def _refuse_tags(self, sample: Sample, why: str) -> None:
        if sample.tags:
            raise OptionError(
                f"{type(self).__name__} {why}: the tag {next(iter(sample.tags))!r} would not be true of the mixture",
                fix="use mixup or cutmix, which mix tags, too",
            )


class TagMixingStep(MixingStep):
    """Base of what mixes two whole images, whose tags are then mixed, too.

    Each tag ``name`` gets two companions: ``name:other``, the other image's, and ``name:share``, the part of the own
    one from 0 to 1; a loss that is linear in its target is that mixture of both. All samples have them, with share 1
    where chance decides not to mix. What another step has mixed already is not mixed again, so that ``mixup`` with
    ``p: 0.5`` and then ``cutmix`` is an even choice of the two.
    """

    def __call__(self, sample: Sample, rng: np.random.Generator, context: Context) -> Sample:
        """Mix, or not; see `MixingStep`."""
        shares = [value for name, value in sample.tags.items() if name.endswith(SHARE)]
        return sample if any(share < 1 for share in shares) else super().__call__(sample, rng, context)

    def unmixed(self, sample: Sample) -> Sample:
        """With the tags of a mixture of the sample with itself."""
        return with_mixed_tags(sample, sample, 1.0)


def with_mixed_tags(sample: Sample, other: Sample, share: float) -> Sample:
    """The sample, its tags as of a mixture with another.

    Args:
        sample: what keeps ``share`` of it.
        other: the rest.
        share: from 0 to 1.
    """
    names = [name for name in sample.tags if not name.endswith((OTHER, SHARE))]
    mixed = {name + OTHER: other.tags[name] for name in names}
    shares = {name + SHARE: np.array(share, np.float32) for name in names}
    return replace(sample, tags={**sample.tags, **mixed, **shares})
