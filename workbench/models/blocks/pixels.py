"""From photos to the tensors published networks were trained on: Pillow's resizing, and a mean and deviation per
channel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from workbench.values import check_image

BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC


@dataclass(frozen=True, slots=True)
class Normal:
    """What is subtracted from, and divides, red, green and blue in 0..1."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]

    def __call__(self, chips: Tensor) -> Tensor:
        """(N, 3, H, W) in 0..255 to the network's input."""
        mean, deviation = (
            torch.tensor(values, device=chips.device)[:, None, None] for values in (self.mean, self.deviation)
        )
        return (chips / 255 - mean) / deviation


IMAGENET = Normal((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = Normal((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = Normal((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def resized(
    image: np.ndarray, width: int, height: int, filter: Image.Resampling, box: Sequence[int] | None = None
) -> np.ndarray:
    """The photo, or the `box` (left, top, right, bottom) cut out of it, in another size, as Pillow makes it: what lies
    under a

    smaller pixel is averaged. Raises BadRequest for what is no photo.
    """
    picture = Image.fromarray(check_image(image))
    if box is not None:
        picture = picture.crop((box[0], box[1], box[2], box[3]))
    return np.asarray(picture.resize((width, height), filter))


def batch(images: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """(H, W, 3) or (N, H, W, 3) uint8 to (N, 3, H, W) float32 in 0..255."""
    array = images[None] if images.ndim == 3 else images
    return torch.from_numpy(np.array(array)).to(device).permute(0, 3, 1, 2).float()
