"""The RoI tanh-polar frame of a face: columns are distance from the middle of its box, rows are directions, everything
fits in.

Lin et al., RoI Tanh-polar transformer network for face parsing in the wild, Image and Vision Computing 2021, arXiv
2102.02717, section 3.1; sampling as in hhj1897/roi_tanh_warping (MIT), aspect ratio kept. A place at direction θ and
distance d from the centre stands in row θ / 2π · H and column tanh(d / ρ(θ)) · W, ρ being the box's ellipse of the same
area. Angles and radii are counted as i / n; the reference counts with float steps, which gives one sample too many for
some sizes.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Half = tuple[float, float]
"""Half the width and half the height of a face box."""


def warp_photo(image: np.ndarray, box: Sequence[float], size: int) -> np.ndarray:
    """The polar frame (size, size, 3) uint8 of a photo, by OpenCV's bilinear remap and black outside, as the authors
    make it.

    box: left, top, right, bottom in photo pixels.
    """
    left, top, right, bottom = (float(value) for value in box)
    r = np.arctanh(np.arange(size) / size)[None]
    theta = (2 * np.pi * np.arange(size) / size)[:, None]
    reach = r * _ellipse(np.cos(theta), np.sin(theta), (right - left) / 2, (bottom - top) / 2)
    x, y = (left + right) / 2 + reach * np.cos(theta), (top + bottom) / 2 + reach * np.sin(theta)
    return cv2.remap(
        image,
        x.astype(np.float32),
        y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )


def _ellipse(cos: np.ndarray, sin: np.ndarray, half_x: float, half_y: float) -> np.ndarray:
    """Distance at which tanh is tanh(1), by direction: an ellipse of the box's area."""
    a, b = 2 * half_x / math.sqrt(math.pi), 2 * half_y / math.sqrt(math.pi)
    return a * b / np.sqrt(b**2 * cos**2 + a**2 * sin**2)


def sample_polar(images: Tensor, box: Sequence[float], size: int) -> Tensor:
    """The polar frame (N, C, size, size) of pictures (N, C, H, W), bilinear, 0 outside; keeps gradients to the
    pictures."""
    left, top, right, bottom = (float(value) for value in box)
    cos, sin, reach = _rays(size, size, ((right - left) / 2, (bottom - top) / 2), images.device)
    return _sample(images, (left + right) / 2 + reach * cos, (top + bottom) / 2 + reach * sin)


def restore(frames: Tensor, box: Sequence[float], places: Tensor) -> Tensor:
    """Polar frames (N, C, H, W) at photo points `places` (h, w, 2): (N, C, h, w), the inverse of the warp.

    Rows go round, columns run into the centre; what lies further out than the frame's last column fades to 0.
    """
    left, top, right, bottom = (float(value) for value in box)
    middle = torch.tensor([(left + right) / 2, (top + bottom) / 2], device=frames.device)
    return _from_polar(frames, places - middle, ((right - left) / 2, (bottom - top) / 2))


def grid(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """Pixel coordinates (height, width, 2), x before y."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device).float(), torch.arange(width, device=device).float(), indexing="ij"
    )
    return torch.stack([x, y], dim=-1)


class PolarCartesian:
    """Between polar maps and tanh-Cartesian ones of the same size, for the convolutions inside a network that want
    straight lines.

    Only the box's proportions matter. One object serves all maps of its size: the grids are made once.
    """

    def __init__(self, half: Half, height: int, width: int, device: torch.device) -> None:
        self._half, self._size = half, (height, width)
        axes = [
            _atanh(torch.arange(n, device=device) * (2.0 / n) - 1.0 + 1.0 / n) * side
            for n, side in ((width, half[0]), (height, half[1]))
        ]
        self._places = torch.stack(torch.meshgrid(axes[0], axes[1], indexing="xy"), dim=-1)
        cos, sin, reach = _rays(height, width, half, device)
        self._x = (torch.tanh(reach * cos / half[0]) + 1) / 2 * width - 0.5
        self._y = (torch.tanh(reach * sin / half[1]) + 1) / 2 * height - 0.5

    def cartesian(self, maps: Tensor) -> Tensor:
        """Polar (N, C, H, W) to tanh-Cartesian."""
        return _from_polar(maps, self._places, self._half)

    def polar(self, maps: Tensor) -> Tensor:
        """Tanh-Cartesian (N, C, H, W) to polar."""
        return _sample(maps, self._x, self._y)


def _atanh(x: Tensor) -> Tensor:
    """Infinity is not reached: 1 − x counts as 1e-9 at least."""
    return torch.log((1.0 + x) / (1.0 - x).clamp(1e-9)) / 2.0


def _rays(height: int, width: int, half: Half, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Cosine and sine of each row's direction (H, 1), and the distance of each cell from the centre (H, W)."""
    theta = (torch.arange(height, device=device) * (2 * math.pi / height)).float()[:, None]
    cos, sin = theta.cos(), theta.sin()
    a, b = (2 * side / math.sqrt(math.pi) for side in half)
    r = _atanh((torch.arange(width, device=device) * (1.0 / width)).float())[None]
    return cos, sin, r * (a * b / torch.sqrt(b**2 * cos**2 + a**2 * sin**2))


def _from_polar(frames: Tensor, places: Tensor, half: Half) -> Tensor:
    """Polar frames at places (h, w, 2) counted from the centre."""
    height, width = frames.shape[2:]
    distance = places.norm(dim=-1)
    cos, sin = places[..., 0] / distance.clamp(min=1e-9), places[..., 1] / distance.clamp(min=1e-9)
    a, b = (2 * side / math.sqrt(math.pi) for side in half)
    r = distance * torch.sqrt(b**2 * cos**2 + a**2 * sin**2) / a / b
    turn = (torch.atan2(sin, cos) / math.pi).remainder(2.0) / 2
    padded = functional.pad(functional.pad(frames, [0, 0, 1, 1], mode="circular"), [1, 0, 0, 0], mode="replicate")
    return _sample(padded, torch.tanh(r) * width + 1, turn * height + 1)


def _sample(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Pictures at pixel coordinates (h, w), bilinear, 0 outside."""
    height, width = images.shape[2:]
    places = torch.stack([x / (width - 1) * 2 - 1, y / (height - 1) * 2 - 1], dim=-1)
    return functional.grid_sample(
        images, places.expand(len(images), -1, -1, -1), mode="bilinear", padding_mode="zeros", align_corners=True
    )
