"""How one study becomes an image of the hub: the same in training and prediction, and kept by checkpoints."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from hub import Options, PixelFormat
from hub.errors import ImageError
from hub_medical.io.pictures import Intensity, intensity_rule, picture_size, read_channels
from hub_medical.io.stacks import read_study, spread, study_image
from hub_medical.volumes.intensity import PIXELS, IntensityRule, to_gray
from hub_medical.volumes.slicing import Plane

Side = Annotated[int, Field(gt=0)]


class CaseRule(Options):
    """How a study is read; the same in training and prediction.

    Attributes:
        kind: "image" for one image per study, "slices" for a stack of them as channels.
        intensity: see `hub_medical.studies.study_data.StudyOptions`.
        plane, side: see `hub_medical.studies.study_data.StudySlicesOptions`.
    """

    kind: Literal["image", "slices"]
    intensity: Intensity = "as-shown"
    plane: Plane | None = None
    side: Side = 224

    @cached_property
    def rule(self) -> IntensityRule | None:
        """The rule of intensities, or None to show images as they are."""
        return intensity_rule(self.intensity)

    @property
    def pixels(self) -> PixelFormat:
        """Dtype and value range of the images."""
        return PixelFormat() if self.rule is None else PIXELS

    def size(self, path: Path) -> tuple[int, int]:
        """Height and width of the image, without decoding it.

        Raises:
            ImageError: the file is missing, or no image.
        """
        if self.kind == "image":
            return picture_size(path)
        if not path.exists():
            raise ImageError(f"{path} does not exist", fix="check the data root and the table of studies")
        return self.side, self.side

    def read(self, path: Path, *, in_chans: int) -> tuple[np.ndarray, list[int]]:
        """Read a study.

        Returns:
            (H, W, in_chans) in the format `pixels`, and the slice of the study that each slice of the image is; [0] for
            an image.

        Raises:
            OptionError: ``in_chans`` does not fit the channels that there are.
            ImageError: a file that cannot be read.
        """
        if self.kind == "image":
            return read_channels(path, self.rule, in_chans=in_chans), [0]
        planes, ratio = read_study(path, self.rule, plane=self.plane)
        image = study_image(planes, ratio, side=self.side, in_chans=in_chans, name=str(path))
        return image, spread(planes.shape[1], in_chans // planes.shape[0])

    def picture(self, path: Path, slices: int = 1, position: int = 0) -> tuple[np.ndarray, list[int]]:
        """A picture to look at.

        Args:
            path: of the study.
            slices: that a model saw of it.
            position: of the one to show among these.

        Returns:
            (H, W, 3) uint8 RGB, or (H, W) gray of the first channel; and the slices of the study, as `read`.

        Raises:
            ImageError: a file that cannot be read.
        """
        channels = 1 if self.rule is None else self.rule.channels
        if self.kind == "slices":
            image, chosen = self.read(path, in_chans=slices * channels)
            return to_gray(image[:, :, position * channels]), chosen
        image, chosen = self.read(path, in_chans=3 if self.rule is None else channels)
        return (image if self.rule is None else to_gray(image[:, :, 0])), chosen
