"""Convert the fixed-size predictions of a head into `hub.Detections`."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from hub import Batch, Detections, LabelSpace
from hub_detection.boxes import clip_boxes


def detections(predictions: Mapping[str, Tensor], batch: Batch, labels: LabelSpace) -> list[Detections]:
    """Return the valid detections of each image.

    Args:
        predictions: ``boxes`` (B, D, 4) in pixels of the resized images, ``scores``, ``labels`` and ``valid``
            (B, D), on any device.
        batch: that they belong to.
        labels: the classes.

    Returns:
        One `hub.Detections` per image, on the CPU, boxes in pixels of the original image and clipped to it.
    """
    boxes, scores, classes, valid = (predictions[k].cpu() for k in ("boxes", "scores", "labels", "valid"))
    sizes, originals = batch.sizes.cpu(), batch.original_sizes.cpu()
    scale = (originals / sizes).flip(-1).repeat(1, 2)
    boxes = clip_boxes(boxes.float() * scale[:, None], originals)
    return [
        Detections(
            image_id=batch.image_id(i),
            size=(int(originals[i, 0]), int(originals[i, 1])),
            boxes=boxes[i, mask],
            scores=scores[i, mask].float(),
            labels=classes[i, mask],
            label_space=labels,
        )
        for i, mask in enumerate(valid)
    ]
