"""From codes to pictures: the decoder of VQGAN (Esser et al., arXiv 2012.09841), as latent diffusion's `vq-f4` has it.

Names follow CompVis/latent-diffusion.
"""

from torch import Tensor, nn
from torch.nn import functional


def norm(width: int) -> nn.GroupNorm:
    """Channels in up to 32 groups."""
    return nn.GroupNorm(min(32, width), width, eps=1e-6)


class Residual(nn.Module):
    """Two normed convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2, self.conv2 = norm(outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        inner = self.conv1(functional.silu(self.norm1(x)))
        inner = self.conv2(functional.silu(self.norm2(inner)))
        return inner + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class PlaceAttention(nn.Module):
    """Every place asks every other, with one head; added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = norm(width)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        seen = self.norm(x)
        parts = (layer(seen).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        found = functional.scaled_dot_product_attention(*parts).transpose(1, 2)  # type: ignore[misc]
        return x + self.proj_out(found.reshape(x.shape))


class Double(nn.Module):
    """Twice as large by repeating, then a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, 2H, 2W)."""
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class Decoder(nn.Module):
    """(N, Z, h, w) to pixels in about −1..1. widths: of the levels, largest picture first."""

    def __init__(self, inputs: int, widths: tuple[int, ...], blocks: int = 3) -> None:
        super().__init__()
        width = widths[-1]
        self.conv_in = nn.Conv2d(inputs, width, 3, padding=1)
        middle = {"block_1": Residual(width, width), "attn_1": PlaceAttention(width), "block_2": Residual(width, width)}
        self.mid = nn.ModuleDict(middle)
        before = (*widths[1:], width)
        self.up = nn.ModuleList()
        for place, (first, after) in enumerate(zip(before, widths, strict=True)):
            rows = nn.ModuleList(Residual(first if i == 0 else after, after) for i in range(blocks))
            grows = {"upsample": Double(after)} if place else {}
            self.up.append(nn.ModuleDict({"block": rows, **grows}))
        self.norm_out, self.conv_out = norm(widths[0]), nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Pixels."""
        x = self.conv_in(x)
        for block in self.mid.values():
            x = block(x)
        for level in reversed(self.up):
            for block in level["block"]:  # type: ignore[index]
                x = block(x)
            x = level["upsample"](x) if "upsample" in level else x  # type: ignore[index, operator]
        return self.conv_out(functional.silu(self.norm_out(x)))


class Codes(nn.Module):
    """Each place becomes the nearest of the learned codes."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(count, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        rows = x.permute(0, 2, 3, 1)
        codes = self.embedding.weight
        apart = (codes**2).sum(1) - 2 * rows.flatten(0, 2) @ codes.T
        return self.embedding(apart.argmin(1)).reshape(rows.shape).permute(0, 3, 1, 2)


class CodedDecoder(nn.Module):
    """(N, 3, h, w) latents to pixels (N, 3, 4h, 4w), through the codes."""

    def __init__(self, codes: int = 8192, widths: tuple[int, ...] = (128, 256, 512)) -> None:
        super().__init__()
        self.decoder = Decoder(3, widths)
        self.quantize = Codes(codes, 3)
        self.post_quant_conv = nn.Conv2d(3, 3, 1)

    def forward(self, latents: Tensor) -> Tensor:
        """Pixels in about −1..1."""
        return self.decoder(self.post_quant_conv(self.quantize(latents)))
