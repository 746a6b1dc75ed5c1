"""Vec2Face: a 112-pixel face from a recogniser's vector in one forward pass, in about half a second on one core.

The vector becomes 49 tokens, some are dropped and some replaced by the vector itself, two transformers fill the 7 × 7
map again, and a convolutional decoder draws it. Dropping is random, also when drawing: that is where pictures of one
vector differ. Names follow the published file. Source: Wu et al., "Vec2Face", ICLR 2025, arXiv 2409.02979
(HaiyuWu/Vec2Face).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import truncnorm
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, BadWeights
from workbench.models.blocks import memory
from workbench.models.files import checkpoint
from workbench.models.recognisers.insight_recogniser import full_length
from workbench.portraits import Preview, Recipe
from workbench.watch import Watch

RECOGNISER = "arcface-r100-vec2face"
SIDE, PLACES, ROW = 112, 49, 7

MASK = (0.15, 0.25, 0.1, 1.0)
"""Share of tokens replaced: mean, deviation, least, most of a truncated normal, as in the authors' script. The least is
also dropped."""


class Attention(nn.Module):
    """Self-attention over tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) to the same."""
        count, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(count, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(count, tokens, width))


class Mlp(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) to the same."""
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """A transformer block, norms first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = Attention(width, heads), Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) to the same."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class TokenEmbedding(nn.Module):
    """Learned places added to tokens, then a norm."""

    def __init__(self, width: int, places: int) -> None:
        super().__init__()
        self.position_embeddings = nn.Embedding(places, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-6)
        self.register_buffer("position_ids", torch.arange(places).expand(1, -1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, C) to the same."""
        return self.LayerNorm(x + self.position_embeddings(self.position_ids[:, : x.shape[1]]))


class Residual(nn.Module):
    """Two normed convolutions beside a shortcut; where the width changes, the released network takes the shortcut from
    their answer."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(32, inputs, eps=1e-6), nn.GroupNorm(32, outputs, eps=1e-6)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(outputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        inner = self.conv1(functional.silu(self.norm1(x)))
        inner = self.conv2(functional.silu(self.norm2(inner)))
        return inner + (self.nin_shortcut(inner) if hasattr(self, "nin_shortcut") else x)


class Upsample(nn.Module):
    """Twice as large by repeating, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, 2H, 2W)."""
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """Residuals at one size, then, but for the last, twice that size."""

    def __init__(self, inputs: int, outputs: int, grows: bool) -> None:
        super().__init__()
        self.block = nn.ModuleList([Residual(inputs, outputs), Residual(outputs, outputs)])
        if grows:
            self.upsample = Upsample(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H or 2H, W or 2W)."""
        for block in self.block:
            x = block(x)
        return self.upsample(x) if hasattr(self, "upsample") else x


