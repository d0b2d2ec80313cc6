"""What a head predicts for one image, in pixels of the image file."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hub.labels import LabelSpace


@dataclass(kw_only=True)
class Result:
    """Base of all results.

    Attributes:
        image_id: the image's id in its dataset, or its path.
        size: (height, width) in pixels of the image file, upright.
    """

    image_id: int | str
    size: tuple[int, int]

    def to_records(self) -> list[dict[str, object]]:
        """Return the result as plain values, one record for each thing found, ready for JSON."""
        return []

    def files(self) -> dict[str, bytes]:
        """Return files to write beside the drawing, for results that do not fit into records: suffix → content.

        A suffix such as ``.npy`` is added to the image's name; ``.png`` is reserved for the drawing.
        """
        return {}


@dataclass(kw_only=True)
class Detections(Result):
    """Objects detected in one image, best first, on the CPU.

    Attributes:
        boxes: (D, 4) float32, x1 y1 x2 y2 in pixels of the image file.
        scores: (D,) float32 from 0 to 1.
        labels: (D,) int64 indices into ``label_space``.
        label_space: the names.
        masks: (D, H, W) bool at the file's size, or None.
        keypoints: (D, K, 3) float32, x y in pixels of the file and a score, or None.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    label_space: LabelSpace
    masks: Tensor | None = None
    keypoints: Tensor | None = None

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def names(self) -> list[str]:
        """The class name of each object."""
        return [self.label_space.names[i] for i in self.labels.tolist()]

    def above(self, score: float) -> Detections:
        """Return the objects with at least this score."""
        keep = self.scores >= score
        return replace(
            self,
            boxes=self.boxes[keep],
            scores=self.scores[keep],
            labels=self.labels[keep],
            masks=None if self.masks is None else self.masks[keep],
            keypoints=None if self.keypoints is None else self.keypoints[keep],
        )

    def to_records(self) -> list[dict[str, object]]:
        """Return one record of COCO's results format per object, with the name of its class as ``label``.

        ``category_id`` is the dataset's own id. ``bbox`` is x y width height. An object with a mask or keypoints has
        ``segmentation`` or ``keypoints``, and its box is called ``box``: where a record has a ``bbox``, COCO's tools
        take its area for that of the mask and compute other metrics by size.

        >>> found = Detections(image_id=7, size=(4, 4), boxes=torch.tensor([[0.0, 1, 2, 4]]),
        ...     scores=torch.tensor([0.5]), labels=torch.tensor([1]), label_space=LabelSpace(("cat", "dog"), (17, 18)))
        >>> found.to_records()
        [{'image_id': 7, 'category_id': 18, 'label': 'dog', 'score': 0.5, 'bbox': [0.0, 1.0, 2.0, 3.0]}]
        """
        corner, far = self.boxes.double()[:, :2], self.boxes.double()[:, 2:]
        rows = torch.cat([corner, far - corner], dim=1).tolist()
        box = "bbox" if self.masks is None and self.keypoints is None else "box"
        records: list[dict[str, object]] = [
            {
                "image_id": self.image_id,
                "category_id": self.label_space.ids[label],
                "label": self.label_space.names[label],
                "score": round(score, 6),
                box: [round(v, 3) for v in row],
            }
            for label, row, score in zip(self.labels.tolist(), rows, self.scores.tolist(), strict=True)
        ]
        if self.keypoints is not None:
            for record, points in zip(records, self.keypoints, strict=True):
                record["keypoints"] = points.flatten().tolist()
        if self.masks is not None:
            import numpy as np
            from pycocotools import mask as coco_mask

            for record, mask in zip(records, self.masks.numpy(), strict=True):
                rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
                record["segmentation"] = {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}
        return records


@dataclass(kw_only=True)
class SemanticMap(Result):
    """A class for every pixel of one image, on the CPU.

    Attributes:
        classes: (H, W) integer indices into ``label_space``, at the file's size.
        label_space: the names.
    """

    classes: Tensor
    label_space: LabelSpace

    def to_records(self) -> list[dict[str, object]]:
        """Return a record for each class in the image: its name, area in pixels, and mask as COCO's compressed RLE.

        >>> found = SemanticMap(image_id=7, size=(1, 3), classes=torch.tensor([[1, 1, 0]], dtype=torch.uint8),
        ...     label_space=LabelSpace(("sky", "road"), (10, 21)))
        >>> [(record["label"], record["category_id"], record["area"]) for record in found.to_records()]
        [('sky', 10, 1), ('road', 21, 2)]
        """
        import numpy as np
        from pycocotools import mask as coco_mask

        records = []
        classes = self.classes.numpy()
        for k in np.unique(classes).tolist():
            rle = coco_mask.encode(np.asfortranarray(classes == k, dtype=np.uint8))
            records.append(
                {
                    "image_id": self.image_id,
                    "category_id": self.label_space.ids[k],
                    "label": self.label_space.names[k],
                    "area": int(coco_mask.area(rle)),
                    "segmentation": {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")},
                }
            )
        return records


@dataclass(kw_only=True)
class Classification(Result):
    """The scores of the classes for one whole image, on the CPU.

    Attributes:
        scores: (C,) float32 from 0 to 1, one for each class.
        label_space: the names.
    """

    scores: Tensor
    label_space: LabelSpace

    def to_records(self) -> list[dict[str, object]]:
        """Return a record for each class, the best first.

        >>> found = Classification(image_id=7, size=(4, 4), scores=torch.tensor([0.25, 0.75]),
        ...     label_space=LabelSpace(("cat", "dog"), (17, 18)))
        >>> found.to_records()[0]
        {'image_id': 7, 'category_id': 18, 'label': 'dog', 'score': 0.75}
        """
        return [
            {
                "image_id": self.image_id,
                "category_id": self.label_space.ids[k],
                "label": self.label_space.names[k],
                "score": round(float(self.scores[k]), 6),
            }
            for k in self.scores.argsort(descending=True, stable=True).tolist()
        ]
