"""SPIGA: 98 points of WFLW or 68 of 300-W, and the head's pose, from stacked hourglasses and graphs of attention.

Prados-Torreblanca, Buenaposada and Baumela, "Shape Preserving Facial Landmarks with Graph Attention Networks", BMVC
2022, arXiv 2210.07233 (andresprados/SPIGA, BSD-3). A mean face, turned by the pose the hourglasses give, is where the
points start; three graphs move them. The crop is its authors' own, nearest pixels included, around the mesh's box where
they take their detector's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.spiga_network import SpigaBackbone, project
from workbench.models.files import checkpoint
from workbench.signs import Signs
from workbench.values import Face, Pose, check_image

SIDE, MAP, REACH, FOCAL = 256, 64, 1.6, 1.5
"""Of the crop; of its feature maps; the crop's side over the face's; the camera's focal length over the map's side."""
STEPS, LAYERS, KERNEL, WINDOW, HEADS = 3, 4, 7, 0.25, 4
"""Graphs in a row; layers of each; samples across a point's surroundings; their share of the map; heads."""
_HIDDEN = (256, 256), (256, 128, 64, 32)
_MASK = "diagonal_mask"


@dataclass(frozen=True, slots=True)
class Shape:
    """How wide the network is. points, edges: of the data set's annotation."""

    points: int
    edges: int
    width: int = 256
    embedded: int = 512
    inner: int = 256


SHAPES = {"spiga-98": Shape(98, 15), "spiga-68": Shape(68, 13)}


