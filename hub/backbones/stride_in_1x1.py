"""The bottleneck of the original ResNet, which downsamples in its first 1 × 1 convolution."""

from __future__ import annotations

from torch import nn

from hub.errors import OptionError


def move_stride_to_1x1(net: nn.Module, name: str) -> None:
    """Move the stride of every bottleneck from its 3 × 3 convolution to its first 1 × 1 convolution, in place.

    He et al. 2015 and the weights that Caffe, and detectron2's ``R-50.pkl``, come from downsample there
    (``STRIDE_IN_1X1``); timm and torchvision downsample in the 3 × 3 convolution. Parameters keep their names and
    shapes.

    Args:
        net: a timm network.
        name: of the backbone, for the message.

    Raises:
        OptionError: the network has no bottleneck with a stride to move.

    >>> import timm
    >>> net = timm.create_model("resnet50", features_only=True)
    >>> move_stride_to_1x1(net, "resnet50")
    >>> net.layer2[0].conv1.stride, net.layer2[0].conv2.stride
    ((2, 2), (1, 1))
    """
    from timm.models.resnet import Bottleneck

    moved = 0
    for block in net.modules():
        if not isinstance(block, Bottleneck):
            continue
        first, second = block.conv1, block.conv2
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.Conv2d) and second.stride != (1, 1):
            first.stride, second.stride = second.stride, (1, 1)
            moved += 1
    if not moved:
        raise OptionError(
            f"{name} does not accept the backbone option 'stride_in_1x1': it has no bottleneck that downsamples",
            fix="use a ResNet with bottlenecks, such as resnet50 or resnet101",
        )
