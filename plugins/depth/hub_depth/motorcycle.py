"""A photograph with measured depth to try things on: the motorcycle of Middlebury 2014, a quarter of its size.

Scharstein et al., High-Resolution Stereo Datasets with Subpixel-Accurate Ground Truth, GCPR 2014; scikit-image ships it
with its calibration (`skimage.data.stereo_motorcycle`).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from hub.files import write_text
from hub.visual import write_image

FOCAL, BASELINE, OFFSET = 994.978, 0.193001, 31.086  # pixels, meters, pixels
CUT = 480  # the columns before it are to train on, those after it are held out


def write_motorcycle(root: str | os.PathLike[str]) -> dict[str, int]:
    """Write the photograph as a dataset for the format ``depth-folder``.

    Its left part is to train on (``train.txt``), its right part held out (``val.txt``). The depth is in millimeters,
    16-bit PNGs, 0 where it was not measured: ``scale: 1/1000`` gives meters.

    Args:
        root: folder to make.

    Returns:
        The split → its images' width in pixels.

    Raises:
        SaveError: the folder cannot be written.
    """
    from skimage.data import stereo_motorcycle

    root = Path(root)
    image, _, disparity = stereo_motorcycle()
    known = np.isfinite(disparity)
    meters = FOCAL * BASELINE / (np.where(known, disparity, 1) + OFFSET)
    millimeters = np.where(known, np.rint(meters * 1000), 0).astype(np.uint16)
    parts = {"train": slice(None, CUT), "val": slice(CUT, None)}
    for split, columns in parts.items():
        write_image(root / "images" / f"{split}.png", np.ascontiguousarray(image[:, columns]))
        write_image(root / "depth" / f"{split}.png", np.ascontiguousarray(millimeters[:, columns]))
        write_text(root / f"{split}.txt", f"{split}\n")
    return {split: image[:, columns].shape[1] for split, columns in parts.items()}
