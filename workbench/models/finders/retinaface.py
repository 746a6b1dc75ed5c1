"""RetinaFace on MobileNet 0.25: the whole picture in one look at its own size, boxes and five points from anchors.

Deng et al., "RetinaFace: Single-shot multi-level face localisation in the wild", CVPR 2020, arXiv 1905.00641; layers,
anchors and arithmetic are those of biubug6/Pytorch_Retinaface (MIT), whose weights these are. The mesh of a candidate
is still the face mesh's.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.detections import Detections, from_five, join, suppress_whole
from workbench.images import shrink
from workbench.models.files import checkpoint
from workbench.models.finders.mediapipe import FaceFinder as MeshFinder
from workbench.values import check_image

STRIDES, ANCHORS = (8, 16, 32), ((16, 32), (64, 128), (256, 512))
MEAN = (104.0, 117.0, 123.0)
"""Of blue, green and red."""
WIDTH, PAIR = 64, 2
LEAST, MOST, OVERLAP = 0.02, 5000, 0.4
SIDE = 2048
"""A longer picture is made smaller first."""
LEAK = 0.1


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, active: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)]
    layers += [nn.BatchNorm2d(outputs)] + ([nn.LeakyReLU(LEAK)] if active else [])
    return nn.Sequential(*layers)


def _separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Each channel by itself, then all of them at each place."""
    alone = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
    return nn.Sequential(alone, nn.BatchNorm2d(inputs), nn.LeakyReLU(LEAK), *_conv(inputs, outputs, kernel=1))


def _stage(*steps: tuple[int, int, int]) -> nn.Sequential:
    """Separable convolutions: inputs, outputs and stride of each."""
    return nn.Sequential(*(_separable(*step) for step in steps))


class Surroundings(nn.Module):
    """Three sizes of what is around a place, side by side (SSH)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half, quarter = width // 2, width // 4
        self.conv3X3 = _conv(width, half, active=False)
        self.conv5X5_1, self.conv5X5_2 = _conv(width, quarter), _conv(quarter, quarter, active=False)
        self.conv7X7_2, self.conv7x7_3 = _conv(quarter, quarter), _conv(quarter, quarter, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to the same."""
        five = self.conv5X5_1(x)
        return torch.cat([self.conv3X3(x), self.conv5X5_2(five), self.conv7x7_3(self.conv7X7_2(five))], 1).relu()


class Pyramid(nn.Module):
    """Three sizes of maps in one width, what the smaller ones know added to the larger."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (_conv(width, WIDTH, kernel=1) for width in widths)
        self.merge1, self.merge2 = _conv(WIDTH, WIDTH), _conv(WIDTH, WIDTH)

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps at strides of 8, 16 and 32."""
        coarse = self.output3(coarse)
        middle = self.output2(middle)
        middle = self.merge2(middle + functional.interpolate(coarse, middle.shape[2:], mode="nearest"))
        fine = self.output1(fine)
        fine = self.merge1(fine + functional.interpolate(middle, fine.shape[2:], mode="nearest"))
        return fine, middle, coarse


