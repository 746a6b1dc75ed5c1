"""MTCNN, rebuilt in torch from facenet-pytorch's weights: a pyramid of proposals, refined twice, with five points.

Zhang et al., "Joint face detection and alignment using multi-task cascaded convolutional networks", IEEE SPL 2016,
arXiv 1604.02878; the arithmetic, odd pixels included, is that of facenet-pytorch 2.6.0 (T. Esler, MIT), on whose boxes
FaceNet and other networks were trained.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.detections import Detections, from_five, join, overlap
from workbench.models.files import checkpoint
from workbench.models.finders.mediapipe import FaceFinder as MeshFinder
from workbench.values import check_image

SMALLEST, FACTOR = 20, 0.709
"""Faces from so many pixels on are looked for; each level of the pyramid is smaller than the last by the factor."""
THRESHOLDS = (0.6, 0.7, 0.7)
BATCH = 512
_CELL, _STRIDE = 12, 2


def _steps(*channels: int, kernels: tuple[int, ...], pools: tuple[int, ...]) -> dict[str, nn.Module]:
    """conv1, prelu1, pool1, conv2 ... as facenet-pytorch names them; a pool of 0 is none."""
    layers: dict[str, nn.Module] = {}
    for number, (kernel, pool) in enumerate(zip(kernels, pools, strict=True), start=1):
        layers[f"conv{number}"] = nn.Conv2d(channels[number - 1], channels[number], kernel)
        layers[f"prelu{number}"] = nn.PReLU(channels[number])
        if pool:
            layers[f"pool{number}"] = nn.MaxPool2d(pool, 2, ceil_mode=True)
    return layers


class Proposals(nn.Module):
    """P-Net: (N, 3, H, W) in −1..1 to how far each cell's box is off (N, 4, h, w), and its probability (N, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        for name, layer in _steps(3, 10, 16, 32, kernels=(3, 3, 3), pools=(2, 0, 0)).items():
            self.add_module(name, layer)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)
        self._way = tuple(name for name, _ in self.named_children() if not name.startswith("conv4"))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Offsets and probabilities."""
        for name in self._way:
            x = self.get_submodule(name)(x)
        return self.conv4_2(x), self.conv4_1(x).softmax(1)[:, 1]


class Refinement(nn.Module):
    """R-Net and O-Net: chips (N, 3, S, S) in −1..1 to offsets (N, 4), probabilities (N,), O-Net's points (N, 10)."""

    def __init__(self, outputs: bool) -> None:
        """outputs: whether it is O-Net (48 pixels) or R-Net (24)."""
        super().__init__()
        steps = (
            _steps(3, 32, 64, 64, 128, kernels=(3, 3, 3, 2), pools=(3, 3, 2, 0))
            if outputs
            else _steps(3, 28, 48, 64, kernels=(3, 3, 2), pools=(3, 3, 0))
        )
        for name, layer in steps.items():
            self.add_module(name, layer)
        self._way, flat, wide, number = tuple(steps), *((1152, 256, 5) if outputs else (576, 128, 4))
        self.side = 48 if outputs else 24
        self.add_module(f"dense{number}", nn.Linear(flat, wide))
        self.add_module(f"prelu{number}", nn.PReLU(wide))
        heads = (2, 4, 10) if outputs else (2, 4)
        self._heads = tuple(f"dense{number + 1}_{place}" for place in range(1, len(heads) + 1))
        for name, width in zip(self._heads, heads, strict=True):
            self.add_module(name, nn.Linear(wide, width))
        self._dense = number

    def forward(self, chips: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Offsets, probabilities, points."""
        for name in self._way:
            chips = self.get_submodule(name)(chips)
        x = chips.permute(0, 3, 2, 1).flatten(1)
        x = self.get_submodule(f"prelu{self._dense}")(self.get_submodule(f"dense{self._dense}")(x))
        found = [self.get_submodule(name)(x) for name in self._heads]
        return found[1], found[0].softmax(1)[:, 1], found[2] if len(found) > 2 else None


class Cascade:
    """The three networks and what runs between them."""

    def __init__(self, files: Mapping[str, Path], title: str, device: str) -> None:
        """files: `pnet`, `rnet`, `onet`. Raises BadWeights when one of them is another network."""
        self.device = torch.device(device)
        self.proposals = checkpoint.install(Proposals, checkpoint.read(files["pnet"]), title, device)
        self.refine, self.output = (
            checkpoint.install(partial(Refinement, last), checkpoint.read(files[role]), title, device)
            for last, role in ((False, "rnet"), (True, "onet"))
        )

    def __call__(
        self, image: np.ndarray, thresholds: tuple[float, float, float] = THRESHOLDS, smallest: float = SMALLEST
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes (n, 4), scores (n,) and points (n, 5, 2) as facenet-pytorch gives them: eyes, nose, mouth corners."""
        with torch.inference_mode():
            picture = torch.from_numpy(check_image(image).copy()).to(self.device).permute(2, 0, 1)[None].float()
            boxes = self._proposed(picture, thresholds[0], smallest)
            boxes = self._refined(picture, boxes, self.refine, thresholds[1])
            return self._last(picture, boxes, thresholds[2])

    def _proposed(self, picture: Tensor, threshold: float, smallest: float) -> np.ndarray:
        height, width = picture.shape[2:]
        found = []
        for scale in _pyramid(min(height, width), smallest):
            small = functional.interpolate(picture, (int(height * scale + 1), int(width * scale + 1)), mode="area")
            offsets, chances = (value[0].cpu().numpy() for value in self.proposals((small - 127.5) * 0.0078125))
            rows, columns = np.nonzero(chances >= threshold)
            corners = np.stack([columns, rows, columns, rows], axis=1).astype(np.float32) * _STRIDE + 1
            corners[:, 2:] += _CELL - 1
            boxes = np.concatenate(
                [np.floor(corners / np.float32(scale)), chances[rows, columns, None], offsets[:, rows, columns].T],
                axis=1,
            )
            found.append(boxes[suppress(boxes, 0.5)])
        boxes = np.concatenate(found) if found else np.zeros((0, 9), np.float32)
        boxes = boxes[suppress(boxes, 0.7)]
        size = np.tile(boxes[:, 2:4] - boxes[:, :2], 2)
        return _square(np.concatenate([boxes[:, :4] + boxes[:, 5:] * size, boxes[:, 4:5]], axis=1))

    def _refined(self, picture: Tensor, boxes: np.ndarray, network: nn.Module, threshold: float) -> np.ndarray:
        """Those whose probability is above the threshold, (n, 5), moved and made square for the next step."""
        kept, offsets, _ = self._asked(picture, boxes, network, threshold)
        pick = suppress(kept, 0.7)
        return _square(_moved(kept[pick], offsets[pick]))

    def _last(self, picture: Tensor, boxes: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        kept, offsets, points = self._asked(picture, boxes, self.output, threshold)
        size = kept[:, 2:4] - kept[:, :2] + 1
        places = np.stack([points[:, :5], points[:, 5:]], axis=2) * size[:, None] + kept[:, None, :2] - 1
        moved = _moved(kept, offsets)
        pick = suppress_inside(moved, 0.7)
        return moved[pick, :4], moved[pick, 4], places[pick]

    def _asked(
        self, picture: Tensor, boxes: np.ndarray, network: nn.Module, threshold: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes above the threshold with their new score, their offsets and points."""
        chips, boxes = self._chips(picture, boxes, int(network.side))  # type: ignore[arg-type]
        if not len(boxes):
            return np.zeros((0, 5), np.float32), np.zeros((0, 4), np.float32), np.zeros((0, 10), np.float32)
        rounds = [network(chips[at : at + BATCH]) for at in range(0, len(chips), BATCH)]
        offsets, scores = (torch.cat([one[place] for one in rounds]).cpu().numpy() for place in (0, 1))
        points = (
            np.zeros((len(boxes), 10), np.float32)
            if rounds[0][2] is None
            else torch.cat([one[2] for one in rounds]).cpu().numpy()
        )
        good = scores > threshold
        return np.concatenate([boxes[good, :4], scores[good, None]], axis=1), offsets[good], points[good]

    def _chips(self, picture: Tensor, boxes: np.ndarray, side: int) -> tuple[Tensor, np.ndarray]:
        """The squares cut out where they lie in the picture, brought to `side`, and the boxes they belong to."""
        height, width = picture.shape[2:]
        whole = np.trunc(boxes[:, :4]).astype(np.int64)
        left, top = np.maximum(whole[:, 0], 1), np.maximum(whole[:, 1], 1)
        right, bottom = np.minimum(whole[:, 2], width), np.minimum(whole[:, 3], height)
        here = np.flatnonzero((bottom > top - 1) & (right > left - 1))
        chips = [
            functional.interpolate(
                picture[:, :, top[k] - 1 : bottom[k], left[k] - 1 : right[k]], (side, side), mode="area"
            )
            for k in here
        ]
        return ((torch.cat(chips) - 127.5) * 0.0078125 if chips else picture[:0]), boxes[here]


def _pyramid(side: int, smallest: float) -> list[float]:
    scales, scale, left = [], _CELL / smallest, side * _CELL / smallest
    while left >= _CELL:
        scales.append(scale)
        scale, left = scale * FACTOR, left * FACTOR
    return scales


def suppress(boxes: np.ndarray, limit: float) -> np.ndarray:
    """Indices of boxes (n, 5 or more: left, top, right, bottom, score) that no better one overlaps by more than
    `limit`, best first."""
    order, kept = np.argsort(-boxes[:, 4], kind="stable"), []
    while len(order):
        kept.append(order[0])
        order = order[1:][overlap(boxes[order[0], :4], boxes[order[1:], :4]) <= limit]
    return np.array(kept, np.int64)


def suppress_inside(boxes: np.ndarray, limit: float) -> np.ndarray:
    """The same by the share of the smaller box, in whole pixels: of two nested boxes the better one stays."""
    areas = (boxes[:, 2:4] - boxes[:, :2] + 1).prod(axis=1)
    order, kept = np.argsort(boxes[:, 4], kind="stable")[::-1], []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        sides = np.minimum(boxes[best, 2:4], boxes[order, 2:4]) - np.maximum(boxes[best, :2], boxes[order, :2]) + 1
        shared = np.clip(sides, 0, None).prod(axis=1)
        order = order[shared / np.minimum(areas[best], areas[order]) <= limit]
    return np.array(kept, np.int64)


def _square(boxes: np.ndarray) -> np.ndarray:
    """Boxes grown to squares around their middles; their score stays."""
    size = boxes[:, 2:4] - boxes[:, :2]
    side = size.max(axis=1, keepdims=True) if len(boxes) else size[:, :1]
    corner = boxes[:, :2] + size * 0.5 - side * 0.5
    return np.concatenate([corner, corner + side, boxes[:, 4:5]], axis=1)


def _moved(boxes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    size = np.tile(boxes[:, 2:4] - boxes[:, :2] + 1, 2)
    return np.concatenate([boxes[:, :4] + offsets * size, boxes[:, 4:5]], axis=1)


class Mtcnn(MeshFinder):
    """Candidates by MTCNN, meshes by the face mesh. own_boxes: its faces keep the box it drew (`Face.mtcnn`)."""

    own_boxes = True

    def __init__(self, spec: ModelSpec, files: Mapping[str, Path], device: str) -> None:
        """files: `pnet`, `rnet`, `onet`, and those of the mesh. Raises BadWeights."""
        super().__init__(files)
        self.cascade = Cascade(files, spec.title, device)

    def detect(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        """Every candidate of the whole picture, best first. Below 0.7 its last step is as generous as asked."""
        last = min(THRESHOLDS[2], threshold)
        boxes, scores, points = self.cascade(image, (*THRESHOLDS[:2], last))
        if not len(scores):
            return join([])
        return from_five(boxes, points, scores).take(np.argsort(-scores, kind="stable"))

    glance = detect

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """As facenet-pytorch answers: boxes (n, 4), scores (n,), points (n, 5, 2)."""
        boxes, scores, points = self.cascade(image)
        return {"boxes": boxes, "scores": scores, "points": points}


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Mtcnn:
    """The finder; its three networks run on `device`, the mesh on the processor. Raises BadWeights."""
    return Mtcnn(spec, files, device)
