"""A field changes what it may change, no more than it may, and every number of it can be searched."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.protection import toys
from workbench.makeup.looks import find
from workbench.protection.fields import (
    Bounds,
    ToneField,
    amplitudes,
    basis,
    evened,
    limited,
    moved,
    room,
    sharpness,
    toned,
)
from workbench.protection.seeing import sight
from workbench.protection.visibility import blur, luma


def loud(field: ToneField) -> None:
    """Every number at its end."""
    made = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for number in field.parameters():
            number.copy_(torch.where(torch.rand(number.shape, generator=made) < 0.5, -50.0, 50.0))


@pytest.mark.parametrize("cells", [3, 10, 72])
def test_splines_share_every_place_out_between_cells(cells: int) -> None:
    splines = basis(cells)

    assert splines.shape == (288, cells + 3)
    assert float(splines.min()) >= 0
    torch.testing.assert_close(splines.sum(1), torch.ones(288))


def test_a_field_at_its_end_stays_within_its_bounds() -> None:
    scene = toys.scene()
    field = ToneField(scene, Bounds(warp=0.0))
    loud(field)

    change = (luma(field.paint().detach()) - luma(scene.pixels)).abs()
    darker, lighter = field.room

    assert float((change - torch.maximum(darker, lighter)).max()) < 0.1
    assert float(change.max()) <= field.bounds.most
    assert float(change.max()) > 10


def test_nothing_outside_the_face_changes() -> None:
    scene = toys.scene()
    field = ToneField(scene, Bounds(warp=1.0))
    loud(field)

    change = (field.paint().detach() - scene.pixels).abs() * (scene.field == 0)

    assert float(change.max()) < 0.01


def test_no_place_becomes_much_darker_or_lighter_than_its_surroundings() -> None:
    light = torch.full((1, 1, 288, 288), 150.0)
    light[..., 140:144, 140:144] = 60.0
    darker, lighter = room(light, Bounds(most=50.0, beyond=10.0))

    assert float(darker[0, 0, 20, 20]) == pytest.approx(10, abs=0.1)
    assert float(lighter[0, 0, 20, 20]) == pytest.approx(10, abs=0.1)
    assert float(lighter[0, 0, 142, 142]) > 12
    assert float(limited(torch.tensor(-500.0), torch.tensor(10.0), torch.tensor(20.0))) == pytest.approx(-10)
    assert float(limited(torch.tensor(500.0), torch.tensor(10.0), torch.tensor(20.0))) == pytest.approx(20)
    assert float(limited(torch.tensor(1.0), torch.tensor(10.0), torch.tensor(20.0))) == pytest.approx(1, abs=0.01)


def test_texture_hides_more_than_smooth_skin() -> None:
    scene = toys.scene()
    fine = amplitudes(scene, sight(scene.pixels, scene.face, scene.hairless), Bounds(reach=4.0))[2][0, 0]

    assert float(fine[103:107, 100:120].mean()) > 1.6 * float(fine[150:200, 120:170].mean())


@pytest.mark.parametrize("look", [None, "natural"])
def test_gradients_reach_every_number_of_field_and_paint(look: str | None) -> None:
    scene = toys.scene()
    masks = {
        name: np.asarray(scene.face[0, 0])
        for name in ("foundation", "contour", "blush", "highlight", "shadow", "liner", "brow", "lip")
    }
    scene.canvases[0].masks.update(masks)
    field = ToneField(scene, Bounds(warp=0.6, paint=0.5, even=0.5), find(look) if look else None)

    weights = torch.rand(scene.pixels.shape, generator=torch.Generator().manual_seed(0))
    gradients = torch.autograd.grad((field.paint() * weights).sum(), field.parameters())

    assert len(gradients) == 4 + len(field.moves)
    assert (len(field.moves) > 0) == (look is not None)
    assert all(float(gradient.abs().max()) > 0 for gradient in gradients)


def test_lighter_skin_gains_no_colour_and_darker_skin_keeps_its_hue() -> None:
    """Lids and lip corners turned orange: reddish skin was scaled up, its colour with it."""
    lid = torch.tensor([150.0, 95.0, 75.0]).reshape(1, 3, 1, 1)
    lighter, darker = (toned(lid, torch.tensor(tone).reshape(1, 1, 1, 1), 0.02) for tone in (40.0, -40.0))

    def colour(pixels: Tensor) -> float:
        return float((pixels - luma(pixels)).abs().sum())

    assert float(luma(lighter) - luma(lid)) == pytest.approx(40, abs=0.5)
    assert colour(lighter) <= 1.03 * colour(lid)
    assert float(luma(darker) - luma(lid)) == pytest.approx(-40, abs=0.5)
    assert 0.5 * colour(lid) < colour(darker) < colour(lid)


def test_a_soft_photo_gets_no_fine_tones() -> None:
    """Pen lines at lips and lids: a grid finer than the photo's own detail."""
    scene = toys.scene()
    soft = replace(scene, pixels=blur(scene.pixels, 4.0))
    fine = [
        float(amplitudes(one, sight(one.pixels, one.face, one.hairless), Bounds())[2].max()) for one in (scene, soft)
    ]

    assert float(sharpness(scene.pixels, scene.face)) > 0.9
    assert float(sharpness(soft.pixels, soft.face)) == 0
    assert fine[0] > 5
    assert fine[1] == 0


def test_the_two_sides_of_a_frontal_face_are_one_as_far_as_asked() -> None:
    grid = torch.randn(2, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    whole = evened(grid, torch.tensor([1.0, 0.0]))

    torch.testing.assert_close(whole[0], whole[0].flip(-1))
    assert torch.equal(whole[1], grid[1])


def test_a_flow_of_one_pixel_moves_the_picture_by_one_pixel() -> None:
    picture = blur(torch.rand(1, 3, 288, 288, generator=torch.Generator().manual_seed(0)) * 255, 4.0)
    flow = torch.zeros(1, 2, 288, 288)
    flow[:, 0] = 1.0

    error = (moved(picture, flow)[..., 10:-10] - picture[..., 11:-9]).abs().mean()
    assert float(error) < 0.01


def test_no_feature_moves_further_than_allowed() -> None:
    field = ToneField(toys.scene(), Bounds(warp=0.9))
    loud(field)
    flow = field.flow()

    assert flow is not None
    assert 0.5 < float(flow.detach().square().sum(1).sqrt().max()) <= 0.9


def test_glasses_move_as_one_piece() -> None:
    scene = toys.scene()
    lenses = np.zeros((288, 288), np.float32)
    lenses[110:135, 90:200] = 1
    canvas = replace(scene.canvases[0], masks={**scene.canvases[0].masks, "glasses": lenses})
    bare, worn = ToneField(scene, Bounds(warp=0.9)), ToneField(replace(scene, canvases=(canvas,)), Bounds(warp=0.9))
    apart = []
    for field in (bare, worn):
        loud(field)
        flow = field.flow()
        assert flow is not None
        apart.append(float(flow.detach()[0, :, lenses > 0].std(1).max()))

    assert apart[0] > 0.1
    assert apart[1] < 1e-4


def test_numbers_can_be_kept_and_put_back_face_by_face() -> None:
    field = ToneField(toys.scene(2), Bounds())
    kept = field.keep()
    loud(field)
    field.put(kept, torch.tensor([True, False]))

    assert torch.equal(field.grids[0][0], kept[0][0])
    assert not torch.equal(field.grids[0][1], kept[0][1])
