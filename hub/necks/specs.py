"""Specs of the first-party necks."""

from hub.spec import NeckSpec

fpn = NeckSpec(
    name="fpn",
    summary="Feature pyramid network (Lin et al. 2017), any levels from p2 to p7",
    target="hub.necks.fpn:FPN",
)