def _mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for place, (before, after) in enumerate(pairwise(widths), start=1):
        layers.append(nn.Conv1d(before, after, 1))
        if place < len(widths) - 1:
            layers += [nn.BatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(*layers)


class Attention(nn.Module):
    """Every point asks every point. (N, C, L) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.merge = nn.Conv1d(width, width, 1)
        self.proj = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """What the points tell each other."""
        n, width, count = x.shape
        asked, keys, values = (layer(x).view(n, width // HEADS, HEADS, count) for layer in self.proj)
        share = torch.einsum("ndhl,ndhm->nhlm", asked, keys) / (width // HEADS) ** 0.5
        told = torch.einsum("nhlm,ndhm->ndhl", share.softmax(-1), values)
        return self.merge(told.reshape(n, width, count))


class Graph(nn.Module):
    """One layer: what a point knows, and what the others told it. (N, C, L) to (N, C', L)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reshape = nn.Identity() if inputs == outputs else _mlp(inputs, outputs)
        message = {"attn": Attention(inputs), "mlp": _mlp(2 * inputs, 2 * inputs, outputs)}
        self.attention = nn.ModuleDict(message)

    def forward(self, x: Tensor) -> Tensor:
        """The points, better informed."""
        told = self.attention["mlp"](torch.cat([x, self.attention["attn"](x)], 1))
        return self.reshape(x) + told


class Regressor(nn.Module):
    """Layers of a graph, then how far each point is off. (N, L, C) to (N, L, 2)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = (shape.embedded, *(shape.inner,) * LAYERS)
        self.gat = nn.ModuleList(Graph(a, b) for a, b in pairwise(widths))
        self.decoder = nn.ModuleDict({"decoder": _mlp(shape.inner, *_HIDDEN[1], 2)})

    def forward(self, known: Tensor) -> Tensor:
        """Offsets."""
        x = known.transpose(1, 2)
        for layer in self.gat:
            x = layer(x)
        return self.decoder["decoder"](x).transpose(1, 2)


class SpigaNet(nn.Module):
    """(N, 3, 256, 256) BGR in 0..1 to points (N, L, 2) in 0..1 of the crop and the pose (N, 6)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.visual_cnn = SpigaBackbone(shape.points, shape.edges, shape.width)
        self.pose_fc = nn.Linear(shape.width, 6)
        relative = 2 * (shape.points - 1)
        self.shape_encoder = nn.ModuleList(
            nn.ModuleDict({"encoder": _mlp(relative, *_HIDDEN[0], shape.embedded)}) for _ in range(STEPS)
        )
        self.theta_S = nn.ParameterList(nn.Parameter(torch.zeros(2, 2), requires_grad=False) for _ in range(STEPS))
        self.conv_window = nn.ModuleList(nn.Conv2d(shape.width, shape.embedded, KERNEL) for _ in range(STEPS))
        self.gcn = nn.ModuleList(Regressor(shape) for _ in range(STEPS))

    def forward(self, images: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
        """mean: (L, 3), the mean face in the order of the points."""
        maps, core = self.visual_cnn(images)
        pose = self.pose_fc(core.flatten(1))
        points = project(mean, pose, FOCAL * MAP, MAP / 2) / MAP
        for step in range(STEPS):
            known = self._seen(points, maps, step) + self._placed(points, step)
            points = points + WINDOW / 2**step / 2 * functional.hardtanh(self.gcn[step](known))
        return points, pose

    def _seen(self, points: Tensor, maps: Tensor, step: int) -> Tensor:
        """(N, L, C): what the maps show around each point."""
        n, count, _ = points.shape
        middles = (2 * (points + 0.5 / MAP) - 1).reshape(n * count, 2, 1)
        matrix = torch.cat([self.theta_S[step].expand(n * count, 2, 2), middles], 2)
        grid = functional.affine_grid(matrix, [n * count, maps.shape[1], KERNEL, KERNEL], align_corners=False)
        grid = grid.reshape(n, count, KERNEL * KERNEL, 2)
        found = functional.grid_sample(maps, grid, padding_mode="border", align_corners=False).transpose(1, 2)
        found = found.reshape(n * count, maps.shape[1], KERNEL, KERNEL)
        return self.conv_window[step](found).reshape(n, count, -1)

    def _placed(self, points: Tensor, step: int) -> Tensor:
        """(N, L, C): where each point lies from all the others."""
        n, count, _ = points.shape
        apart = points[:, :, None] - points[:, None]
        others = ~torch.eye(count, dtype=torch.bool, device=points.device)
        rows = apart[:, others].reshape(n, count, -1).transpose(1, 2)
        return self.shape_encoder[step]["encoder"](rows).transpose(1, 2)  # type: ignore[index]


class Spiga:
    """The landmark model."""

    def __init__(self, spec: ModelSpec, network: nn.Module, mean: np.ndarray, device: str) -> None:
        """mean: (L, 3) float32, the mean face."""
        self.spec, self.network, self.device = spec, network, torch.device(device)
        self.mean = torch.from_numpy(mean).to(self.device)

    def window(self, face: Face) -> tuple[float, np.ndarray]:
        """Pixels of the crop per pixel of the photo, and the photo's place (x, y) of the crop's top-left corner.

        Both count from the corner of the first pixel, half a pixel left of and above its centre.
        """
        box = face.box.astype(np.float64) + 0.5
        side = REACH * float((box[2:] - box[:2]).max())
        return SIDE / side, (box[:2] + box[2:] - side) / 2

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """(256, 256, 3) uint8 RGB: the nearest pixels of the photo, black outside it."""
        scale, corner = self.window(face)
        columns, rows = (np.floor(start + (np.arange(SIDE) + 0.5) / scale).astype(np.int64) for start in corner)
        height, width = check_image(image).shape[:2]
        here = ((rows >= 0) & (rows < height))[:, None] & (columns >= 0) & (columns < width)
        found = image[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)]
        return np.where(here[..., None], found, 0).astype(np.uint8)

    def signs(self, image: np.ndarray, face: Face) -> Signs:
        """The points and the pose of one face."""
        scale, corner = self.window(face)
        found = self.raw(self.crop(image, face))
        points = found["points"].astype(np.float64) * SIDE / scale + corner - 0.5
        return Signs(self.spec.id, points=points.astype(np.float32), pose=head(found["pose"]))

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Of one crop (256, 256, 3) uint8 RGB: `points` (L, 2) in 0..1 of it, `pose` (6,): degrees, then a way."""
        with torch.inference_mode():
            chips = torch.from_numpy(check_image(image)[..., ::-1].copy()).to(self.device)
            points, pose = self.network(chips.permute(2, 0, 1)[None].float() / 255, self.mean)
            return {"points": points[0].cpu().numpy(), "pose": pose[0].cpu().numpy()}


def head(pose: np.ndarray) -> Pose:
    """The head's pose of the network's six numbers.

    Its yaw, pitch and roll turn the way ours do: `turned` puts a nose to the image's right for a yaw above 0, up for a
    pitch above 0, and the crown to the right for a roll above 0 (spiga/models/gnn/pose_proj.py, lines 9 to 52, whose
    change of coordinates in lines 9 to 11 undoes that of the training's rotation_matrix_to_euler).
    """
    yaw, pitch, roll = (float((angle + 180) % 360 - 180) for angle in pose[:3])
    return Pose(yaw, pitch, roll)


def mean_face(shape: Path, order: Path) -> np.ndarray:
    """(L, 3) float32: the mean face, forward, left, down, in the order of the data set's points.

    shape: lines of `number|x|y|z`. order: JSON whose `ldm_ids` are those numbers in the points' order. Raises
    BadWeights when one of the files is another.
    """
    try:
        rows = [line.split("|") for line in shape.read_text(encoding="utf-8").split()]
        places = {int(row[0]): (float(row[3]), -float(row[1]), -float(row[2])) for row in rows}
        return np.array([places[int(n)] for n in json.loads(order.read_bytes())["ldm_ids"]], np.float32)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BadWeights(
            f"{shape.name} and {order.name} are no mean face of SPIGA and the order of its points. Fetch them again."
        ) from error


def load(spec: ModelSpec, files: Mapping[str, Path], device: str, shape: Shape | None = None) -> Spiga:
    """The model, from `weights`, the mean face `shape` and the points' `order`. Raises BadWeights for other files."""
    sizes = shape or SHAPES[spec.id]
    weights = checkpoint.stripped(checkpoint.read(files["weights"]), "pose_fc.weight", ("module.", ""))
    mask = weights.pop(_MASK, None)
    if mask is not None and not torch.equal(mask.bool(), ~torch.eye(sizes.points, dtype=torch.bool)):
        raise BadWeights(f"{spec.title}: its mask of a point's neighbours is another than for {sizes.points} points.")
    mean = mean_face(files["shape"], files["order"])
    if len(mean) != sizes.points:
        raise BadWeights(f"{spec.title}: expected a mean face of {sizes.points} points, got {len(mean)}.")
    network = checkpoint.install(partial(SpigaNet, sizes), weights, spec.title, device)
    return Spiga(spec, network, mean, device)
