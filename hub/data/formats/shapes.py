"""A small generated dataset: five kinds of overlapping textured shapes, in COCO's format.

It needs no download and has boxes, exact masks, keypoints and a semantic map, so that every head can be trained on it
in minutes.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import cv2
import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from pydantic import Field

from hub.contract.sample import Sample
from hub.contract.targets import IGNORE
from hub.data.formats.coco import Coco, CocoOptions
from hub.data.formats.instances import InstanceOptions
from hub.data.formats.shapes_draw import KEYPOINTS, KINDS, Shape, draw_scene
from hub.errors import DataError, ImageError, SaveError
from hub.labels import LabelSpace

CATEGORY_IDS = (3, 7, 12, 21, 40)  # with gaps, as in COCO
SEMANTIC = LabelSpace(("background", *KINDS), ids=tuple(range(len(KINDS) + 1)))
SPLITS = ("train", "val")
PARAMETERS = ("train", "val", "size", "objects", "seed")  # of `generate_shapes`, the options and the command line
_PALETTE = (0, 0, 0, 230, 25, 75, 60, 180, 75, 255, 225, 25, 0, 130, 200, 245, 130, 48)
_VERSION = 2  # increase it when the images of a seed change

Progress = Callable[[int, int], None]


def generate_shapes(
    out: str | os.PathLike[str],
    *,
    train: int = 1600,
    val: int = 200,
    size: int = 128,
    objects: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write the dataset; the same arguments give the same bytes. Do nothing if it already exists.

    ``out`` is created completely or not at all, with this content:

    - ``train/*.jpg`` and ``val/*.jpg``;
    - ``annotations/instances_{train,val}.json``: for each object the mask of its visible part as compressed RLE, the
      tight box and the area of that part, and five keypoints at pixel centers;
    - ``semantic/{train,val}/*.png``: paletted; 0 is background, k the k-th kind of shape, no pixel is 255;
    - ``shapes.json``: the arguments.

    Args:
        out: folder to create; an existing folder must be empty.
        train: number of training images.
        val: number of validation images.
        size: height and width of the images in pixels.
        objects: maximum number of shapes per image; the minimum is 1.
        seed: seed of the random generator, not negative.
        progress: called with (images done, total images) after each image.

    Raises:
        DataError: ``out`` has other content, or shapes of other arguments.
        SaveError: it cannot be written.
    """
    out = Path(out).expanduser().absolute()
    parameters = {"version": _VERSION, "train": train, "val": val, "size": size, "objects": objects, "seed": seed}
    if _exists(out, parameters):
        return
    partial = out.with_name(f".{out.name}-{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir(parents=True)
        done = 0
        for number, (split, count) in enumerate(zip(SPLITS, (train, val), strict=True)):
            writer = _SplitWriter(partial, split)
            for index in range(count):
                writer.add(index, *draw_scene(np.random.default_rng([seed, number, index]), size, objects))
                done += 1
                if progress is not None:
                    progress(done, train + val)
            writer.close()
        (partial / "shapes.json").write_text(json.dumps(parameters))
        try:
            partial.rename(out)
        except OSError:
            if not _exists(out, parameters):  # otherwise another process has written the same data
                raise
    except OSError as error:
        raise SaveError(f"cannot write shapes to {out}: {error}", fix="choose another data.root") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class ShapesOptions(InstanceOptions):
    """Options of `Shapes`.

    Attributes:
        root: folder of the dataset; it is generated if it does not exist.
        split: train or val.
        train: number of training images.
        val: number of validation images.
        size: height and width of the images in pixels.
        objects: maximum number of shapes per image; 1 suits classification.
        seed: seed of the random generator.
    """

    root: str = "data/shapes"
    split: Literal["train", "val"] = "train"
    train: Annotated[int, Field(ge=1)] = 1600
    val: Annotated[int, Field(ge=1)] = 200
    size: Annotated[int, Field(ge=32)] = 128
    objects: Annotated[int, Field(ge=1)] = 5
    seed: Annotated[int, Field(ge=0)] = 0


class Shapes(Coco):
    """The generated shapes; they are generated on first use. Also provides the map ``"semantic"`` and two tags.

    The tag ``"class"`` is the kind of the shape with the largest visible area, 255 without shapes; ``"labels"`` has 1
    for each kind in the image.

    The keypoints are the outermost points of a shape to the left, right, top and bottom, so that ``left_end`` and
    ``right_end`` are swapped in a horizontal flip; do not use vertical flips with them.
    """

    # Own options, because images and annotations follow from the split.
    Options: ClassVar[type[ShapesOptions]] = ShapesOptions  # type: ignore[assignment]

    def __init__(self, options: ShapesOptions) -> None:
        root, split = Path(options.root).expanduser(), options.split
        generate_shapes(root, **options.model_dump(include=set(PARAMETERS)))
        super().__init__(
            CocoOptions(
                root=str(root),
                images=split,
                annotations=f"annotations/instances_{split}.json",
                max_bad_boxes=options.max_bad_boxes,
                skip_empty=options.skip_empty,
            )
        )
        self._semantic = root / "semantic" / split
        kinds = self.label_spaces["instances"]
        maps = {"semantic": SEMANTIC, "panoptic": SEMANTIC}  # the kinds are things, the background is stuff
        self.label_spaces = {**self.label_spaces, **maps, "class": kinds, "labels": kinds}
        self.provides = self.provides | {"semantic", "class", "labels"}

    def load(self, index: int, needs: frozenset[str], *, in_chans: int = 3) -> Sample:
        """Decode an image with the needed annotations; see `hub.data.Dataset.load`."""
        sample = super().load(index, needs - {"semantic", "class", "labels"}, in_chans=in_chans)
        if "semantic" in needs:
            sample.maps = {**sample.maps, "semantic": _read_map(self._semantic / f"{sample.path.stem}.png")}
        sample.tags = self.tags(index, needs)
        return sample

    def tags(self, index: int, needs: frozenset[str]) -> dict[str, np.ndarray]:
        """Return the needed tags: the kind of the largest shape, and the kinds in the image."""
        assert self.instances is not None
        own = self.instances.of_image(index)
        labels, area = self.instances.labels[own], self.instances.area[own]
        tags: dict[str, np.ndarray] = {
            "class": np.array(labels[area.argmax()] if len(area) else IGNORE, np.int64),
            "labels": np.isin(np.arange(len(KINDS)), labels).astype(np.float32),
        }
        return {name: value for name, value in tags.items() if name in needs}


class _SplitWriter:
    """Writes the images of one split and collects their annotations for COCO's JSON."""

    def __init__(self, root: Path, split: str) -> None:
        self.images = root / split
        self.maps = root / "semantic" / split
        self.json = root / "annotations" / f"instances_{split}.json"
        for folder in (self.images, self.maps, self.json.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self.content: dict[str, list[dict[str, Any]]] = {
            "images": [],
            "annotations": [],
            "categories": [
                {"id": id, "name": name, "keypoints": list(KEYPOINTS), "skeleton": []}
                for id, name in zip(CATEGORY_IDS, KINDS, strict=True)
            ],
        }

    def add(self, index: int, image: np.ndarray, shapes: list[Shape]) -> None:
        name = f"{index:06d}"
        coded = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
        (self.images / f"{name}.jpg").write_bytes(coded.tobytes())
        classes = np.zeros(image.shape[:2], np.uint8)
        for shape in shapes:
            classes[shape.mask > 0] = shape.kind + 1
        paletted = Image.fromarray(classes)
        paletted.putpalette(_PALETTE)
        paletted.save(self.maps / f"{name}.png")
        image_id, (height, width) = index + 1, image.shape[:2]
        self.content["images"].append({"id": image_id, "file_name": f"{name}.jpg", "height": height, "width": width})
        annotations = self.content["annotations"]
        for shape in shapes:
            annotations.append(_annotation(shape, len(annotations) + 1, image_id))

    def close(self) -> None:
        self.json.write_text(json.dumps(self.content))


def _annotation(shape: Shape, id: int, image_id: int) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(shape.mask))
    columns, rows = np.flatnonzero(shape.mask.any(0)), np.flatnonzero(shape.mask.any(1))
    x, y = int(columns[0]), int(rows[0])
    points = [[px + 0.5, py + 0.5, v] if v else [0, 0, 0] for px, py, v in shape.keypoints.tolist()]
    return {
        "id": id,
        "image_id": image_id,
        "category_id": CATEGORY_IDS[shape.kind],
        "bbox": [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y],
        "area": int(shape.mask.sum()),
        "iscrowd": 0,
        "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
        "keypoints": [value for point in points for value in point],
        "num_keypoints": sum(point[2] > 0 for point in points),
    }


def _exists(out: Path, parameters: dict[str, int]) -> bool:
    """Return whether the folder has exactly these shapes; False if it does not exist or is empty."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    fix = "choose another data.root, or remove it"
    try:
        found = json.loads((out / "shapes.json").read_text())
    except (OSError, ValueError):
        raise DataError(f"{out} exists, but does not contain generated shapes", fix=fix) from None
    if found != parameters:
        raise DataError(f"{out} has shapes of other parameters: {found} instead of {parameters}", fix=fix)
    return True


def _read_map(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as file:
            return np.array(file)  # the palette's indices
    except OSError as error:
        fix = "remove the folder of the shapes: it will be generated again"
        raise ImageError(f"map {path} cannot be read: {error}", fix=fix) from None
