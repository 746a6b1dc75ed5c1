"""RTNet: parses a face in the wild through its RoI tanh-polar frame (hhj1897/face_parsing, MIT).

Lin et al., RoI Tanh-polar transformer network for face parsing in the wild, Image and Vision Computing 2021, arXiv
2102.02717, section 3. A residual network of output stride 8; where it is hybrid, half of the channels are convolved on
the polar map and half on the same map straightened out. In iBugMask's labels "left" is the image's left: the
repository's pictures show it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.geometry import square_crop
from workbench.models.blocks.folding import fold_norms
from workbench.models.blocks.pixels import HALF, batch
from workbench.models.blocks.polar_warp import Half, PolarCartesian, grid, restore, sample_polar, warp_photo
from workbench.models.files.checkpoint import install, read
from workbench.models.parsers.hub_parser import LAPA_ORDER, HubParser
from workbench.values import Face, FaceScores, check_image

SIDE = 513
DEPTHS = {"rtnet50": (3, 4, 6, 3), "rtnet101": (3, 4, 23, 3)}
ORDERS = {11: LAPA_ORDER, 14: [*LAPA_ORDER, "image_left_ear", "image_right_ear", "eyeglasses"]}
REGION = 2.6
"""Side of the square in which a face's answer is given, as a multiple of its box's geometric mean."""


class Bottleneck(nn.Module):
    """1 × 1, 3 × 3, 1 × 1 and a way around."""

    def __init__(self, inputs: int, planes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)

    def forward(self, x: Tensor, half: Half) -> Tensor:
        """(N, 4 · planes, H, W) to the same."""
        inner = functional.relu(self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x))))))
        return functional.relu(self.bn3(self.conv3(inner)) + x)


class Around(nn.Module):
    """Pads a polar map: rows go round, columns repeat."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H + 2 · width, W + 2 · width)."""
        x = functional.pad(x, (0, 0, self.width, self.width), "circular")
        return functional.pad(x, (self.width, self.width, 0, 0), "replicate")


class HybridBlock(nn.Module):
    """Half of the channels convolved on the polar map, half on the straightened one if `hybrid`, and a way around."""

    def __init__(self, inputs: int, planes: int, stride: int = 1, dilation: int = 1, hybrid: bool = False) -> None:
        super().__init__()
        width, outputs = planes // 2, planes * 4
        self.hybrid = hybrid
        self.conv1_a = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1_a = nn.BatchNorm2d(width)
        self.conv1_b = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1_b = nn.BatchNorm2d(width)
        polar = nn.Conv2d(width, width, 3, stride, 0, dilation, bias=False)
        straight = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.conv_polar = nn.Sequential(nn.Sequential(Around(dilation), polar), nn.BatchNorm2d(width))
        self.conv_cart = nn.Sequential(straight, nn.BatchNorm2d(width))
        self.conv3 = nn.Conv2d(2 * width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor, frames: PolarCartesian | Half) -> Tensor:
        """(N, inputs, H, W) to (N, 4 · planes, H / stride, W / stride). frames: of maps of this size, where hybrid."""
        a = self.conv_polar(functional.relu(self.bn1_a(self.conv1_a(x))))
        b = functional.relu(self.bn1_b(self.conv1_b(x)))
        bent = isinstance(frames, PolarCartesian) and self.hybrid
        b = frames.polar(self.conv_cart(frames.cartesian(b))) if bent else self.conv_cart(b)  # type: ignore[union-attr]
        mixed = self.bn3(self.conv3(functional.relu(torch.cat([a, b], dim=1))))
        return functional.relu(mixed + (x if self.downsample is None else self.downsample(x)))


