"""FP-Age: how old somebody looks, and how much each part of the face counted.

Source: Lin et al., "FP-Age", TIP 2022, arXiv 2106.11145 (ibug-group/fpage, MIT; its trunk: hhj1897/face_parsing). A
parser's features are weighted by its own parts, and each part by a gate of one number, 0 to 1. Names follow the two
files. The face is seen in RTNet's polar frame. The authors add the answer to the mirrored photo, but mirror the box up
and down; here the face itself is mirrored.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet50

from workbench.catalog.spec import ModelSpec
from workbench.models.blocks.chips import NumberModel
from workbench.models.blocks.pixels import HALF, batch
from workbench.models.blocks.polar_warp import grid, restore, sample_polar, warp_photo
from workbench.models.files import checkpoint
from workbench.models.parsers.rtnet import ORDERS, REGION, SIDE, face_box, region
from workbench.values import Face, Scores, check_image

PARTS = ORDERS[14]
YEARS = 97
WIDTH = 512 // len(PARTS)
"""Channels per part."""


class Trunk(nn.Module):
    """A ResNet-50 of output stride 8, cut before its classifier, under the name body."""

    def __init__(self) -> None:
        super().__init__()
        self.body = resnet50(replace_stride_with_dilation=[False, True, True])
        del self.body.fc

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) to (N, 512, H / 8, W / 8) of the second layer and (N, 2048, H / 8, W / 8) of the last."""
        body = self.body
        x = body.maxpool(functional.relu(body.bn1(body.conv1(x))))
        second = body.layer2(body.layer1(x))
        return second, body.layer4(body.layer3(second))


class FaceParts(nn.Module):
    """The parser: what it knows of each place, and which part it takes it for."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Trunk()
        self.decoder = nn.Sequential(
            nn.Conv2d(2048, 512, 3, 1, 1, bias=False),
            nn.BatchNorm2d(512),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(512, len(PARTS), 1),
        )

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Second layer, (N, 512, h, w) features and (N, 14, h, w) logits."""
        second, last = self.encoder(frames)
        high = self.decoder[:3](last)
        return second, high, self.decoder[4](high)


