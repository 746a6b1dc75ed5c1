"""Models whose right heatmap is known: a linear one, a constant one, a mirror-symmetric one, a sticker finder, a blind
one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from workbench.explanation.anatomy import anatomy
from workbench.thresholds import Metric


class Toy:
    """A Scorer around any network; the chip is the photo itself."""

    def __init__(
        self, network: nn.Module, size: int, labels: tuple[str, ...], layer: str | None = None, gradients: bool = True
    ):
        self.network, self.size, self.labels = network.eval().requires_grad_(False), size, labels
        self.layer = layer
        self.exclusive = True
        self.metric = Metric.COSINE
        self.device = torch.device("cpu")
        self.spec = SimpleNamespace(id="toy", gradients=gradients)

    @property
    def features(self) -> nn.Module | None:
        return None if self.layer is None else self.network.get_submodule(self.layer)

    def window(self, face: object, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        return np.array([[1.0, 0, 0], [0, 1, 0]]), self.size

    def crop(self, image: np.ndarray, face: object) -> np.ndarray:
        return image[: self.size, : self.size]

    def forward(self, chips: Tensor) -> Tensor:
        return self.network(chips)

    def values(self, chips: Tensor) -> Tensor:
        return self.forward(chips).softmax(1)


def abilities(toy: Toy) -> frozenset[str]:
    return anatomy(toy).abilities


class Linear(nn.Module):
    """Two logits: the sum of weight times pixel, and zero."""

    def __init__(self, size: int, seed: int = 0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, size, size, generator=torch.Generator().manual_seed(seed)) / 100)

    def forward(self, x: Tensor) -> Tensor:
        score = (x * self.weight).sum(dim=(1, 2, 3))
        return torch.stack([score, torch.zeros_like(score)], dim=1)


class Constant(nn.Module):
    """The same answer to every chip, though it has a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        self.look(x)
        return torch.tensor([[0.3, 0.7]]).repeat(len(x), 1)


class Convolutional(nn.Module):
    """A small convolutional classifier; `symmetric` makes every kernel its own mirror image."""

    def __init__(self, classes: int = 2, seed: int = 0, symmetric: bool = False, size: int = 32):
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.AvgPool2d(2),
        )
        self.head = nn.Conv2d(16, classes, size // 4)
        if symmetric:
            with torch.no_grad():
                for layer in (self.body[0], self.body[3], self.head):
                    layer.weight.copy_((layer.weight + layer.weight.flip(-1)) / 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x / 127.5 - 1)).flatten(1)


def linear(size: int = 16) -> Toy:
    return Toy(Linear(size), size, ("yes", "no"))


def constant(size: int = 32) -> Toy:
    network = Constant()
    return Toy(network, size, ("yes", "no"), "look")


def convolutional(symmetric: bool = False, seed: int = 0, size: int = 32) -> Toy:
    network = Convolutional(symmetric=symmetric, seed=seed, size=size)
    return Toy(network, size, ("yes", "no"), "body")


def chip(size: int, seed: int = 0) -> Tensor:
    """Smooth random colours, 0 to 255."""
    coarse = torch.rand((1, 3, 6, 6), generator=torch.Generator().manual_seed(seed)) * 255
    return nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 255)


def sticker(count: int, size: int = 32, side: int = 7, seed: int = 0) -> tuple[Tensor, Tensor, np.ndarray]:
    """Noise chips, half of them with a bright square: chips, whether there is one, and its (top, left)."""
    random = np.random.default_rng(seed)
    chips = random.uniform(60, 160, (count, 3, size, size)).astype(np.float32)
    places = random.integers(2, size - side - 2, (count, 2))
    truth = np.arange(count) % 2
    for index in np.flatnonzero(truth):
        top, left = places[index]
        chips[index, :, top : top + side, left : left + side] = np.array([250, 220, 20])[:, None, None]
    return torch.from_numpy(chips), torch.from_numpy(truth), places


@dataclass
class Trained:
    toy: Toy = field(default_factory=lambda: Toy(nn.Identity(), 32, ("plain", "sticker")))
    accuracy: float = 0.0


def sticker_finder(steps: int = 60) -> Trained:
    """A convolutional classifier trained here, in a second or two, to tell chips with a sticker from those without."""
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
    network = nn.Sequential(Scale(), body, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 2))
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    for step in range(steps):
        chips, truth, _ = sticker(64, seed=100 + step)
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(chips), truth).backward()
        optimiser.step()
    chips, truth, _ = sticker(200, seed=7)
    with torch.no_grad():
        accuracy = float((network.eval()(chips).argmax(1) == truth).float().mean())
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return Trained(Toy(network, 32, ("plain", "sticker"), "1"), accuracy)


class Scale(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 127.5 - 1


class Transformer(nn.Module):
    """A vision transformer of two blocks on 4 × 4 patches with a class token."""

    def __init__(self, size: int = 32, width: int = 16, heads: int = 2, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        self.patch = nn.Conv2d(3, width, size // 4, stride=size // 4)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.place = nn.Parameter(torch.randn(1, 17, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(2)))
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x / 127.5 - 1).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], dim=1) + self.place
        return self.head(self.blocks(tokens)[:, 0])


class Block(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x + self.mlp(x)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.num_heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        n, t, d = x.shape
        q, k, v = (
            f(x).reshape(n, t, self.num_heads, -1).transpose(1, 2) for f in (self.q_proj, self.k_proj, self.v_proj)
        )
        weights = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1)
        self.seen = weights.detach()
        return self.o_proj((weights @ v).transpose(1, 2).reshape(n, t, d))


def transformer() -> Toy:
    network = Transformer()
    return Toy(network, 32, ("yes", "no"), "blocks")
