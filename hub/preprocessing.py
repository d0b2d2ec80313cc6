"""Preprocessing belongs to the weights: one object that train, evaluate, predict and export share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from hub.images import ResizeRule

if TYPE_CHECKING:
    import torch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """How uint8 pixels become the trunk's input. Stored in every checkpoint.

    Args:
        mean: per channel, in units of ``full_scale``, in the order of the image's channels (RGB).
        std: likewise.
        in_chans: channels of the image.
        full_scale: the pixel value that counts as 1; 1 for weights trained on 0–255.
        bgr: the weights expect the channels in reverse; mean and std stay in RGB order.
        resize: size that images are brought to before the trunk.
    """

    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    in_chans: int = 3
    full_scale: float = 255.0
    bgr: bool = False
    resize: ResizeRule = field(default_factory=ResizeRule)

    def normalize(self, images: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
        """Normalise on the device; padding becomes 0, as if it were added afterwards.

        Args:
            images: (B, C, H, W) uint8, padded at the right and the bottom.
            sizes: (B, 2) valid height and width in pixels.

        Returns:
            (B, C, H, W) float32, channels_last.
        """
        import torch

        mean = torch.tensor(self.mean, device=images.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(1, -1, 1, 1)
        x = images.to(torch.float32, memory_format=torch.channels_last)
        x = (x - mean * self.full_scale) * (1 / (std * self.full_scale))
        rows = torch.arange(images.shape[2], device=images.device) < sizes[:, :1]
        columns = torch.arange(images.shape[3], device=images.device) < sizes[:, 1:]
        x = x * (rows[:, None, :, None] & columns[:, None, None, :])
        return x.flip(1).contiguous(memory_format=torch.channels_last) if self.bgr else x

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for a checkpoint's header."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Preprocessing:
        """The inverse of `to_dict`.

        >>> Preprocessing.from_dict(Preprocessing().to_dict()) == Preprocessing()
        True
        """
        resize = ResizeRule(**data["resize"])
        return cls(**{**data, "mean": tuple(data["mean"]), "std": tuple(data["std"]), "resize": resize})
