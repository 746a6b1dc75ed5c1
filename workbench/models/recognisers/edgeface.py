"""EdgeFace: EdgeNeXt made small for face recognition.

Source: George et al., "EdgeFace", TBIOM 2024, arXiv 2307.01838 (otroshi/edgeface). Weights CC BY-NC-SA 4.0. Names
follow
its files, which put `model.` before timm's.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.models.blocks.edgenext import EdgeNeXt, Shape
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.recognisers.hub_recogniser import HubRecogniser, scaled

SIZE, VECTOR = 112, 512
SHAPES = {
    "edgeface-base": Shape((80, 160, 288, 584), (3, 3, 9, 3), 8),
    "edgeface-s": Shape((48, 96, 160, 304), (3, 3, 9, 3), 8, 0.5),
    "edgeface-xs": Shape((32, 64, 100, 192), (3, 3, 9, 3), 4, 0.6),
    "edgeface-xxs": Shape((24, 48, 88, 168), (2, 2, 6, 2), 4),
}


class EdgeFace(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to (N, 512), not normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.model = EdgeNeXt(shape, VECTOR)

    def forward(self, chips: Tensor) -> Tensor:
        """Vectors of a batch of chips."""
        return self.model(scaled(chips))


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """The network the row's id names. Raises BadWeights for the file of another one."""
    if spec.id not in SHAPES:
        raise BadWeights(f"{spec.id}: expected one of {', '.join(SHAPES)}.")
    weights = checkpoint.stripped(checkpoint.read(files["weights"]), "model.stem.0.weight", ("module.", ""))
    network = checkpoint.install(partial(EdgeFace, SHAPES[spec.id]), weights, spec.title, device)
    return HubRecogniser(spec, network, arcface(SIZE), SIZE, "model.stages")
