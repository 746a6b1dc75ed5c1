"""SwinFace: one Swin transformer for who somebody is, how they look and how old.

Source: Qin et al., "SwinFace", TCSVT 2023, arXiv 2308.11509 (lxq1000/SwinFace, MIT). Names follow the four dictionaries
of its checkpoint. Whether expressions stand in RAF-DB's order is not said there; it is taken.
"""

import weakref
from collections.abc import Mapping
from itertools import accumulate, pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.celeba import CELEBA_40
from workbench.catalog.spec import ModelSpec
from workbench.models.blocks import swin
from workbench.models.blocks.chips import ExpressionModel, NumberModel, ProbabilityModel
from workbench.models.blocks.windows import arcface
from workbench.models.files import checkpoint
from workbench.models.recognisers.hub_recogniser import HubRecogniser, scaled

SIZE, VECTOR = 112, 512
WIDTH, PATCH, WINDOW, DEPTHS, HEADS = 96, 2, 7, (2, 2, 6, 2), (3, 6, 12, 24)
SEEN, MADE = (192, 384, 768, 768), (47, 93, 186, 186)
"""Channels of the four maps a branch looks at, and what it makes of each."""
OUTPUTS = ((2,), (1, 2), (7, 2), (2,) * 6, (2,) * 10, (2,) * 5, (2, 2), (2,) * 4, (2,) * 6, (2, 2), (2, 2))
"""Of each of the eleven branches: how many numbers each of its answers has."""
RAF_DB = ("surprise", "fear", "disgust", "happy", "sad", "anger", "neutral")
AGE, EXPRESSION = 1, 3
"""Places of the two answers that are no attributes."""
ATTRIBUTES = (
    "Male", "Young", "Smiling",
    "Attractive", "Blurry", "Chubby", "Heavy_Makeup", "Oval_Face", "Pale_Skin",
    "Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Receding_Hairline", "Straight_Hair",
    "Wavy_Hair", "Wearing_Hat",
    "Arched_Eyebrows", "Bags_Under_Eyes", "Bushy_Eyebrows", "Eyeglasses", "Narrow_Eyes",
    "Big_Nose", "Pointy_Nose",
    "High_Cheekbones", "Rosy_Cheeks", "Wearing_Earrings", "Sideburns",
    "5_o_Clock_Shadow", "Big_Lips", "Mouth_Slightly_Open", "Mustache", "Wearing_Lipstick", "No_Beard",
    "Double_Chin", "Goatee",
    "Wearing_Necklace", "Wearing_Necktie",
)  # fmt: skip
"""CelebA's words in the order of the answers, the two others left out."""
PARTS = ("state_dict_backbone", "state_dict_fam", "state_dict_tss", "state_dict_om")
NAMES = dict(zip(PARTS, ("backbone", "fam", "tss", "om"), strict=True))


