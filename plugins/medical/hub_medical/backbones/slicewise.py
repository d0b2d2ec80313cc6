"""The backbone ``slicewise``: a 2D network of timm on every slice of a volume by itself."""

from __future__ import annotations

import os
from dataclasses import replace

from torch import Tensor, nn

from hub.backbones import Body, load_timm, probe
from hub.errors import OptionError

PROBE = (64, 128)  # small, as many slices are tried at once; not square, so that the layout of maps shows


class Slicewise(nn.Module):
    """Features of the slices that are the channels of an image; slices are independent of each other.

    Args:
        pretrained: as for `hub.create`: weights of the 2D network.
        in_chans: slices · channels of the image: slice after slice, the channels of each together.
        of: name of the 2D network, with timm's tag if one is wanted: ``resnet18``, ``resnet50.a1_in1k``.
        slices: of a study.

    Raises:
        OptionError: an option that is missing or does not fit.
        HubError: see `hub.backbones.timm_body.load_timm`.

    >>> import torch
    >>> study = Slicewise(of="resnet18", slices=4, in_chans=4)
    >>> [tuple(f.shape) for f in study(torch.zeros(1, 4, 64, 64))][:2]
    [(1, 64, 4, 32, 32), (1, 64, 4, 16, 16)]
    """

    def __init__(
        self,
        *,
        pretrained: bool | str | os.PathLike[str] = False,
        in_chans: int = 3,
        of: str | None = None,
        slices: int | None = None,
    ) -> None:
        super().__init__()
        if of is None or slices is None:
            missing = "of, the name of the 2D network" if of is None else "slices, their number in a study"
            raise OptionError(
                f"backbone slicewise lacks the option {missing}", fix="write backbone: {of: resnet18, slices: 16}"
            )
        if slices < 1 or in_chans % slices:
            raise OptionError(
                f"backbone slicewise: in_chans is {in_chans}, which is not a multiple of slices, {slices}: "
                "each slice has the same channels",
                fix=f"set in_chans to {max(slices, 1)}, or to 3 times that where a slice has three channels",
            )
        name, _, tag = of.partition(".")
        channels = in_chans // slices
        loaded = load_timm(name, tag or None, pretrained=pretrained, in_chans=channels)
        found = probe(loaded.net, in_chans=channels, sizes=(PROBE, *loaded.sizes), name=name)
        self.slices = slices
        self.net = Body(loaded.net, found)
        self.probe_sizes = (found.size,)
        of_slice = loaded.preprocessing
        self.preprocessing = replace(
            of_slice, mean=of_slice.mean * slices, std=of_slice.std * slices, in_chans=in_chans
        )
        self.provenance = loaded.provenance

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps of every slice, finest first.

        Args:
            x: (B, S · C, H, W) normalized.

        Returns:
            (B, channels, S, H / stride, W / stride).
        """
        maps = self.net(x.unflatten(1, (self.slices, -1)).flatten(0, 1))
        return [f.unflatten(0, (-1, self.slices)).transpose(1, 2) for f in maps]