class Gate(nn.Module):
    """Features by part, (N, 36 · 14, h, w), to a number per part, (N, 14) in 0..1."""

    def __init__(self) -> None:
        super().__init__()
        width = WIDTH * len(PARTS)
        self.mlp = nn.Sequential(
            nn.Flatten(), nn.Linear(width, width // 16), nn.ReLU(), nn.Linear(width // 16, len(PARTS))
        )

    def forward(self, x: Tensor) -> Tensor:
        """The gates."""
        return self.mlp(x.mean((2, 3))).sigmoid()


class Step(nn.Module):
    """Three convolutions, each seeing what the one before made; all three added to the input."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width // 2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width // 2)
        self.conv2 = nn.Conv2d(width // 2, width // 4, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width // 4)
        self.conv3 = nn.Conv2d(width // 4, width // 4, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        first = self.conv1(functional.relu(self.bn1(x)))
        second = self.conv2(functional.relu(self.bn2(first)))
        third = self.conv3(functional.relu(self.bn3(second)))
        return torch.cat([first, second, third], 1) + x


class AgeHead(nn.Module):
    """What the parser knows, to years and gates."""

    def __init__(self) -> None:
        super().__init__()
        width = WIDTH * len(PARTS)
        self.conv1x1_attened = nn.Conv2d(512, width, 1)
        self.se = Gate()
        self.conv1x1 = nn.Conv2d(512 + width, 256, 1)
        steps = [layer for _ in range(4) for layer in (Step(), nn.MaxPool2d(2))]
        self.age_net = nn.Sequential(*steps, nn.AdaptiveAvgPool2d(1))
        self.age_fc = nn.Sequential(nn.Linear(256, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, YEARS))

    def forward(self, second: Tensor, high: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """(N,) years, the expectation over 0 to 96, and (N, 14) gates."""
        seen = self.conv1x1_attened(high).unflatten(1, (WIDTH, len(PARTS))) * shares[:, None]
        gates = self.se(seen.flatten(1, 2))
        seen = (seen * gates[:, None, :, None, None]).flatten(1, 2)
        found = self.age_fc(self.age_net(self.conv1x1(torch.cat([second, seen], 1))).flatten(1))
        years = torch.arange(YEARS, device=found.device, dtype=found.dtype)
        return (found.softmax(1) * years).sum(1), gates


class FPAgeNet(nn.Module):
    """Chips (N, 3, 513, 513) RGB in 0..255, cut by `region`, to (N, 1) years."""

    def __init__(self, parts: FaceParts, head: AgeHead, size: int = SIDE) -> None:
        super().__init__()
        self.parts, self.head, self.side = parts, head, size
        middle, half = (size - 1) / 2, size / REGION / 2
        self.box = (middle - half, middle - half, middle + half, middle + half)

    def frames(self, chips: Tensor) -> Tensor:
        """Normalised polar frames, blue first, of chips."""
        return HALF(sample_polar(chips.flip(1), self.box, self.side))

    def looked(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N,) years, (N, 14) gates and (N, 14, h, w) shares of the parts, of frames."""
        second, high, logits = self.parts(frames)
        shares = logits.softmax(1)
        return (*self.head(second, high, shares), shares)

    def gate(self, chips: Tensor) -> Tensor:
        """(N, S, S) in 0..1: at each place the gates of the parts it is taken for."""
        _, gates, shares = self.looked(self.frames(chips))
        weighed = (shares * gates[..., None, None]).sum(1, keepdim=True)
        whole = functional.interpolate(weighed, (self.side, self.side), mode="bilinear", align_corners=False)
        return restore(whole, self.box, grid(self.side, self.side, chips.device))[:, 0]

    def gates(self, chips: Tensor) -> Mapping[str, float]:
        """The gate of every part, of one chip."""
        return dict(zip(PARTS, self.looked(self.frames(chips))[1][0].tolist(), strict=True))

    def forward(self, chips: Tensor) -> Tensor:
        """Years of a batch of chips."""
        return self.looked(self.frames(chips))[0][:, None]


class FPAge(NumberModel):
    """The scorer. Explanations look through `forward`, which takes every box for a square; scores use the box's own
    shape, and the mean with the mirrored face."""

    network: FPAgeNet

    def scores(self, image: np.ndarray, face: Face) -> Scores:
        """The years of one face."""
        return Scores(self.labels, self.raw(image, face_box(face))["age"], self.spec.id, self.exclusive)

    def raw(self, image: np.ndarray, box: Sequence[float] | None = None) -> dict[str, np.ndarray]:
        """`age` (1,), the mean with the mirrored face; `single` (1,) without; `gates` (14,) in the order of `PARTS`.

        box: left, top, right, bottom of the face in photo pixels; without one, the whole photo.
        """
        height, width = check_image(image).shape[:2]
        left, top, right, bottom = (0.0, 0.0, float(width), float(height)) if box is None else box
        turned = image[:, ::-1]
        boxes = ((left, top, right, bottom), (width - 1 - right, top, width - 1 - left, bottom))
        frames = [
            warp_photo(np.ascontiguousarray(photo[..., ::-1]), at, self.network.side)
            for photo, at in zip((image, turned), boxes, strict=True)
        ]
        with torch.inference_mode():
            ages, gates, _ = self.network.looked(HALF(batch(np.stack(frames), self.device)))
        return {
            "age": ages.mean()[None].cpu().numpy(),
            "single": ages[:1].cpu().numpy(),
            "gates": gates[0].cpu().numpy(),
        }


def load(spec: ModelSpec, files: Mapping[str, Path], device: str, size: int = SIDE) -> FPAge:
    """files: `weights` (fpage-resnet50-fcn-14-97.torch) and `trunk` (resnet50-fcn-14.torch). Raises BadWeights for the
    file of another network."""
    trunk = checkpoint.stripped(checkpoint.read(files["trunk"]), "encoder.body.conv1.weight", ("module.", ""))
    head = checkpoint.stripped(checkpoint.read(files["weights"]), "conv1x1_attened.weight", ("module.", ""))
    parts = checkpoint.install(FaceParts, trunk, spec.title, device)
    network = FPAgeNet(parts, checkpoint.install(AgeHead, head, spec.title, device), size)  # type: ignore[arg-type]
    return FPAge(spec, network, partial(_window, size=size), size, "head")


def _window(face: Face, size: int) -> np.ndarray:
    return region(face, (), size)