class Backbone(nn.Module):
    """(N, 3, 112, 112) in −1..1 to a vector (N, 512) and maps (N, 2112, 7, 7) of all four stages."""

    def __init__(self) -> None:
        super().__init__()
        last = WIDTH << 3
        self.patch_embed = swin.Patches(WIDTH, PATCH)
        self.layers = swin.stages(WIDTH, SIZE // PATCH, WINDOW, DEPTHS, HEADS)
        self.norm = nn.LayerNorm(last)
        self.feature = nn.Sequential(
            nn.Linear(last, last, bias=False),
            nn.BatchNorm1d(last, eps=2e-5),
            nn.Linear(last, VECTOR, bias=False),
            nn.BatchNorm1d(VECTOR, eps=2e-5),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Vector and maps."""
        x, maps = self.patch_embed(x), []
        for layer in self.layers:
            x = layer(x)
            maps.append(functional.adaptive_avg_pool2d(x.permute(0, 3, 1, 2), WINDOW))
        return self.feature(self.norm(x.flatten(1, 2)).mean(1)), torch.cat(maps, 1)


class Gate(nn.Module):
    """Channels weighted by their mean and their largest value (Woo et al., CBAM, arXiv 1807.06521, section 3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(width, width // 16), nn.ReLU(), nn.Linear(width // 16, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        weight = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))
        return x * weight.sigmoid()[..., None, None]


class Convolutions(nn.Module):
    """One convolution per stage's map."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(seen, made, 3, padding=1, bias=False) for seen, made in zip(SEEN, MADE, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2112, H, W) to (N, 512, H, W)."""
        cuts = pairwise(accumulate(SEEN, initial=0))
        return torch.cat([conv(x[:, a:b]) for conv, (a, b) in zip(self.convs, cuts, strict=True)], 1)


class Branch(nn.Module):
    """Maps to the 512 numbers of one group of answers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = Convolutions()
        self.channel_attention = Gate(VECTOR)
        self.norm = nn.BatchNorm1d(VECTOR, eps=2e-5)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, 2112, H, W) to (N, 512)."""
        return self.norm(functional.relu(self.channel_attention(self.conv(maps))).amax((2, 3)))


class Steps(nn.Module):
    """Two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Linear(VECTOR, VECTOR), nn.ReLU(), nn.Dropout(), nn.Linear(VECTOR, VECTOR), nn.ReLU()]
        self.feature = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 512) to the same."""
        return self.feature(x)


class Nets(nn.Module):
    """Eleven of a kind, under the name nets."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(kind() for _ in OUTPUTS)


class Outputs(nn.Module):
    """The last layer of every answer."""

    def __init__(self) -> None:
        super().__init__()
        self.output_fcs = nn.ModuleList(nn.Linear(VECTOR, count) for group in OUTPUTS for count in group)


class SwinFace(nn.Module):
    """(N, 3, 112, 112) RGB in 0..255 to the vector (N, 512) and 42 answers, (N, 1, 2 or 7) each."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.fam, self.tss, self.om = Backbone(), Nets(Branch), Nets(Steps), Outputs()

    def vector(self, chips: Tensor) -> Tensor:
        """(N, 512), not normalised."""
        return self.backbone(scaled(chips))[0]

    def answers(self, chips: Tensor, wanted: tuple[int, ...]) -> list[Tensor]:
        """Those at these places; branches nobody asks do not run."""
        maps = self.backbone(scaled(chips))[1]
        groups = [place for place, group in enumerate(OUTPUTS) for _ in group]
        steps = {group: self.tss.nets[group](self.fam.nets[group](maps)) for group in {groups[i] for i in wanted}}
        return [self.om.output_fcs[i](steps[groups[i]]) for i in wanted]


class Asked(nn.Module):
    """One kind of answer of the network: (N, 3, 112, 112) RGB in 0..255 to (N, k)."""

    def __init__(self, network: SwinFace, wanted: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.network, self.wanted = network, wanted

    def forward(self, chips: Tensor) -> Tensor:
        """The vector; or one answer; or, of several with two numbers each, how much more the second says."""
        if not self.wanted:
            return self.network.vector(chips)
        found = self.network.answers(chips, self.wanted)
        return found[0] if len(found) == 1 else torch.stack([pair[:, 1] - pair[:, 0] for pair in found], 1)


_shared: "weakref.WeakValueDictionary[tuple[str, int, str], SwinFace]" = weakref.WeakValueDictionary()
"""The network of a file while somebody holds it: its rows keep one copy of the weights."""


def _network(spec: ModelSpec, path: Path, device: str) -> SwinFace:
    key = str(path), path.stat().st_mtime_ns, device
    network = _shared.get(key)
    if network is None:
        parts = checkpoint.parts(path, PARTS)
        named = {f"{NAMES[part]}.{name}": value for part, group in parts.items() for name, value in group.items()}
        kept = {name: value for name, value in named.items() if not name.startswith("backbone.head.")}
        network = checkpoint.install(SwinFace, swin.learned(kept), spec.title, device)  # type: ignore[assignment]
        _shared[key] = network  # type: ignore[assignment]
    return network  # type: ignore[return-value]


LAYER = "network.backbone.layers.3"


def load_recogniser(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HubRecogniser:
    """Who somebody is. Raises BadWeights for the file of another network."""
    return HubRecogniser(spec, Asked(_network(spec, files["weights"], device)), arcface(SIZE), SIZE, LAYER)


def load_expression(spec: ModelSpec, files: Mapping[str, Path], device: str) -> ExpressionModel:
    """Seven expressions. Raises BadWeights for the file of another network."""
    network = Asked(_network(spec, files["weights"], device), (EXPRESSION,))
    return ExpressionModel(spec, network, arcface(SIZE), SIZE, LAYER, RAF_DB)


def load_age(spec: ModelSpec, files: Mapping[str, Path], device: str) -> NumberModel:
    """How old somebody looks, in years. Raises BadWeights for the file of another network."""
    network = Asked(_network(spec, files["weights"], device), (AGE,))
    return NumberModel(spec, network, arcface(SIZE), SIZE, LAYER)


def load_attributes(spec: ModelSpec, files: Mapping[str, Path], device: str) -> ProbabilityModel:
    """CelebA's forty attributes. Raises BadWeights for the file of another network."""
    places = [place for place in range(42) if place not in (AGE, EXPRESSION)]
    order = tuple(places[ATTRIBUTES.index(label)] for label in CELEBA_40)
    network = Asked(_network(spec, files["weights"], device), order)
    return ProbabilityModel(spec, network, arcface(SIZE), SIZE, LAYER)
