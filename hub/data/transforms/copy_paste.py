"""Copy-paste: objects of one image in another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hub.contract.option_types import Fraction, Probability
from hub.contract.sample import Sample
from hub.data.functional.compose import fit, overlay
from hub.data.functional.geometry import clip
from hub.data.transforms.mixing import MixingStep
from hub.data.transforms.step import Draw
from hub.errors import OptionError


class CopyPaste(MixingStep):
    """With probability ``p`` paste objects of another image, each with probability ``share``, where they are in it.

    What they hide is cut from the masks and boxes behind, and from the maps; objects of which less than
    ``min_visibility`` remains visible are removed. Crowds are not pasted. An image of another size is cut or padded at
    the right and the bottom: let ``scale_jitter`` and ``horizontal_flip`` come before, as in the paper.

    Reference: Ghiasi et al., Simple Copy-Paste, 2021 (https://arxiv.org/abs/2012.07177), section 3.
    """

    share: Probability = 0.5
    min_visibility: Fraction = 0.1

    def check(self, sample: Sample) -> None:
        """Refuse tags, and objects without masks.

        Raises:
            OptionError: says which.
        """
        self._refuse_tags(sample, "adds objects")
        if sample.instances is None or sample.instances.masks is None:
            raise OptionError(
                "CopyPaste needs the masks of objects, but none are loaded",
                fix="use it with a head that learns from masks, on data that have them",
            )

    def mix(self, sample: Sample, rng: np.random.Generator, partner: Draw) -> Sample:
        """Paste."""
        height, width = sample.image.shape[:2]
        other = fit(partner(rng), (height, width))
        self.check(other)
        assert other.instances is not None
        assert other.instances.masks is not None
        objects = clip(other.instances, (height, width))
        assert objects.masks is not None
        able = ~objects.crowd & (objects.masks.areas > 0)
        pasted = objects.select(able & (rng.random(len(objects)) < self.share))
        assert pasted.masks is not None
        region = pasted.masks.union()
        return overlay(sample, replace(other, instances=pasted), region, min_visibility=self.min_visibility)
