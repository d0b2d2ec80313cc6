"""Monocular depth for backbone-hub: how far away every pixel is, from one image.

Nothing heavy is imported here: the hub reads `hub_depth.specs` to list what there is.
"""

__version__ = "0.1.0"
