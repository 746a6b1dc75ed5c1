"""SFNet-20, SphereFace's plain network, as OpenSphere trains it with SphereFace2's loss.

Sources: Wen et al., "SphereFace2", ICLR 2022, arXiv 2108.01513; Liu et al., "SphereFace", arXiv 1704.08063
(ydwen/opensphere, MIT). Names follow its files; the published network has no batch norms.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.recognisers.hub_recogniser import HubRecogniser, scaled, trim

SIZE, VECTOR = 112, 512
STAGES = ((64, 1), (128, 2), (256, 4), (512, 1))
"""Channels and residual blocks."""


class Down(nn.Module):
    """A convolution that halves, and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / 2, W / 2)."""
        return functional.relu(self.conv1(x))


class Block(nn.Module):
    """Two convolutions, added to the input, and ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return functional.relu(x + self.conv2(functional.relu(self.conv1(x))))


class SFNet(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 512), not normalised."""

    def __init__(self) -> None:
        super().__init__()
        inputs = 3
        for place, (width, count) in enumerate(STAGES, 1):
            self.add_module(f"layer{place}", nn.Sequential(Down(inputs, width), *(Block(width) for _ in range(count))))
            inputs = width
        self.fc = nn.Linear(inputs * 49, VECTOR)

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        x = scaled(chips)
        for place in range(1, len(STAGES) + 1):
            x = self.get_submodule(f"layer{place}")(x)
        return self.fc(x.flatten(1))


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """SFNet-20 without batch norms. Raises BadWeights for the file of another network."""
    weights = checkpoint.stripped(
        checkpoint.read(files["weights"]), "layer1.0.conv1.weight", ("backbone.", "module.", "model.", "")
    )
    network = trim(checkpoint.install(SFNet, weights, spec.title, device))
    return HubRecogniser(spec, network, arcface(SIZE), SIZE, "layer4")
