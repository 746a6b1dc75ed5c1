"""FAN: 68 points of 300-W from four stacked hourglasses, one heatmap per point.

Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?", ICCV 2017, arXiv 1703.07332
(1adrianb/face-alignment, BSD-3). The crop and the reading of the heatmaps are its authors', without their rounding to
whole pixels of the photo. They crop around the box of their own detector; here it is the mesh's.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.geometry import apply, invert
from workbench.images import warp
from workbench.models.files import checkpoint
from workbench.signs import Signs
from workbench.values import Face, check_image

POINTS, STACKS, WIDTH = 68, 4, 256
SIDE, MAP = 256, 64
REFERENCE, LIFT = 195.0, 0.12
"""The crop is 200 pixels of a face whose width and height sum to this, its middle lifted by a share of the height."""


class Block(nn.Module):
    """Three convolutions whose outputs are laid side by side, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        widths = outputs // 2, outputs // 4, outputs // 4
        before = inputs, outputs // 2, outputs // 4
        for number, (wide, width) in enumerate(zip(before, widths, strict=True), start=1):
            self.add_module(f"bn{number}", nn.BatchNorm2d(wide))
            self.add_module(f"conv{number}", nn.Conv2d(wide, width, 3, padding=1, bias=False))
        self.downsample: nn.Module | None = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) to (N, outputs, h, w)."""
        parts, part = [], x
        for number in (1, 2, 3):
            part = self.get_submodule(f"conv{number}")(self.get_submodule(f"bn{number}")(part).relu())
            parts.append(part)
        return torch.cat(parts, 1) + (x if self.downsample is None else self.downsample(x))


class Hourglass(nn.Module):
    """Four times smaller and back, with a shortcut at every size."""

    def __init__(self, depth: int = 4) -> None:
        super().__init__()
        self.depth = depth
        for level in range(depth, 0, -1):
            for name in ("b1", "b2", "b3", *(["b2_plus"] if level == 1 else [])):
                self.add_module(f"{name}_{level}", Block(WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 256, h, w) to the same."""
        return self._at(self.depth, x)

    def _at(self, level: int, x: Tensor) -> Tensor:
        low = self.get_submodule(f"b2_{level}")(functional.avg_pool2d(x, 2, stride=2))
        low = self._at(level - 1, low) if level > 1 else self.get_submodule("b2_plus_1")(low)
        low = self.get_submodule(f"b3_{level}")(low)
        return self.get_submodule(f"b1_{level}")(x) + functional.interpolate(low, scale_factor=2, mode="nearest")


class FanNet(nn.Module):
    """(N, 3, 256, 256) RGB in 0..1 to (N, 68, 64, 64) heatmaps, those of the last hourglass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64)
        self.conv2, self.conv3, self.conv4 = Block(64, 128), Block(128, 128), Block(128, WIDTH)
        for stack in range(STACKS):
            self.add_module(f"m{stack}", Hourglass())
            self.add_module(f"top_m_{stack}", Block(WIDTH, WIDTH))
            self.add_module(f"conv_last{stack}", nn.Conv2d(WIDTH, WIDTH, 1))
            self.add_module(f"bn_end{stack}", nn.BatchNorm2d(WIDTH))
            self.add_module(f"l{stack}", nn.Conv2d(WIDTH, POINTS, 1))
            if stack < STACKS - 1:
                self.add_module(f"bl{stack}", nn.Conv2d(WIDTH, WIDTH, 1))
                self.add_module(f"al{stack}", nn.Conv2d(POINTS, WIDTH, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Heatmaps."""
        x = functional.avg_pool2d(self.conv2(self.bn1(self.conv1(x)).relu()), 2, stride=2)
        x = self.conv4(self.conv3(x))
        part = self.get_submodule
        for stack in range(STACKS):
            inner = part(f"top_m_{stack}")(part(f"m{stack}")(x))
            inner = part(f"bn_end{stack}")(part(f"conv_last{stack}")(inner)).relu()
            maps = part(f"l{stack}")(inner)
            if stack < STACKS - 1:
                x = x + part(f"bl{stack}")(inner) + part(f"al{stack}")(maps)
        return maps


class Fan:
    """The landmark model."""

    def __init__(self, spec: ModelSpec, network: nn.Module, device: str) -> None:
        self.spec, self.network, self.device = spec, network, torch.device(device)

    def window(self, face: Face) -> np.ndarray:
        """The (2, 3) matrix from the photo to the crop of 256 pixels."""
        left, top, right, bottom = (float(side) for side in face.box)
        middle = np.array([(left + right) / 2, (top + bottom) / 2 - LIFT * (bottom - top)])
        share = SIDE / (200 * (right - left + bottom - top) / REFERENCE)
        return np.concatenate([np.eye(2) * share, ((SIDE - 1) / 2 - share * middle)[:, None]], axis=1)

    def signs(self, image: np.ndarray, face: Face) -> Signs:
        """The 68 points of one face."""
        matrix = self.window(face)
        points = read(self.raw(warp(check_image(image), matrix, (SIDE, SIDE)))["heatmaps"])
        return Signs(self.spec.id, points=apply(invert(matrix), points * SIDE / MAP + 1.5).astype(np.float32))

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Of one crop (256, 256, 3) uint8 RGB: `heatmaps` (68, 64, 64)."""
        with torch.inference_mode():
            chips = torch.from_numpy(check_image(image).copy()).to(self.device).permute(2, 0, 1)[None].float() / 255
            return {"heatmaps": self.network(chips)[0].cpu().numpy()}


def read(heatmaps: np.ndarray) -> np.ndarray:
    """(68, 2) float64 x, y in pixels of the maps, centres at whole numbers: each map's highest place, a quarter of a
    pixel towards the higher neighbour."""
    count, height, width = heatmaps.shape
    rows, columns = np.divmod(heatmaps.reshape(count, -1).argmax(axis=1), width)
    points = np.stack([columns, rows], axis=1).astype(np.float64)
    inside = np.flatnonzero((columns > 0) & (columns < width - 1) & (rows > 0) & (rows < height - 1))
    for n in inside:
        y, x = rows[n], columns[n]
        slope = heatmaps[n, y, x + 1] - heatmaps[n, y, x - 1], heatmaps[n, y + 1, x] - heatmaps[n, y - 1, x]
        points[n] += 0.25 * np.sign(slope)
    return points


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Fan:
    """The model, from `2DFAN4-11f355bf06.pth.tar`. Raises BadWeights for another network's file."""
    weights = checkpoint.stripped(checkpoint.read(files["weights"]), "conv1.weight", ("module.", ""))
    return Fan(spec, checkpoint.install(FanNet, weights, spec.title, device), device)
