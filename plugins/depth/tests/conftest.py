"""A photograph with measured depth, and folders of made-up maps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hub_depth.dataset import DepthFolder


@pytest.fixture(scope="session")
def motorcycle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photograph that scikit-image ships, as `hub depth motorcycle` writes it."""
    pytest.importorskip("skimage", reason="scikit-image, which ships the photograph, is not installed")
    from hub_depth.motorcycle import write_motorcycle

    root = tmp_path_factory.mktemp("data") / "motorcycle"
    try:
        write_motorcycle(root)
    except (OSError, ModuleNotFoundError) as error:  # other versions fetch it with pooch
        pytest.skip(f"this scikit-image does not ship the photograph: {error}")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Call with ``path=(H, W) array`` pairs for a folder of those maps and an image of the same size for each."""

    def make(maps: dict[str, np.ndarray], *, image: tuple[int, int] | None = None) -> Path:
        for name, values in maps.items():
            path = tmp_path / "depth" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".npy":
                np.save(path, values)
            elif path.suffix == ".npz":
                np.savez(path, values)
            else:
                Image.fromarray(values).save(path)
            photograph = (tmp_path / "images" / name).with_suffix(".png")
            photograph.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((*(image or values.shape[:2]), 3), 90, np.uint8)).save(photograph)
        return tmp_path

    return make


@pytest.fixture
def depth_of() -> Callable[..., np.ndarray]:
    """Call with a root and options for the depth of the first image."""

    def read(root: Path, **options: Any) -> np.ndarray:
        dataset = DepthFolder(DepthFolder.Options(root=str(root), **options))
        return dataset.load(0, frozenset({"depth"})).maps["depth"]

    return read
