"""Visibility says what an eye does: less where the photo is busy, more on skin that is smooth, burnt out or above a
lip."""

import numpy as np
import pytest
import torch

from tests.protection import toys
from workbench.makeup.photo import painted
from workbench.makeup.render import LUMA
from workbench.protection.scene import make_scene
from workbench.protection.seeing import seen, sight, visibility, worst
from workbench.protection.strength import strength_of
from workbench.tasks.parsing import parse


def patch(row: int, column: int, level: float, width: float = 5.0) -> torch.Tensor:
    """(1, 1, 288, 288): a soft spot of so many grey levels."""
    y, x = np.mgrid[:288, :288]
    spot = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width**2))
    return torch.from_numpy((level * spot).astype(np.float32))[None, None]


def shown(pixels: torch.Tensor, change: torch.Tensor, scene=None) -> float:
    """The visibility of a change of one toy face."""
    scene = scene or toys.scene()
    return float(visibility(pixels, pixels + change, scene.face, scene.hairless))


def test_nothing_is_not_seen_and_more_is_seen_more() -> None:
    pixels = toys.scene().pixels
    rising = [shown(pixels, patch(150, 110, -level)) for level in (0.0, 6.0, 12.0, 24.0)]

    assert rising[0] < 0.01
    assert rising == sorted(rising)
    assert rising[2] > 0.7


def test_one_bad_place_counts_where_the_rest_of_the_face_is_untouched() -> None:
    """The grey moustache: it lay on a twentieth of the skin, and the 95th percentile did not see it."""
    pixels = toys.scene().pixels

    assert shown(pixels, patch(185, 144, -20.0)) > 1.6 * strength_of("light").level


def test_darkening_above_the_lip_is_dearer_than_on_the_cheek_and_than_lightening() -> None:
    pixels = toys.scene().pixels
    lip, cheek, lighter = (
        shown(pixels, patch(row, 144, level, 4.0)) for row, level in ((185, -12.0), (215, -12.0), (185, 12.0))
    )

    assert lip > 1.5 * cheek
    assert lighter == pytest.approx(cheek, rel=0.15)


def test_the_photos_own_detail_hides_detail_of_its_size() -> None:
    scene = toys.scene()
    waves = torch.sin(torch.arange(288) / 2.0)[None, None, None].expand(1, 1, 288, 288) * 15
    change = patch(150, 110, 1.0, 30.0) * torch.sin(torch.arange(288) / 2.0 + 1.0) * 10

    assert shown(scene.pixels + waves, change) < 0.8 * shown(scene.pixels, change)


def test_a_highlight_on_a_smooth_forehead_hides_no_stripes_beside_it() -> None:
    """Bands across smooth foreheads: the broad contrast of a highlight counted as detail that hides them. On textured
    skin it still does."""
    scene = toys.scene()
    shining = scene.pixels + patch(110, 144, 70.0, 22.0) - patch(160, 110, 40.0, 20.0)
    grain = torch.randn(1, 1, 288, 288, generator=torch.Generator().manual_seed(0)) * 16
    stripes = patch(135, 130, 1.0, 25.0) * torch.sin(torch.arange(288) / 5.0)[None, None, :, None] * 6

    assert shown(shining, stripes) > 1.1 * shown(shining + grain, stripes)


def test_hair_and_frames_beside_a_face_hide_nothing_on_it() -> None:
    """Streaks under the hair line and spots over a frame: their edges counted as detail of the skin beside them."""
    scene = toys.scene()
    fringe = torch.rand(1, 1, 1, 288, generator=torch.Generator().manual_seed(0)) * 150
    haired = scene.pixels.clone()
    haired[:, :, :90] -= fringe
    own = scene.face.clone()
    own[:, :, :94] = 0
    streaks = patch(102, 144, 1.0, 12.0) * torch.sin(torch.arange(288) / 4.0) * 8

    def shown_on(pixels: torch.Tensor, own: torch.Tensor | None) -> float:
        return float(visibility(pixels, pixels + streaks, scene.face, scene.hairless, None, own))

    smooth = shown_on(scene.pixels, own)
    assert shown_on(haired, own) == pytest.approx(smooth, rel=0.02)
    assert shown_on(haired, None) < 0.95 * smooth


def test_burnt_out_skin_hides_nothing() -> None:
    pixels = torch.full((1, 3, 288, 288), 180.0)
    bright = torch.full((1, 3, 288, 288), 252.0)

    assert shown(bright, patch(150, 110, -10.0)) > 1.3 * shown(pixels, patch(150, 110, -10.0))