class Encoder(nn.Module):
    """The residual network: (N, 3, H, W) to (N, 2048, H / 8, W / 8)."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        for index, (stride, first, rest) in enumerate(((1, 1, 1), (2, 1, 1), (1, 1, 2), (1, 2, 4))):
            inputs, planes = (64, 64) if index == 0 else (128 << index, 64 << index)
            blocks: list[nn.Module] = [HybridBlock(inputs, planes, stride, first)]
            for _ in range(1, depths[index]):
                blocks.append(
                    HybridBlock(planes * 4, planes, 1, rest, hybrid=True) if index else Bottleneck(planes * 4, planes)
                )
            self.add_module(f"layer{index + 1}", nn.ModuleList(blocks))

    def forward(self, x: Tensor, half: Half) -> Tensor:
        """half: of the face box, in any unit."""
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        frames: PolarCartesian | None = None
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in layer:  # type: ignore[union-attr]
                if getattr(block, "hybrid", False) and frames is None:
                    frames = PolarCartesian(half, x.shape[2], x.shape[3], x.device)
                x = block(x, frames or half)
        return x


class RTNet(nn.Module):
    """Polar frames (N, 3, H, W), normalised BGR, to logits (N, classes, H, W) on the same frames."""

    def __init__(self, depths: tuple[int, ...], classes: int) -> None:
        """depths: blocks of the four layers. Untrained."""
        super().__init__()
        self.encoder = Encoder(depths)
        self.decoder = nn.Sequential(
            nn.Conv2d(2048, 512, 3, 1, 1, bias=False),
            nn.BatchNorm2d(512),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(512, classes, 1),
        )

    def forward(self, pixels: Tensor, half: Half) -> Tensor:
        """half: half the width and height of the face box the frames were made with; only their ratio matters."""
        return functional.interpolate(
            self.decoder(self.encoder(pixels, half)), pixels.shape[2:], mode="bilinear", align_corners=False
        )


def face_box(face: Face) -> tuple[float, float, float, float]:
    """What RTNet's detector would have boxed: the extent of the face's mesh where it is known, otherwise the box."""
    if face.mesh is None:
        return tuple(float(value) for value in face.box)  # type: ignore[return-value]
    low, high = face.mesh[:468, :2].min(axis=0), face.mesh[:468, :2].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def region(face: Face, shape: Sequence[int], size: int) -> np.ndarray:
    """The (2, 3) matrix from the photo to an upright square around the face's box."""
    left, top, right, bottom = face_box(face)
    side = REGION * float(np.sqrt((right - left) * (bottom - top)))
    return square_crop(np.array([(left + right) / 2, (top + bottom) / 2]), side, 0.0, size)


class RTNetParser(HubParser):
    """The parser. Explanations look through `forward`, which takes every box for a square; parsing uses the box's own
    shape."""

    def __call__(self, image: np.ndarray, face: Face) -> FaceScores:
        """The probability of every canonical part around one face, on a square of 513 pixels."""
        matrix, size = self.window(face, check_image(image).shape)
        back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2].astype(np.float32)
        places = grid(size, size, self.device) @ torch.from_numpy(back[:, :2].T).to(self.device) + torch.from_numpy(
            back[:, 2]
        ).to(self.device)
        box = face_box(face)
        with torch.inference_mode():
            shares = self._shares(self._logits(image, box), box, places)[0]
            absent = torch.zeros_like(shares[:1])
            found = torch.cat([shares, absent]).index_select(0, self._places)
        return FaceScores(found.cpu().numpy(), matrix.astype(np.float32))

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, 513, 513) RGB in 0..255, cut by `crop`, to (N, 19, 513, 513) log-probabilities, with gradients to the
        chips."""
        middle, half = (self.size - 1) / 2, self.size / REGION / 2
        box = (middle - half, middle - half, middle + half, middle + half)
        frames = self.normal(sample_polar(chips.flip(1), box, self.size))
        shares = self._shares(self.network(frames, (half, half)), box, grid(self.size, self.size, chips.device))
        return self.canonical(shares.clamp(min=1e-6).log())

    def raw(self, image: np.ndarray, box: Sequence[float] | None = None) -> dict[str, np.ndarray]:
        """{"logits": (classes, 513, 513) on the polar frame, "scores": (classes, H, W) on the photo}, float32.

        box: left, top, right, bottom of the face in photo pixels; without one, the whole photo. The photo is warped by
        OpenCV and given to the network as BGR, as the authors do. Scores are probabilities; outside the frame the
        background's is 1.
        """
        height, width = check_image(image).shape[:2]
        box = (0.0, 0.0, float(width), float(height)) if box is None else box
        with torch.inference_mode():
            logits = self._logits(image, box)
            scores = self._shares(logits, box, grid(height, width, self.device))
        return {"logits": logits[0].cpu().numpy(), "scores": scores[0].cpu().numpy()}

    def _logits(self, image: np.ndarray, box: Sequence[float]) -> Tensor:
        if not (box[0] < box[2] and box[1] < box[3]):
            raise BadRequest(f"box: expected left < right and top < bottom, got {list(box)}.")
        frame = warp_photo(image[..., ::-1], box, self.size)
        return self.network(self.normal(batch(frame, self.device)), ((box[2] - box[0]) / 2, (box[3] - box[1]) / 2))

    def _shares(self, logits: Tensor, box: Sequence[float], places: Tensor) -> Tensor:
        """Probabilities at photo points; what the frame does not hold is background."""
        shares = logits.softmax(1)
        turned = restore(torch.cat([1 - shares[:, :1], shares[:, 1:]], dim=1), box, places)
        return torch.cat([1 - turned[:, :1], turned[:, 1:]], dim=1)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> RTNetParser:
    """The variant a row's id names: rtnet50-11, rtnet50-14 or rtnet101-14.

    Takes the authors' file (weights bare or under `state_dict`) or safetensors. Raises BadWeights, naming what it looks
    like.
    """
    name, _, classes = spec.id.partition("-")
    depths, count = DEPTHS[name], int(classes)
    network = fold_norms(install(lambda: RTNet(depths, count), read(files["weights"]), spec.title, device))
    return RTNetParser(spec, network, SIDE, HALF, ORDERS[count], device, region, "encoder")
