"""What every scorer has in common: it sees one square chip of a face, and answers with numbers that have gradients.

A chip is uint8 RGB, S × S × 3; a batch of chips is a float32 tensor, N × 3 × S × S, 0..255. `window` says where in the
photo the chip lies, so that anything computed on the chip can be drawn on the photo.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from workbench import images
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.models.blocks.windows import Window
from workbench.thresholds import Metric, calibrated
from workbench.values import Embedding, Face, Scores, check_image

EXPRESSIONS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
"""The one order of expressions; a model that knows fewer keeps the order of those it knows."""

BATCH = 32


class ChipModel:
    """A torch network and the square it wants to see.

    network: (N, 3, S, S) RGB 0..255 to numbers, frozen. size: S. layer: name of the last part of the network whose
    output still has places in it. selector: a network trained beside this one that says which pixels each label rests
    on, chips (N, 3, S, S) to (N, number of labels, S, S); None for most.
    """

    selector: nn.Module | None = None

    def __init__(self, spec: ModelSpec, network: nn.Module, window: Window, size: int, layer: str) -> None:
        self.spec, self.network, self.size, self.layer = spec, network, size, layer
        self._window = window
        self.device = next((weight.device for weight in network.parameters()), torch.device("cpu"))

    @property
    def features(self) -> nn.Module:
        """The part of the network, for activation maps, that gives (N, C, h, w); a vision transformer's, tokens (N, 1 +
        h·w, C)."""
        return self.network.get_submodule(self.layer)

    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        """The (2, 3) matrix from photo points to chip points, and the chip's side in pixels.

        shape: of the photo; no window needs it today. Raises BadRequest when the face lacks the points it aligns by.
        """
        return self._window(face), self.size

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The chip of a face: (S, S, 3) uint8; what lies outside the photo repeats its edge."""
        matrix, size = self.window(face, check_image(image).shape)
        return images.warp(image, matrix, (size, size))

    def tensor(self, chips: np.ndarray | Sequence[np.ndarray]) -> Tensor:
        """Chips (N, S, S, 3) or one chip (S, S, 3) as a batch for `forward`. Raises BadRequest for another shape or
        type."""
        array = np.asarray(chips)
        array = array[None] if array.ndim == 3 else array
        if array.ndim != 4 or array.shape[1:] != (self.size, self.size, 3) or array.dtype != np.uint8:
            raise BadRequest(
                f"Chips: expected N × {self.size} × {self.size} × 3 of uint8, got {array.shape} of {array.dtype}."
            )
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device).permute(0, 3, 1, 2).float()

    def forward(self, chips: Tensor) -> Tensor:
        """The network's numbers for a batch of chips, with gradients to the chips."""
        return self.network(chips)

    def values(self, chips: Tensor) -> Tensor:
        """The same as a person reads them: (N, number of labels), with gradients."""
        return self.forward(chips)

    def batch(self, chips: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """`values` of any number of chips, in rounds of 32: (N, number of labels) float32."""
        with torch.inference_mode():
            rounds = [
                self.values(self.tensor(chips[at : at + BATCH])).cpu().numpy() for at in range(0, len(chips), BATCH)
            ]
        return np.concatenate(rounds) if rounds else np.zeros((0, 0), np.float32)

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """{"output": (n,) float32} of one chip (S, S, 3) uint8, as the network says it."""
        with torch.inference_mode():
            return {"output": self.forward(self.tensor(check_image(image)))[0].cpu().numpy()}


class ExpressionModel(ChipModel):
    """Tells expressions apart. `forward` gives logits and `values` probabilities, in the order of `labels`."""

    def __init__(
        self, spec: ModelSpec, network: nn.Module, window: Window, size: int, layer: str, order: Sequence[str]
    ) -> None:
        """order: what the network's outputs mean, in its own order, in words of `EXPRESSIONS`."""
        super().__init__(spec, network, window, size, layer)
        self.labels = tuple(name for name in EXPRESSIONS if name in order)
        if len(self.labels) != len(order):
            raise BadRequest(f"{spec.id}: expected labels out of {', '.join(EXPRESSIONS)}, got {', '.join(order)}.")
        self._places = torch.tensor([list(order).index(name) for name in self.labels], device=self.device)

    def forward(self, chips: Tensor) -> Tensor:
        """(N, number of labels) logits."""
        return self.network(chips).index_select(1, self._places)

    def values(self, chips: Tensor) -> Tensor:
        """(N, number of labels) probabilities that sum to 1."""
        return self.forward(chips).softmax(1)

    def scores(self, image: np.ndarray, face: Face) -> Scores:
        """The probability of every expression of one face."""
        return Scores(self.labels, self.batch(self.crop(image, face)[None])[0], self.spec.id)


class AttributeModel(ChipModel):
    """Reads attributes off a face: shares of one probability, or numbers with a unit of their own."""

    def __init__(
        self, spec: ModelSpec, network: nn.Module, window: Window, size: int, layer: str, levels: Tensor | None = None
    ) -> None:
        """levels: (k,) what the k outputs stand for (years); then the one value is their expectation."""
        super().__init__(spec, network, window, size, layer)
        self.labels = spec.labels
        self.exclusive = levels is None
        self._levels = None if levels is None else levels.to(self.device)

    def values(self, chips: Tensor) -> Tensor:
        """(N, number of labels): probabilities, or the expectation in the label's unit."""
        shares = self.forward(chips).softmax(1)
        return shares if self._levels is None else (shares * self._levels).sum(1, keepdim=True)

    def scores(self, image: np.ndarray, face: Face) -> Scores:
        """The value of every label for one face."""
        return Scores(self.labels, self.batch(self.crop(image, face)[None])[0], self.spec.id, self.exclusive)


class NumberModel(AttributeModel):
    """Reads numbers with a unit of their own off a face: what the network says is the value."""

    def __init__(self, spec: ModelSpec, network: nn.Module, window: Window, size: int, layer: str) -> None:
        super().__init__(spec, network, window, size, layer)
        self.exclusive = False

    def values(self, chips: Tensor) -> Tensor:
        """(N, number of labels), in the labels' units."""
        return self.forward(chips)


class ProbabilityModel(NumberModel):
    """Reads attributes off a face, each a probability of its own."""

    def values(self, chips: Tensor) -> Tensor:
        """(N, number of labels) probabilities."""
        return self.forward(chips).sigmoid()


class Recogniser(ChipModel):
    """Turns a face into a vector; two vectors are compared by `metric`: "cosine" (more is nearer) or "l2" (less is
    nearer).

    threshold: the value at which one of a hundred pairs of different people is taken for one person, on the calibration
    half of the figures in docs/scorers.md; None when nobody has calibrated this model.
    """

    def __init__(self, spec: ModelSpec, network: nn.Module, window: Window, size: int, layer: str, metric: str) -> None:
        super().__init__(spec, network, window, size, layer)
        self.metric = Metric.of(metric)
        self.threshold = calibrated(spec.id)

    def align(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The chip of a face by this model's own template: (S, S, 3) uint8."""
        return self.crop(image, face)

    def forward(self, chips: Tensor) -> Tensor:
        """(N, d) vectors as the metric wants them: unit length for cosine, as they are for l2."""
        vectors = self.network(chips)
        return nn.functional.normalize(vectors, dim=1) if self.metric is Metric.COSINE else vectors

    def embed(self, image: np.ndarray, face: Face) -> Embedding:
        """One face's vector."""
        return Embedding(self.batch(self.align(image, face)[None])[0], self.metric, self.spec.id)