class Decoder(nn.Module):
    """(N, Z, 7, 7) to (N, 3, 112, 112). widths: of the levels, largest picture first."""

    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        deepest = widths[-1]
        self.conv_in = nn.Conv2d(inputs, deepest, 3, 1, 1)
        self.mid = nn.ModuleDict({"block_1": Residual(deepest, deepest), "block_2": Residual(deepest, deepest)})
        before = (*widths[1:], deepest)
        self.up = nn.ModuleList([Level(before[i], width, i > 0) for i, width in enumerate(widths)])
        self.norm_out = nn.GroupNorm(32, widths[0], eps=1e-6)
        self.conv_out = nn.Conv2d(widths[0], 3, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Pixels in about −1..1."""
        x = self.conv_in(x)
        for block in self.mid.values():
            x = block(x)
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(functional.silu(self.norm_out(x)))


HEADS, SECOND_HEADS = {768: 12, 1024: 16, 1280: 16}, 16
"""Attention heads of the first transformer by its width, in the authors' base, large and huge networks; weights do not
tell them. The second has as many whatever its width."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the weights say of their network: vector, widths, depths. heads: of the first transformer; the second has
    16."""

    vector: int
    width: int
    depth: int
    second: int
    second_depth: int
    latent: int
    decoder: tuple[int, ...]
    patch: int
    heads: int


class Vec2FaceNetwork(nn.Module):
    """(N, 512) vectors and two (N, 49) masks to (N, 3, 112, 112). `center_token` and `patch_embed` are in the file and
    unused."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.token_emb = TokenEmbedding(shape.width, PLACES + 1)
        self.latent_prior_proj_f = nn.Linear(shape.vector, shape.width)
        self.feature_token = nn.Linear(1, PLACES)
        self.center_token = nn.Linear(shape.width, PLACES)
        self.im_decoder = Decoder(shape.latent, shape.decoder)
        self.im_decoder_proj = nn.Linear(shape.width, shape.latent)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, shape.width, shape.patch, shape.patch)})
        self.blocks = nn.ModuleList([Block(shape.width, shape.heads) for _ in range(shape.depth)])
        self.norm = nn.LayerNorm(shape.width, eps=1e-6)
        self.decoder_embed = nn.Linear(shape.width, shape.second)
        self.decoder_pos_embed_learned = nn.Parameter(torch.zeros(1, PLACES + 1, shape.second))
        self.decoder_blocks = nn.ModuleList([Block(shape.second, SECOND_HEADS) for _ in range(shape.second_depth)])
        self.decoder_norm = nn.LayerNorm(shape.second, eps=1e-6)

    def forward(self, vectors: Tensor, dropped: Tensor, replaced: Tensor) -> Tensor:
        """dropped, replaced: bool; as many dropped in every row, and every dropped one replaced as well."""
        face = self.latent_prior_proj_f(vectors)[:, None]
        tokens = self.feature_token(face.transpose(1, 2)).transpose(1, 2)
        tokens = torch.cat([face, torch.where(replaced[..., None], face, tokens)], 1)
        first = torch.zeros_like(dropped[:, :1])
        kept, known = ~torch.cat([first, dropped], 1), ~torch.cat([first, replaced], 1)
        x = self.token_emb(tokens)[kept].reshape(len(face), -1, face.shape[-1])
        for block in self.blocks:
            x = block(x)
        x = self.decoder_embed(self.norm(x))
        whole = x[:, :1].expand(-1, PLACES + 1, -1).clone()
        whole[kept] = x.flatten(0, 1)
        x = torch.where(known[..., None], whole, x[:, :1]) + self.decoder_pos_embed_learned
        for block in self.decoder_blocks:
            x = block(x)
        latents = self.im_decoder_proj(self.decoder_norm(x)[:, 1:])
        return self.im_decoder(latents.reshape(len(face), ROW, ROW, -1).permute(0, 3, 1, 2))


class Vec2Face:
    """A `PortraitModel` of one step: no prompt, no guidance. Vectors of unit length are brought to √512; longer ones
    stay as they are."""

    recogniser, side = RECOGNISER, SIDE
    steps, guidance = (1, 1, 1), (1.0, 1.0, 1.0)

    def __init__(self, spec: ModelSpec, network: Vec2FaceNetwork) -> None:
        self.spec, self.network = spec, network
        self.reads_prompt, self.photo = spec.reads_prompt, spec.photo
        self.device = next(network.parameters()).device
        self.length = network.latent_prior_proj_f.in_features

    def __call__(
        self, vectors: np.ndarray, recipe: Recipe, watch: Watch | None = None, preview: Preview | None = None
    ) -> list[np.ndarray]:
        """One face, 112 × 112 × 3 uint8 RGB, per row of (n, 512) float32; row i's dropping is a function of (seed, i)
        alone.

        Raises BadRequest, Cancelled, OutOfMemory.
        """
        watch, rows = watch or Watch(), self.checked(vectors)
        if recipe.seed < 0 or recipe.steps not in (0, 1):
            raise BadRequest(
                f"{self.spec.title}: expected one step and a seed of 0 or more, got {recipe.steps} and {recipe.seed}."
            )
        done: list[np.ndarray] = []
        with memory.in_words(self.spec.title), torch.inference_mode():
            for place, row in enumerate(rows):
                watch.tell(place / len(rows), f"picture {place + 1} of {len(rows)}")
                dropped, replaced = (mask.to(self.device) for mask in masks(recipe.seed, place))
                done.append(_picture(self.network(row[None], dropped, replaced)[0]))
                if preview:
                    preview(done + [np.full_like(done[0], 127)] * (len(rows) - len(done)))
        watch.tell(1.0, "drawn")
        return done

    def checked(self, vectors: np.ndarray) -> Tensor:
        """The vectors at the length the network knows. Raises BadRequest for another shape or numbers that are not
        finite."""
        found = np.asarray(vectors)
        if found.ndim != 2 or not len(found) or found.shape[1] != self.length or not np.isfinite(found).all():
            raise BadRequest(
                f"{self.spec.title}: expected n × {self.length} finite numbers of {RECOGNISER}, got {found.shape}."
            )
        return full_length(torch.from_numpy(np.ascontiguousarray(found, np.float32)).to(self.device))

    @torch.inference_mode()
    def raw(self, vectors: np.ndarray, dropped: np.ndarray, replaced: np.ndarray) -> dict[str, np.ndarray]:
        """{"pixels": (n, 3, 112, 112) float32} of vectors (n, 512) as they are, and masks (n, 49) bool."""
        given = torch.from_numpy(np.ascontiguousarray(vectors, np.float32)).to(self.device)
        masked = (torch.from_numpy(np.asarray(mask, bool)).to(self.device) for mask in (dropped, replaced))
        return {"pixels": self.network(given, *masked).float().cpu().numpy()}


