"""From the fixed-size answers of a head to what users get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from hub import Batch, Detections, LabelSpace
from hub_detection.boxes import clip_boxes
from hub_detection.two_stage.mask_paste import paste_masks


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
            image_id=batch.image_id(i),
            size=(int(originals[i, 0]), int(originals[i, 1])),
            boxes=boxes[i, found],
            scores=scores[i, found].float(),
            labels=classes[i, found],
            label_space=labels,
        )
        for i, found in enumerate(valid)
    ]


def with_masks(found: Sequence[Detections], predictions: Mapping[str, Tensor], *, threshold: float) -> list[Detections]:
    """The same objects with their masks, at the size of the files.

    Args:
        found: from `detections`.
        predictions: with ``masks`` (B, D, h, w) on the grids of their boxes, and ``valid``.
        threshold: see `paste_masks`.
    """
    masks, valid = predictions["masks"].cpu(), predictions["valid"].cpu()
    return [
        replace(one, masks=paste_masks(own[is_valid], one.boxes, one.size, threshold=threshold))
        for one, own, is_valid in zip(found, masks, valid, strict=True)
    ]


def with_keypoints(found: Sequence[Detections], predictions: Mapping[str, Tensor], batch: Batch) -> list[Detections]:
    """The same objects with their keypoints, in pixels of the files.

    Args:
        found: from `detections`.
        predictions: with ``keypoints`` (B, D, K, 3), and ``valid``.
        batch: that they belong to.
    """
    scale = (batch.original_sizes.cpu() / batch.sizes.cpu()).flip(-1)
    factors = torch.cat([scale, torch.ones(len(scale), 1)], dim=1)
    keypoints = predictions["keypoints"].cpu().float() * factors[:, None, None]
    return [
        replace(one, keypoints=own[is_valid])
        for one, own, is_valid in zip(found, keypoints, predictions["valid"].cpu(), strict=True)
    ]
