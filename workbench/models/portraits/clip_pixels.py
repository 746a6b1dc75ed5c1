"""A picture as CLIP's image encoders want it: shorter side 224 by Pillow's bicubic, the middle square, CLIP's mean and
deviation.

As `CLIPImageProcessor` of transformers 4 does it, which the authors used; transformers 5 resizes by another library.
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from workbench.values import check_image

SIDE = 224
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def clip_pixels(image: np.ndarray, side: int = SIDE) -> Tensor:
    """(1, 3, side, side) float32 of an RGB uint8 picture."""
    height, width = check_image(image).shape[:2]
    short = min(height, width)
    size = (side, side * height // short) if width <= height else (side * width // short, side)
    resized = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    top, left = (resized.shape[0] - side) // 2, (resized.shape[1] - side) // 2
    pixels = resized[top : top + side, left : left + side].astype(np.float32) / 255
    pixels = (pixels - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]
