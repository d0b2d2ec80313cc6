"""What the plugin announces to the hub; importable without torch."""

from hub import CommandSpec, DatasetSpec, TaskSpec

depth = TaskSpec(
    name="depth",
    kind="depth",
    summary="Depth of every pixel from one image: pyramid levels fused from the coarsest to the finest",
    target="hub_depth.head:Depth",
)

depth_folder = DatasetSpec(
    name="depth-folder",
    summary="A folder of images and one of depth or disparity maps (16-bit PNG, TIFF, NumPy, PFM)",
    target="hub_depth.dataset:DepthFolder",
)

command = CommandSpec(
    name="depth",
    summary="depth data: a photograph with measured depth to try things on",
    target="hub_depth.commands:DepthCommand",
    requires={"skimage": "pip install 'backbone-hub-depth[demo]'"},
)
