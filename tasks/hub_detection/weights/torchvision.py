"""Convert weights of any of torchvision's ResNet-FPN detectors for models of the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from hub_detection.weights.conversion import Converted
from hub_detection.weights.torchvision_one_stage import convert_one_stage
from hub_detection.weights.torchvision_rcnn import convert_rcnn


def convert(
    state_dict: Mapping[str, Tensor], *, bn_eps: float = 1e-5, classes: Iterable[int] | None = None
) -> Converted:
    """Convert Faster, Mask or Keypoint R-CNN, RetinaNet or FCOS, v1 or v2, recognized by its keys.

    A model of the returned pieces with the returned tensors computes the same as torchvision from the same pixels.

    Args:
        state_dict: of a model of `torchvision.models.detection`, with or without its ``num_batches_tracked``.
        bn_eps: of the source's frozen norms: 0 for the published ``COCO_V1`` weights of Faster, Mask and Keypoint R-CNN
            and RetinaNet, 1e-5 for all others; the difference is moved into the variances.
        classes: the source's class indices to keep, in this order, by default all from 1. Published weights have a
            class for each of COCO's ids up to 90, of which 80 exist: pass ``labels.ids``.

    Raises:
        CheckpointMismatchError: a key that these models do not have, a required one is missing, or a class that the
            weights do not have.
    """
    two_stage = any(key.startswith("roi_heads.") for key in state_dict)
    return (convert_rcnn if two_stage else convert_one_stage)(state_dict, bn_eps=bn_eps, classes=classes)