def test_colour_alone_is_seen() -> None:
    """Orange lids had the brightness they should have."""
    tint = torch.tensor([15.0, -6.0, -8.4]).reshape(1, 3, 1, 1)
    assert abs(float((tint.flatten() * torch.tensor(LUMA)).sum())) < 0.1

    assert shown(toys.scene().pixels, patch(150, 110, 1.0, 8.0) * tint) > 1


@pytest.fixture(scope="module")
def astronauts(astronaut, astronaut_face, bench):
    """The astronaut's scene."""
    return make_scene([astronaut], [astronaut_face], [parse(astronaut, bench.model("compact"), [astronaut_face])])


def test_a_free_grid_is_plain_to_see_and_skin_above_a_womans_lip_is_known_to_be_bare(astronauts) -> None:
    from workbench.makeup.looks import LOOKS

    signs = torch.randint(0, 2, (1, 1, 48, 48), generator=torch.Generator().manual_seed(0)) * 2.0 - 1
    grid = torch.nn.functional.interpolate(signs, size=288, mode="bicubic") * 12.0 * astronauts.field
    made_up = torch.from_numpy(painted(astronauts.canvases[0], LOOKS["neutral"]))[None]

    assert float(astronauts.hairless.amax()) > 0.9
    assert float(astronauts.hairless.sum()) > 1500
    found = [
        float(visibility(astronauts.pixels, after, astronauts.face, astronauts.hairless))
        for after in (astronauts.pixels + grid, made_up)
    ]
    assert found[0] > 1.7 * strength_of("light").level
    assert found[1] < 1


def test_a_darker_chin_is_a_beard(astronauts, astronaut_face) -> None:
    from dataclasses import replace

    from workbench.protection.scene import beardless

    canvas = astronauts.canvases[0]
    smooth = beardless(canvas, astronaut_face)
    chin = replace(canvas, pixels=np.where(smooth > 0.2, canvas.pixels * 0.6, canvas.pixels).astype(np.float32))

    assert beardless(chin, astronaut_face).max() < 0.05


def test_stains_on_dark_skin_show_more_than_the_same_levels_on_light_skin() -> None:
    """Dark skin counted as shade, where twice as much was allowed, then as any skin, level for level: men with dark
    skin came back stained. What is seen is the share of the brightness around it."""
    scene = toys.scene()
    stain = patch(150, 110, 12.0)
    light, dark = (
        float(visibility(pixels, pixels + stain, scene.face, torch.zeros_like(scene.hairless)))
        for pixels in (scene.pixels, (scene.pixels - scene.pixels.mean() + 36).clamp(8, 250))
    )

    assert dark > 1.3 * light


def test_the_least_change_follows_the_eye_and_not_a_constant_share() -> None:
    """By Weber's law the darkest faces had half the room; DICOM's curve has 1 step at 0.05 cd/m², 1023 at 3993."""
    from workbench.protection.adaptation import MIDDLE, STEPS, adapted, luminance

    told = [np.polynomial.polynomial.polyval(np.log10(light), STEPS) for light in (0.05, 3993.4)]
    assert told == pytest.approx([1, 1023], abs=0.2)
    assert luminance(255) == pytest.approx(201)
    assert adapted(MIDDLE) == pytest.approx(1)
    assert [adapted(level) for level in (52, 110, 180, 220)] == sorted(adapted(level) for level in (52, 110, 180, 220))
    assert adapted(52) > 1.3 * 52 / MIDDLE
    assert 0.65 < adapted(52) < 0.8
    assert 1.1 < adapted(180) < 1.25
    assert adapted(0) == adapted(16)


def test_denser_brows_pass_for_makeup_and_the_same_change_of_a_cheek_does_not(astronauts) -> None:
    masks = astronauts.canvases[0].masks
    worn = astronauts.worn[0, 0].numpy()
    cheek = (astronauts.skin[0, 0].numpy() > 0.5) & (worn < 0.01)

    assert worn[masks["brow"] > 0.9].mean() > 0.5
    assert worn[masks["liner"] > 0.5].mean() > worn[masks["lip"] > 0.9].mean() > 0.3
    assert cheek.sum() > 2000
    brows = torch.from_numpy(masks["brow"])[None, None] * -12.0
    usual, eased = (
        float(visibility(astronauts.pixels, astronauts.pixels + brows, astronauts.face, astronauts.hairless, how))
        for how in (None, astronauts.worn)
    )
    assert eased < 0.8 * usual


def test_the_map_is_worst_where_the_change_is() -> None:
    scene = toys.scene()
    known = sight(scene.pixels, scene.face, scene.hairless)
    found = seen(scene.pixels, scene.pixels + patch(150, 110, 15.0), known)

    row, column = divmod(int((found * known.face)[0, 0].argmax()), 144)
    assert abs(row - 75) < 6
    assert abs(column - 55) < 6
    assert float(worst(found, known)) <= float(found.max())