def masks(seed: int, row: int) -> tuple[Tensor, Tensor]:
    """(1, 49) bool twice: which tokens are dropped and which replaced, for the picture of (seed, row)."""
    draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, row])))
    middle, deviation, least, most = MASK
    share = truncnorm((least - middle) / deviation, (most - middle) / deviation, middle, deviation).rvs(
        random_state=draw
    )
    order = draw.permutation(PLACES)
    found = (np.isin(np.arange(PLACES), order[: int(np.ceil(PLACES * share_))]) for share_ in (least, share))
    dropped, replaced = (torch.from_numpy(mask)[None] for mask in found)
    return dropped, replaced


def _picture(pixels: Tensor) -> np.ndarray:
    return ((pixels.clamp(-1, 1) + 1) / 2 * 255).byte().permute(1, 2, 0).cpu().numpy()


def shape_of(weights: Mapping[str, Tensor], name: str) -> Shape:
    """The network's measures, from its weights. Raises BadWeights when they are not Vec2Face's."""
    try:
        count = {start: _highest(weights, start) for start in ("blocks.", "decoder_blocks.", "im_decoder.up.")}
        width = weights["latent_prior_proj_f.weight"].shape[0]
        return Shape(
            vector=weights["latent_prior_proj_f.weight"].shape[1],
            width=width,
            depth=count["blocks."],
            second=weights["decoder_embed.weight"].shape[0],
            second_depth=count["decoder_blocks."],
            latent=weights["im_decoder.conv_in.weight"].shape[1],
            decoder=tuple(
                weights[f"im_decoder.up.{i}.block.0.conv1.weight"].shape[0] for i in range(count["im_decoder.up."])
            ),
            patch=weights["patch_embed.proj.weight"].shape[-1],
            heads=_heads(width, name),
        )
    except (KeyError, IndexError, ValueError) as error:
        raise BadWeights(
            f"{name} is no Vec2Face generator: {error} is missing or wrong. Use weights/vec2face_generator.pth."
        ) from error


def _heads(width: int, name: str) -> int:
    if width not in HEADS:
        known = ", ".join(map(str, HEADS))
        raise BadWeights(f"{name}: a Vec2Face {width} wide is none of its authors', which are {known} wide.")
    return HEADS[width]


def _highest(weights: Mapping[str, Tensor], start: str) -> int:
    return 1 + max((int(key.removeprefix(start).split(".")[0]) for key in weights if key.startswith(start)), default=-1)


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> Vec2Face:
    """The generator from its training checkpoint (under `model_vec2face`) or from bare weights. Raises BadWeights,
    OutOfMemory."""
    memory.require(1.3 * sum(path.stat().st_size for path in files.values()), spec.title, device)
    with memory.in_words(spec.title):
        weights = checkpoint.stripped(checkpoint.read(files["weights"]), "feature_token.weight", ("module.", ""))
        shape = shape_of(weights, files["weights"].name)
        network = checkpoint.install(lambda: Vec2FaceNetwork(shape), weights, spec.title, device)
    assert isinstance(network, Vec2FaceNetwork)
    return Vec2Face(spec, network)
