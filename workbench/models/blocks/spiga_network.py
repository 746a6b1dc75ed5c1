"""What SPIGA's graphs look at: four hourglasses whose maps are weighted by points and edges, and a face in perspective.

Prados-Torreblanca, Buenaposada and Baumela, BMVC 2022, arXiv 2210.07233; names follow andresprados/SPIGA.
"""

import torch
from torch import Tensor, nn

STACKS, DEPTH, SIDE, MAP = 4, 4, 256, 64


class Conv(nn.Module):
    """A convolution, or its way back, then a norm and a rectifier where they are asked for."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, normed: bool = False, back: bool = False
    ) -> None:
        super().__init__()
        if back:
            self.deconv: nn.Module = nn.ConvTranspose2d(inputs, outputs, kernel, stride, bias=False)
        else:
            self.conv: nn.Module = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False)
        if normed:
            self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        x = self.deconv(x) if hasattr(self, "deconv") else self.conv(x)
        return self.bn(x).relu() if hasattr(self, "bn") else x


class Residual(nn.Module):
    """Three normed convolutions beside a shortcut. The shortcut's weights are there even where it is not taken."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), Conv(inputs, half, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(half), Conv(half, half, 3)
        self.bn3, self.conv3 = nn.BatchNorm2d(half), Conv(half, outputs, 1)
        self.skip_layer = Conv(inputs, outputs, 1)
        self._same = inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        inner = self.conv1(self.bn1(x).relu())
        inner = self.conv2(self.bn2(inner).relu())
        return self.conv3(self.bn3(inner).relu()) + (x if self._same else self.skip_layer(x))


class Hourglass(nn.Module):
    """Smaller `depth` times and back, with a shortcut at every size."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.up1, self.pool1, self.low1 = Residual(width, width), _halved(width), Residual(width, width)
        self.low2: nn.Module = Hourglass(depth - 1, width) if depth > 1 else Residual(width, width)
        self.low3, self.up2 = Residual(width, width), Conv(width, width, 2, 2, normed=True, back=True)
        self._last = depth == 1

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, h, w) to the same, and what stands at the smallest size."""
        low = self.low1(self.pool1(x))
        low, core = (self.low2(low),) * 2 if self._last else self.low2(low)
        return self.up1(x) + self.up2(self.low3(low)), core


def _halved(width: int) -> Conv:
    return Conv(width, width, 2, 2, normed=True)


def _sigmoid(width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(Conv(width, outputs, 1), nn.Sigmoid())


class Places(nn.Module):
    """Three channels more: where a pixel is, across and down, and how far from a corner of the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.xx_channel, self.yy_channel = (
            nn.Parameter(torch.zeros(1, 1, SIDE, SIDE), requires_grad=False) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 256, 256) to (N, 6, 256, 256)."""
        across, down = (part.expand(len(x), -1, -1, -1) for part in (self.xx_channel, self.yy_channel))
        return torch.cat([x, across, down, torch.sqrt((across - 0.5) ** 2 + (down - 0.5) ** 2)], 1)


class EdgesOfPoints(nn.Module):
    """(N, edges, h, w) to (N, points, h, w): the edges each point lies on, summed, at most 1."""

    def __init__(self, points: int, edges: int) -> None:
        super().__init__()
        self.ones = nn.Parameter(torch.zeros(1, MAP, MAP), requires_grad=False)
        self.edge2point = nn.Parameter(torch.zeros(points, edges + 1), requires_grad=False)

    def forward(self, edges: Tensor) -> Tensor:
        """Maps of points."""
        every = torch.cat([edges, self.ones.expand(len(edges), 1, -1, -1)], 1)
        return torch.einsum("nehw,pe->nphw", every, self.edge2point).clamp(max=1)


class SpigaBackbone(nn.Module):
    """(N, 3, 256, 256) BGR in 0..1 to maps (N, C, 64, 64) and what the pose is read from (N, C, 1, 1)."""

    def __init__(self, points: int, edges: int, width: int) -> None:
        super().__init__()
        self.pre = nn.Sequential(
            Places(),
            Conv(6, 64, 7, 2, normed=True),
            Residual(64, 128),
            _halved(128),
            Residual(128, 128),
            Residual(128, width),
        )
        between = range(STACKS - 1)
        self.hgs = nn.ModuleList(Hourglass(DEPTH, width) for _ in range(STACKS))
        self.hgs_out = nn.ModuleList(
            nn.Sequential(Residual(width, width), Conv(width, width, 1, normed=True)) for _ in range(STACKS)
        )
        self.hgs_core = nn.ModuleList(
            nn.Sequential(Residual(width, width), _halved(width), Residual(width, width), _halved(width))
            for _ in range(STACKS)
        )
        self.outs_points = nn.ModuleList(_sigmoid(width, points) for _ in between)
        self.outs_edges = nn.ModuleList(_sigmoid(width, edges) for _ in between)
        self.E2Ptransform = EdgesOfPoints(points, edges)
        self.outs_features = nn.ModuleList(Conv(width, points, 1) for _ in between)
        self.merge_preds = nn.ModuleList(Conv(points, width, 1) for _ in between)
        self.merge_features = nn.ModuleList(Conv(width, width, 1) for _ in between)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Of the last hourglass; only its core is asked for the pose."""
        x = self.pre(images)
        for place, hourglass in enumerate(self.hgs):
            maps, core = hourglass(x)
            maps = self.hgs_out[place](maps)
            if place < STACKS - 1:
                x = x + self._told(maps, place)
        return maps, self.hgs_core[-1](core)

    def _told(self, maps: Tensor, place: int) -> Tensor:
        """What an hourglass tells the next one."""
        weight = self.outs_points[place](maps) * self.E2Ptransform(self.outs_edges[place](maps))
        points = self.outs_features[place](maps) * weight
        return self.merge_preds[place](points) + self.merge_features[place](maps)


def turned(angles: Tensor) -> Tensor:
    """(N, 3, 3) from yaw, pitch, roll (N, 3) in degrees: takes forward, left, down of a face to right, down, away.

    Rotations about the vertical, about the way across and about the way ahead, in this order (the equations of
    spiga/models/gnn/pose_proj.py).
    """
    yaw, pitch, roll = (angles.new_tensor([90, 0, -90]) - angles).deg2rad().unbind(1)
    none, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    across = _matrix(yaw.cos(), none, yaw.sin(), none, one, none, -yaw.sin(), none, yaw.cos())
    up = _matrix(pitch.cos(), -pitch.sin(), none, pitch.sin(), pitch.cos(), none, none, none, one)
    ahead = _matrix(one, none, none, none, roll.cos(), -roll.sin(), none, roll.sin(), roll.cos())
    return across @ up @ ahead


def _matrix(*rows: Tensor) -> Tensor:
    return torch.stack(rows, 1).reshape(-1, 3, 3)


def project(mean: Tensor, pose: Tensor, focal: float, middle: float) -> Tensor:
    """(N, L, 2): a mean face (L, 3) in perspective, turned and moved by the pose (N, 6), in pixels of the maps."""
    placed = mean @ turned(pose[:, :3]).transpose(1, 2) + pose[:, None, 3:]
    return focal * placed[..., :2] / placed[..., 2:] + middle
