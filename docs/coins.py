"""Make ``docs/coins.jpg``, the picture of the README: train on the left half of a photograph, predict the right half.

The photograph is `skimage.data.coins`: Greek coins from Pompeii, Brooklyn Museum Collection, no known copyright
restrictions. It comes with scikit-image (BSD-3-Clause)::

    pip install scikit-image
    python docs/coins.py

The 11 whole coins of the left half are cut out and composed into 400 training scenes. The model, a Mask R-CNN on a
ResNet-18-FPN from random weights, never sees the right half. It finds all 12 whole coins there (and not the slice of a
13th at the lower left edge). Training takes minutes on 2 CPU cores.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as coco_mask
from skimage import data, filters, measure, segmentation

import hub
from hub.visual import side_by_side, write_image

ROOT = Path(__file__).resolve().parents[1]
SIDE, SCALE = 192, 3  # of the scenes in pixels, and of the picture
Cutout = tuple[np.ndarray, np.ndarray]


def cut_out(photo: np.ndarray) -> list[Cutout]:
    """Return the pixels and the mask of each coin, by a watershed on the gradient."""
    markers = np.zeros(photo.shape, np.int32)
    markers[photo < 30], markers[photo > 150] = 1, 2
    coins = measure.label(segmentation.watershed(filters.sobel(photo), markers) == 2)
    found = []
    for region in measure.regionprops(coins):
        top, left, bottom, right = region.bbox
        if region.area > 600 and right < photo.shape[1] - 1:
            mask = cv2.morphologyEx(region.image_filled.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
            found.append((photo[top:bottom, left:right], mask))
    return found


def compose(rng: np.random.Generator, coins: list[Cutout]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return a scene of 2 to 12 coins that hardly overlap, and their masks."""
    slope = np.add.outer(np.linspace(0, 1, SIDE) * rng.uniform(-40, 40), np.linspace(0, 1, SIDE) * rng.uniform(-40, 40))
    scene = np.clip(rng.uniform(25, 75) + slope + rng.normal(0, rng.uniform(2, 6), (SIDE, SIDE)), 5, 130)
    covered, masks = np.zeros((SIDE, SIDE), np.uint8), []
    for _ in range(int(rng.integers(6, 30))):
        pixels, mask = coins[int(rng.integers(len(coins)))]
        factor, angle = rng.uniform(0.7, 1.3), rng.uniform(0, 360)
        height, width = pixels.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, factor)
        turn[:, 2] += rng.uniform(5, SIDE - 5, 2) - (width / 2, height / 2)
        placed = cv2.warpAffine(mask, turn, (SIDE, SIDE))
        if len(masks) == 12 or placed.sum() < 300 or (placed & covered).sum() > 0.02 * placed.sum():
            continue
        shade = cv2.warpAffine(pixels.astype(np.float32), turn, (SIDE, SIDE)) * rng.uniform(0.75, 1.2)
        soft = cv2.GaussianBlur(placed.astype(np.float32), (3, 3), 0)
        scene = scene * (1 - soft) + shade * soft
        covered |= placed
        masks.append(placed)
    return scene.clip(0, 255).astype(np.uint8), masks


def write_split(root: Path, split: str, count: int, coins: list[Cutout], seed: int) -> None:
    """Write scenes in COCO's format."""
    rng, images, annotations = np.random.default_rng(seed), [], []
    for index in range(1, count + 1):
        scene, masks = compose(rng, coins)
        name = f"{index:04d}.png"
        write_image(root / split / name, scene)
        images.append({"id": index, "file_name": name, "height": SIDE, "width": SIDE})
        for mask in masks:
            rle = coco_mask.encode(np.asfortranarray(mask))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index,
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": coco_mask.toBbox(rle).tolist(),
                    "area": float(coco_mask.area(rle)),
                    "segmentation": {"size": list(rle["size"]), "counts": rle["counts"].decode()},
                }
            )
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "coin"}]}
    (root / f"{split}.json").write_text(json.dumps(content))


def main(folder: Path) -> None:
    """Make the data, train, predict, and write the picture."""
    photo = data.coins()
    middle = photo.shape[1] // 2
    coins = cut_out(photo[:, :middle])
    write_split(folder / "data", "train", 400, coins, seed=0)
    write_split(folder / "data", "val", 20, coins, seed=1)
    overrides = {
        "model.channels": 64,
        "model.resize": {"shortest": SIDE, "longest": 320},
        "data.root": str(folder / "data"),
        "data.train": {"format": "coco", "images": "train", "annotations": "train.json"},
        "data.val": {"format": "coco", "images": "val", "annotations": "val.json"},
        "data.transforms": [{"name": "horizontal_flip"}, {"name": "resize", "shortest": [SIDE], "longest": 320}],
        "data.workers": 1,
        "train.batch": 4,
        "train.steps": 500,
        "train.evaluate_every": 500,
    }
    run = hub.train(ROOT / "configs/shapes/mask-rcnn.yaml", out=folder / "run", **overrides)
    picture(hub.load(run.folder), photo[:, middle:])


def picture(model: hub.Model, photo: np.ndarray) -> None:
    """Write the photograph beside what the model finds in it."""
    size = (photo.shape[1] * SCALE, photo.shape[0] * SCALE)
    large = cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC)[:, :, None].repeat(3, axis=2)
    found = model.predict(large).result
    print(f"{len(found)} coins, scores {[round(score, 2) for score in found.scores.tolist()]}")
    drawn = model.heads["mask-rcnn"].draw(large, found, score=0.7)
    titles = ["a photograph", "found by a Mask R-CNN"]
    write_image(ROOT / "docs/coins.jpg", side_by_side([large, drawn], titles))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/coins"))
