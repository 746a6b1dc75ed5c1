"""The trained part of the identity prior, a small diffusion network in a GAN's latent space, and crops that keep
gradients.

The prior denoises a latent told the time and a recogniser's vector, by adaptive layer norms (Peebles and Xie, DiT,
arXiv 2212.09748, section 3.2; an MLP in place of attention, as in Ramesh et al., arXiv 2204.06125, section 2.2, whose
prior also draws a latent of another network). It predicts v (Salimans and Ho, arXiv 2202.00512, appendix D). Knows no
pictures beyond 64 × 64.
"""

import math

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional

from workbench.geometry import DLIB_MEAN
from workbench.models.portraits.dcgan import LATENT

IDENTITY = 128

TEMPLATE = torch.tensor((0.25 + DLIB_MEAN) / 1.5 * 150, dtype=torch.float32)
"""Where dlib's chip of 150 pixels wants its five points."""


class Residual(nn.Module):
    """One step of the prior: a two-layer network whose input is scaled and shifted, and whose output is gated, by the
    condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 3 * width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(n, width) and (n, width) to (n, width)."""
        scale, shift, gate = self.modulation(condition).chunk(3, dim=1)
        inner = self.norm(x) * (1 + scale) + shift
        return x + gate * self.narrow(functional.silu(self.wide(inner)))


class LatentPrior(ModelMixin, ConfigMixin):
    """Noisy latents, time and identity to v.

    mean, deviation: of the training faces' vectors; a vector is told as (vector − mean) / deviation. photo: (k, 128)
    orthonormal, along which vectors of photos differ from those of the GAN's faces whoever is shown.
    """

    @register_to_config
    def __init__(self, width: int = 320, depth: int = 5, directions: int = 2) -> None:
        """Untrained layers."""
        super().__init__()
        self.entry = nn.Linear(LATENT, width)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.identity = nn.Sequential(nn.Linear(IDENTITY, width), nn.SiLU(), nn.Linear(width, width))
        self.nobody = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(Residual(width) for _ in range(depth))
        self.exit = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, LATENT))
        self.register_buffer("mean", torch.zeros(IDENTITY))
        self.register_buffer("deviation", torch.ones(IDENTITY))
        self.register_buffer("photo", torch.zeros(directions, IDENTITY))

    def match(self, vectors: Tensor) -> Tensor:
        """(n, 128) vectors as the GAN's faces have them: what tells photos from drawings is taken away."""
        apart = (vectors - self.mean) @ self.photo.T
        return vectors - apart @ self.photo

    def tell(self, vectors: Tensor) -> Tensor:
        """(n, 128) vectors of the recogniser as the network is told them."""
        return (vectors - self.mean) / self.deviation

    def forward(self, sample: Tensor, timestep: Tensor, told: Tensor | None, known: Tensor | None = None) -> Tensor:
        """v of (n, 100) latents at (n,) times 0..999. told: from `tell`; None: of nobody. known: (n,) bool, who is told
        at all."""
        width = self.nobody.shape[0]
        who = self.nobody.expand(len(sample), width) if told is None else self.identity(told)
        if known is not None:
            who = torch.where(known[:, None], who, self.nobody)
        condition = functional.silu(self.time(waves(timestep, width)) + who)
        x = self.entry(sample)
        for block in self.blocks:
            x = block(x, condition)
        return self.exit(x)


def waves(times: Tensor, width: int) -> Tensor:
    """(n, width) sines and cosines of (n,) times (Vaswani et al., arXiv 1706.03762, section 3.5)."""
    rates = torch.exp(torch.arange(width // 2, device=times.device) * (-math.log(10_000) / (width // 2)))
    angles = times.float()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def windows(points: Tensor, template: Tensor) -> Tensor:
    """(n, 2, 3) similarities that bring (n, k, 2) points nearest to a (k, 2) template (`geometry.similarity`, without
    mirror images)."""
    here, there = points.mean(1, keepdim=True), template.mean(0)
    source, target = points - here, template - there
    spread = (source**2).sum((1, 2))
    along = (source * target).sum((1, 2)) / spread
    across = (source[..., 0] * target[..., 1] - source[..., 1] * target[..., 0]).sum(1) / spread
    turn = torch.stack([torch.stack([along, -across], 1), torch.stack([across, along], 1)], 1)
    return torch.cat([turn, (there - (turn @ here.transpose(1, 2))[..., 0])[..., None]], dim=2)


def chips(pixels: Tensor, matrices: Tensor, size: int) -> Tensor:
    """(n, 3, size, size) in 0..255 of (n, 3, h, w) in −1..1, as `images.warp` crops them, with gradients to the
    pixels."""
    height, width = pixels.shape[2:]
    back = torch.linalg.inv(matrices[:, :, :2])
    steps = torch.arange(size, dtype=torch.float32, device=pixels.device)
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(1, -1, 2) - matrices[:, None, :, 2]
    places = grid @ back.transpose(1, 2)
    scaled = (2 * places + 1) / torch.tensor([width, height], dtype=torch.float32, device=pixels.device) - 1
    looked = functional.grid_sample(
        pixels, scaled.reshape(-1, size, size, 2), padding_mode="border", align_corners=False
    )
    return (looked + 1) * 127.5
