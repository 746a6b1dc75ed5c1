"""Painting keeps to its palettes, keeps the skin's texture, and can be differentiated."""

import pytest
import torch

from workbench.errors import BadRequest
from workbench.makeup import looks
from workbench.makeup.palettes import CAPS, FOUNDATION_SHIFT, ORDER, PALETTES
from workbench.makeup.render import Paint, colors, light_cast, paint_of, palette, render

SIDE = 64
LUMA = torch.tensor([0.299, 0.587, 0.114])
FLAT = [region for region in ORDER if region not in ("foundation", "highlight")]


def _skin(texture: float = 0.0) -> torch.Tensor:
    """(1, 3, S, S) an even skin colour, with pores when asked."""
    noise = torch.randn(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return (torch.tensor([200.0, 160.0, 135.0])[None, :, None, None] + texture * noise).clamp(0, 255)


def _everywhere() -> dict[str, torch.Tensor]:
    masks = {region: torch.zeros(1, 1, SIDE, SIDE) for region in ORDER}
    for mask in masks.values():
        mask[..., 16:48, 16:48] = 1
    return masks | {"skin": torch.ones(1, 1, SIDE, SIDE)}


def _single(region: str, amount: float, shade: int = 0) -> Paint:
    logits = torch.full((1, len(PALETTES[region])), -20.0)
    logits[0, shade] = 0
    return Paint({region: torch.tensor([amount])}, {region: logits})


def test_no_paint_changes_nothing() -> None:
    pixels = _skin(6)

    assert torch.allclose(render(pixels, _everywhere(), Paint()), pixels, atol=1e-4)
    assert torch.allclose(render(pixels, _everywhere(), _single("lip", 0.0)), pixels, atol=1e-4)


@pytest.mark.parametrize("region", ORDER)
def test_paint_stays_inside_its_mask(region: str) -> None:
    pixels = _skin(6)

    change = (render(pixels, _everywhere(), _single(region, 1.0)) - pixels).abs()

    assert change[..., 16:48, 16:48].max() > 1
    assert change[..., :16, :].max() < 1e-3
    assert change[..., :, 48:].max() < 1e-3


@pytest.mark.parametrize("region", ORDER)
def test_any_weights_give_a_colour_between_the_shades(region: str) -> None:
    logits = torch.randn(50, len(PALETTES[region]), generator=torch.Generator().manual_seed(1)) * 10

    mixed = colors(Paint({}, {region: logits}), region)
    shades = palette(region, logits)

    assert (mixed >= shades.min(0).values - 1e-5).all()
    assert (mixed <= shades.max(0).values + 1e-5).all()


@pytest.mark.parametrize("region", FLAT)
def test_full_intensity_is_the_cap_and_no_more(region: str) -> None:
    """On even skin the change is cap × (pigment − skin), also when an intensity above 1 is asked for."""
    pixels = _skin()
    light = float(pixels[0, :, 32, 32] / 255 @ LUMA)
    strength = 1.0 if region == "liner" else 0.45 + 0.9 * light
    pigment = palette(region, pixels)[0] * light_cast(pixels, _everywhere()["skin"])[0] * strength * 255

    for amount in (1.0, 7.0):
        painted = render(pixels, _everywhere(), _single(region, amount))[0, :, 32, 32]
        wanted = pixels[0, :, 32, 32] + CAPS[region] * (pigment - pixels[0, :, 32, 32])
        assert torch.allclose(painted, wanted.clamp(0, 255), atol=0.05)


def test_coloured_light_tints_the_paint_as_it_tints_the_skin() -> None:
    orange = torch.tensor([1.0, 0.8, 0.55])[None, :, None, None]
    plain, lit = (
        render(pixels, _everywhere(), _single("lip", 1.0))[0, :, 32, 32] for pixels in (_skin(), _skin() * orange)
    )

    assert lit[2] / lit[0] < 0.8 * plain[2] / plain[0]


def test_skin_of_a_shade_of_foundation_shows_white_light() -> None:
    for shade in PALETTES["foundation"].values():
        pixels = torch.tensor(shade, dtype=torch.float32)[None, :, None, None].expand(1, 3, SIDE, SIDE)
        assert torch.allclose(light_cast(pixels, _everywhere()["skin"]), torch.ones(1, 3), atol=0.06)


def test_a_black_and_white_photo_stays_black_and_white() -> None:
    grey = _skin(6).mean(1, keepdim=True).repeat(1, 3, 1, 1)

    painted = render(grey, _everywhere(), paint_of(looks.find("goth"), grey, _everywhere()))

    assert (painted - grey).abs().max() > 20
    assert (painted.amax(1) - painted.amin(1)).max() < 1.0


@pytest.mark.parametrize("shade", range(len(PALETTES["foundation"])))
def test_foundation_shifts_a_channel_by_a_tenth_at_most(shade: int) -> None:
    """Whatever shade is chosen, and however uneven the skin."""
    change = (render(_skin(), _everywhere(), _single("foundation", 1.0, shade)) - _skin()).abs()

    assert change.max() <= 255 * FOUNDATION_SHIFT + 0.05


@pytest.mark.parametrize("region", [r for r in ORDER if r != "liner"])
def test_pores_and_creases_stay(region: str) -> None:
    """Under full paint at least half of the fine contrast is left, and its pattern is the same."""
    pixels = _skin(6)
    bare = pixels[0, :, 18:46, 18:46].mean(0)
    painted = render(pixels, _everywhere(), _single(region, 1.0))[0, :, 18:46, 18:46].mean(0)

    assert painted.std() >= 0.5 * bare.std()
    assert torch.corrcoef(torch.stack([bare.flatten(), painted.flatten()]))[0, 1] > 0.95


def test_gradients_are_finite_and_reach_every_amount_and_mixture() -> None:
    look = looks.find("bridal")
    pixels = _skin(6).requires_grad_()
    paint = paint_of(look, pixels.detach(), _everywhere())
    for tensor in (*paint.amounts.values(), *paint.mixtures.values()):
        tensor.requires_grad_()

    (render(pixels, _everywhere(), paint) ** 2).mean().backward()

    for tensor in (pixels, *paint.amounts.values(), *paint.mixtures.values()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
    assert all(paint.amounts[region].grad.abs() > 0 for region in look.layers)


def test_gradient_of_an_amount_is_the_difference_quotient() -> None:
    pixels, masks = _skin(6).double(), {name: mask.double() for name, mask in _everywhere().items()}
    amount = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    logits = torch.zeros(1, len(PALETTES["lip"]), dtype=torch.float64)

    def bright(value: torch.Tensor) -> torch.Tensor:
        return render(pixels, masks, Paint({"lip": value}, {"lip": logits})).mean()

    bright(amount).backward()
    step = 1e-4
    quotient = (bright(amount.detach() + step) - bright(amount.detach() - step)) / (2 * step)

    assert float(amount.grad) == pytest.approx(float(quotient), rel=1e-4)


def test_many_canvases_are_painted_as_each_alone() -> None:
    both = torch.cat([_skin(6), _skin(6).flip(3) * 0.8])
    masks = {name: mask.repeat(2, 1, 1, 1) for name, mask in _everywhere().items()}
    look = looks.find("natural")

    together = render(both, masks, paint_of(look, both, masks))

    for n in range(2):
        one, mine = both[n : n + 1], {name: mask[n : n + 1] for name, mask in masks.items()}
        assert torch.allclose(together[n : n + 1], render(one, mine, paint_of(look, one, mine)), atol=1e-3)


def test_half_a_paint_is_refused() -> None:
    with pytest.raises(BadRequest, match="lip: expected a mask, an amount and a mixture"):
        render(_skin(), _everywhere(), Paint({"lip": torch.ones(1)}, {}))
    with pytest.raises(BadRequest, match="no region 'ear'"):
        render(_skin(), _everywhere(), Paint({"ear": torch.ones(1)}, {"ear": torch.ones(1, 2)}))


def test_the_pale_look_is_pale_for_the_skin_it_is_on() -> None:
    """Goth turned dark skin grey: it aimed at porcelain, whoever wore it."""
    shades = [PALETTES["foundation"][name] for name in ("sand", "chestnut", "espresso")]
    skins = [torch.tensor(shade, dtype=torch.float32).reshape(1, 3, 1, 1).expand(1, 3, 64, 64) for shade in shades]

    for skin in skins:
        chosen = colors(paint_of(looks.find("goth"), skin, _everywhere()), "foundation")[0] * 255
        own = skin[0, :, 0, 0]
        assert own.mean() < chosen.mean() < 1.35 * own.mean() + 12
