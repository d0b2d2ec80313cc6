"""From the fixed-size answers of a head to what users get."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from hub import Batch, Detections, LabelSpace
from hub_detection.boxes import clip_boxes


def detections(predictions: Mapping[str, Tensor], batch: Batch, labels: LabelSpace) -> list[Detections]:
    """Only what was found, one `hub.Detections` an image.

    Args:
        predictions: ``boxes`` (B, D, 4) in pixels of the resized images, ``scores``, ``labels`` and ``valid``
            (B, D), on any device.
        batch: that they belong to.
        labels: the classes.

    Returns:
        The objects on the CPU, boxes clipped to the original image and in its pixels.
    """
    boxes, scores, classes, valid = (predictions[k].cpu() for k in ("boxes", "scores", "labels", "valid"))
    sizes, originals = batch.sizes.cpu(), batch.original_sizes.cpu()
    scale = (originals / sizes).flip(-1).repeat(1, 2)
    boxes = clip_boxes(boxes.float() * scale[:, None], originals)
    return [
        Detections(
            image_id=batch.ids[i] if i < len(batch.ids) else i,
            size=(int(originals[i, 0]), int(originals[i, 1])),
            boxes=boxes[i, found],
            scores=scores[i, found].float(),
            labels=classes[i, found],
            label_space=labels,
        )
        for i, found in enumerate(valid)
    ]
