"""The preprocessing of a model, stored with its weights and shared by training, evaluation, prediction and export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

from hub.errors import PixelFormatError
from hub.images import ResizeRule
from hub.pixel_format import PixelFormat, ValueRange

if TYPE_CHECKING:
    import torch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """The conversion of pixels to the input of the trunk. Stored in every checkpoint.

    For each channel: ``normalized = ((pixel − low) / (high − low) − mean) / std``, where (low, high) is
    ``pixels.value_range``. uint8 images stay uint8 until they are on the device, so do int16 and float32 ones.

    Args:
        mean: per channel, in units of the value range, in the order of the image's channels (RGB). Weights whose mean
            is given for pixels of 0 to 255, such as detectron2's, have it divided by 255 here.
        std: per channel, in the same units and order.
        in_chans: channels of the image.
        pixels: dtype and value range of the images.
        bgr: the weights expect the channels in reverse; mean and std stay in RGB order.
        resize: the resize rule for images.

    >>> from hub.pixel_format import PixelFormat
    >>> import torch
    >>> ct = Preprocessing((0.5,), (0.25,), in_chans=1, pixels=PixelFormat("int16", (-1024.0, 3072.0)))
    >>> hounsfield = torch.tensor([[[[-1024, 1024, 3072]]]], dtype=torch.int16)
    >>> ct.normalize(hounsfield, torch.tensor([[1, 3]])).flatten().tolist()
    [-2.0, 0.0, 2.0]
    """

    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    in_chans: int = 3
    pixels: PixelFormat = field(default_factory=PixelFormat)
    bgr: bool = False
    resize: ResizeRule = field(default_factory=ResizeRule)

    def normalize(self, images: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
        """Normalize on the device; padding becomes 0, as if images were padded after normalization.

        Args:
            images: (B, C, H, W) of dtype ``pixels.dtype``, padded at the right and the bottom.
            sizes: (B, 2) valid height and width in pixels.

        Returns:
            (B, C, H, W) float32, channels_last.
        """
        import torch

        low = self.pixels.value_range[0]
        # Copied without waiting for the device, as `torch.tensor(…, device=…)` would.
        mean, std = (
            torch.tensor(v).to(images.device, non_blocking=True).view(1, -1, 1, 1) for v in (self.mean, self.std)
        )
        x = images.to(torch.float32, memory_format=torch.channels_last)
        x = (x - (mean * self.pixels.span + low)) * (1 / (std * self.pixels.span))
        rows = torch.arange(images.shape[2], device=images.device) < sizes[:, :1]
        columns = torch.arange(images.shape[3], device=images.device) < sizes[:, 1:]
        x = x * (rows[:, None, :, None] & columns[:, None, None, :])
        return x.flip(1).contiguous(memory_format=torch.channels_last) if self.bgr else x

    def check(self, images: torch.Tensor, value_range: ValueRange) -> None:
        """Refuse a batch of images that these weights do not take.

        Args:
            images: (B, C, H, W).
            value_range: the pixel values that mean 0 and 1; `hub.Batch.value_range`.

        Raises:
            PixelFormatError: the dtype, the range or the number of channels differs.
        """
        dtype = str(images.dtype).removeprefix("torch.")
        if dtype != self.pixels.dtype or value_range != self.pixels.value_range:
            raise PixelFormatError(
                f"the batch has {dtype} images ({value_range[0]:g} to {value_range[1]:g}), "
                f"but the model takes {self.pixels}",
                fix="give Batch.images and Batch.value_range as the model's preprocessing.pixels defines",
            )
        if images.shape[1] != self.in_chans:
            raise PixelFormatError(
                f"the batch has images of {images.shape[1]} channels, but the model takes {self.in_chans}",
                fix=f"load images of {self.in_chans} channels, or create the model with in_chans={images.shape[1]}",
            )

    def to_dict(self) -> dict[str, object]:
        """Return plain values, for a checkpoint's header."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Preprocessing:
        """Return the inverse of `to_dict`.

        >>> Preprocessing.from_dict(Preprocessing().to_dict()) == Preprocessing()
        True
        """
        values = cast(dict[str, Any], data)
        return cls(
            **{
                **values,
                "mean": tuple(values["mean"]),
                "std": tuple(values["std"]),
                "pixels": PixelFormat.from_dict(values["pixels"]),
                "resize": ResizeRule(**values["resize"]),
            }
        )
