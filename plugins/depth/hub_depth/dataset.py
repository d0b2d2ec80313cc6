"""A folder of images and a folder of depth or disparity maps."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from hub import Options
from hub.data import ListedDataset
from hub.errors import AnnotationError, DataError
from hub.images import find_images
from hub_depth.files import SUFFIXES, map_size, read_map

MAP = "depth"


def _fraction(value: Any) -> Any:
    """The number that a text such as ``1/256`` means; anything else as it is."""
    try:
        return float(Fraction(value)) if isinstance(value, str) else value
    except ZeroDivisionError:
        raise ValueError("it divides by zero") from None


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_fraction)]


class DepthFolderOptions(Options):
    """Options of `DepthFolder`.

    Attributes:
        root: the folder of the dataset.
        images: folder of the images in it, with subfolders.
        depth: folder of the maps in it; a map has the path of its image, another suffix apart.
        suffix: what follows an image's name without its own suffix, such as ``_depth.png``; by default whichever of
            .png, .npy, .npz, .pfm, .tif, .tiff there is.
        values: what the files hold: "depth", or the "disparity" of a rectified stereo pair in pixels, where
            depth = focal · baseline / (disparity + offset).
        scale: a step of the file in the unit wanted, a number or a fraction: 1/256 for KITTI's PNGs in meters, 1/1000
            for NYU's and RealSense's. Of disparity, in pixels.
        focal: focal length in pixels of the images. Disparity only.
        baseline: distance between the cameras, in the unit that depth shall have. Disparity only.
        offset: difference of the principal points' columns in pixels, Middlebury's ``doffs``. Disparity only.
        unknown: values of the file that mean "not measured"; NaN and infinity always do.
        near: anything nearer is unknown.
        far: anything farther is unknown, as in the usual protocols: 80 (m) on KITTI, 10 on NYU.
        split: file in ``root`` with the paths of the images to use, without suffix, one a line; by default all.
        check: so many maps are read when the dataset is opened, so that what is wrong with all of them is found before
            the first step; the others when they are loaded.
    """

    root: str
    images: str = "images"
    depth: str = "depth"
    suffix: str | None = None
    values: Literal["depth", "disparity"] = "depth"
    scale: Positive = 1.0
    focal: Positive | None = None
    baseline: Positive | None = None
    offset: float = 0.0
    unknown: tuple[float, ...] = (0.0,)
    near: Annotated[float, Field(ge=0)] = 0.0
    far: Annotated[float, Field(gt=0)] = float("inf")
    split: str | None = None
    check: Annotated[int, Field(ge=0)] = 100

    @model_validator(mode="after")
    def _whole(self) -> DepthFolderOptions:
        stereo = {"focal": self.focal, "baseline": self.baseline}
        missing = [name for name, value in stereo.items() if value is None]
        if self.values == "disparity" and missing:
            raise ValueError(f"disparity needs {' and '.join(missing)} to become depth")
        if self.values == "depth" and (len(missing) < 2 or self.offset):
            raise ValueError("focal, baseline and offset are for values: disparity")
        if self.near >= self.far:
            raise ValueError(f"near = {self.near:g} is not before far = {self.far:g}")
        return self


class DepthFolder(ListedDataset):
    """The map ``"depth"``: float32, NaN where it is unknown. An image's id is its path below the folder of images.

    Raises:
        DataError: a folder, a list or an image is missing.
        ImageError: an image cannot be read.
        AnnotationError: a map is missing, unreadable, of another size than its image, or has negative values.
    """

    Options: ClassVar[type[DepthFolderOptions]] = DepthFolderOptions

    def __init__(self, options: DepthFolderOptions) -> None:
        self.options = options
        root = Path(options.root).expanduser()
        folder, self.maps = root / options.images, root / options.depth
        for needed in (folder, self.maps):
            if not needed.is_dir():
                raise DataError(f"{needed} is not a folder", fix="check root, images and depth in the dataset section")
        files = _files(folder, None if options.split is None else root / options.split)
        super().__init__(name=str(self.maps), folder=folder, files=files, label_spaces={})
        self.provides = frozenset({MAP})  # a map without labels
        self._files = [self._find(file) for file in files]
        for index, path in enumerate(self._files):
            self._check_size(index, map_size(self.maps / path))
            if index < options.check:
                self._read(index)

    def annotations(self, index: int, needs: frozenset[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The depth of an image's pixels."""
        return {MAP: self._read(index)} if MAP in needs else {}, {}

    def _find(self, file: str) -> str:
        """The map of an image, relative to the folder of maps."""
        stem = str(Path(file).with_suffix(""))
        endings = SUFFIXES if self.options.suffix is None else (self.options.suffix,)
        found = [stem + ending for ending in endings if (self.maps / (stem + ending)).is_file()]
        if not found:
            raise AnnotationError(
                f"{self.folder / file} has no depth map {self.maps / stem}{endings[0] if len(endings) == 1 else '.*'}",
                fix=f"add it ({', '.join(endings)}), set suffix, or leave the image out of a split",
            )
        if len(found) > 1:
            raise AnnotationError(
                f"{self.folder / file} has several depth maps: {', '.join(found)}", fix="set suffix to choose"
            )
        return found[0]

    def _check_size(self, index: int, size: tuple[int, int] | None) -> None:
        height, width = self.sizes[index].tolist()
        if size is not None and size != (height, width):
            raise AnnotationError(
                f"{self.maps / self._files[index]} has {size[0]}×{size[1]} pixels (height × width), but its image "
                f"{self.ids[index]} {height}×{width}",
                fix="resize the map to its image's size, taking the nearest pixel",
            )

    def _read(self, index: int) -> np.ndarray:
        """(H, W) float32, NaN where unknown."""
        options, path = self.options, self.maps / self._files[index]
        raw = read_map(path)
        self._check_size(index, (raw.shape[0], raw.shape[1]))
        known = np.isfinite(raw) & ~np.isin(raw, options.unknown)
        measured = np.where(known, raw, 1).astype(np.float64) * options.scale + options.offset
        if (known & (measured < 0)).any():
            raise AnnotationError(
                f"{path} has negative values, the first {raw[known & (measured < 0)][0]:g}",
                fix="add the value to unknown if it means that nothing was measured; otherwise correct the map",
            )
        known &= measured > 0  # disparity 0: infinitely far
        if options.focal is not None and options.baseline is not None:
            measured = options.focal * options.baseline / np.where(known, measured, 1)
        known &= (measured >= options.near) & (measured <= options.far)
        return np.where(known, measured, np.nan).astype(np.float32)


def _files(folder: Path, split: Path | None) -> list[str]:
    """The images' paths below their folder."""
    files: dict[str, str] = {}
    for path in find_images(folder):
        name = path.relative_to(folder)
        other = files.setdefault(name.with_suffix("").as_posix(), name.as_posix())
        if other != name.as_posix():
            raise DataError(f"{folder} has both {other} and {name}, which share a depth map", fix="rename one")
    if split is None:
        return list(files.values())
    try:
        wanted = [line.strip() for line in split.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the list of the split, {split}, cannot be read: {error}", fix="check split") from None
    if missing := [name for name in wanted if name not in files]:
        raise DataError(f"{split} names {missing[0]!r}, but {folder} has no such image", fix="correct the list")
    return [files[name] for name in wanted]