class Head(nn.Module):
    """Numbers for each anchor, (N, anchors, n)."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.conv1x1, self._numbers = nn.Conv2d(WIDTH, PAIR * numbers, 1), numbers

    def forward(self, x: Tensor) -> Tensor:
        """Place by place, row by row."""
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(len(x), -1, self._numbers)


class RetinaNet(nn.Module):
    """(N, 3, H, W) BGR without its mean to boxes (N, A, 4), probabilities (N, A) and points (N, A, 10) off anchors."""

    def __init__(self) -> None:
        super().__init__()
        first = _stage((8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1))
        second, third = _stage((64, 128, 2), *((128, 128, 1),) * 5), _stage((128, 256, 2), (256, 256, 1))
        first.insert(0, _conv(3, 8, stride=2))
        self.body = nn.ModuleDict({"stage1": first, "stage2": second, "stage3": third})
        self.fpn = Pyramid((64, 128, 256))
        self.ssh1, self.ssh2, self.ssh3 = (Surroundings(WIDTH) for _ in STRIDES)
        self.ClassHead, self.BboxHead, self.LandmarkHead = (
            nn.ModuleList(Head(numbers) for _ in STRIDES) for numbers in (2, 4, 10)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes, probabilities, points."""
        maps = []
        for stage in self.body.values():
            x = stage(x)
            maps.append(x)
        seen = [look(part) for look, part in zip((self.ssh1, self.ssh2, self.ssh3), self.fpn(*maps), strict=True)]
        boxes, classes, points = (
            torch.cat([head(part) for head, part in zip(heads, seen, strict=True)], 1)
            for heads in (self.BboxHead, self.ClassHead, self.LandmarkHead)
        )
        return boxes, classes.softmax(-1)[..., 1], points


def anchors(height: int, width: int) -> np.ndarray:
    """(A, 3) float32: middle x, y and side of every anchor in pixels, in the network's order."""
    found = []
    for stride, sides in zip(STRIDES, ANCHORS, strict=True):
        rows, columns = (np.arange(-(-length // stride)) for length in (height, width))
        grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 1, 2)
        middles = np.repeat((grid + 0.5) * stride, len(sides), axis=1)
        size = np.broadcast_to(np.array(sides, np.float64)[None, :, None], (*middles.shape[:2], 1))
        found.append(np.concatenate([middles, size], axis=2).reshape(-1, 3))
    return np.concatenate(found).astype(np.float32)


class RetinaFace(MeshFinder):
    """Candidates by RetinaFace, meshes by the face mesh."""

    def __init__(self, spec: ModelSpec, files: Mapping[str, Path], device: str) -> None:
        """files: `retinaface`, and those of the mesh. Raises BadWeights when one of them is another network."""
        super().__init__(files)
        self.device = torch.device(device)
        weights = checkpoint.stripped(checkpoint.read(files["retinaface"]), "fpn.output1.0.weight", ("module.", ""))
        self.network = checkpoint.install(RetinaNet, weights, spec.title, device)

    def detect(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        """Every candidate of the whole picture, one per face, best first."""
        small, scale = shrink(check_image(image), SIDE)
        found = self.raw(small)
        good = np.flatnonzero(found["scores"] > max(float(threshold), LEAST))
        order = good[np.argsort(-found["scores"][good], kind="stable")][:MOST]
        boxes, scores, points = (found[name][order] for name in ("boxes", "scores", "points"))
        if not len(order):
            return join([])
        kept = suppress_whole(boxes, OVERLAP)
        return from_five(boxes, points, scores).take(kept).moved(1 / scale, (0.5 / scale - 0.5,) * 2)

    glance = detect

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Of every anchor: boxes (A, 4), scores (A,), points (A, 5, 2), in pixels, nothing left out."""
        height, width = check_image(image).shape[:2]
        with torch.inference_mode():
            pixels = torch.from_numpy(image[..., ::-1].copy()).to(self.device).float() - torch.tensor(
                MEAN, device=self.device
            )
            boxes, scores, points = (part[0].cpu().numpy() for part in self.network(pixels.permute(2, 0, 1)[None]))
        grid = anchors(height, width)
        middle, side = grid[:, :2], grid[:, 2:]
        centre, half = middle + 0.1 * boxes[:, :2] * side, side * np.exp(0.2 * boxes[:, 2:]) / 2
        places = middle[:, None] + 0.1 * points.reshape(-1, 5, 2) * side[:, None]
        return {"boxes": np.concatenate([centre - half, centre + half], axis=1), "scores": scores, "points": places}


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> RetinaFace:
    """The finder, from `mobilenet0.25_Final.pth`; the mesh runs on the processor. Raises BadWeights."""
    return RetinaFace(spec, files, device)
