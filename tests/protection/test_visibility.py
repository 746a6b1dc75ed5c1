"""The measures of looks say what a person would: none for no change, more for worse, and patches are told from
makeup."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from tests.protection import toys
from workbench.makeup.photo import painted
from workbench.protection import visibility as looks
from workbench.protection.colours import skin_change
from workbench.protection.scene import make_scene
from workbench.tasks.parsing import parse


def test_no_change_is_perfect() -> None:
    scene = toys.scene()

    assert float(looks.ssim(scene.pixels, scene.pixels, scene.face)) == pytest.approx(1)
    assert float(looks.patchiness(scene.pixels, scene.pixels, scene.skin)) < 0.01
    assert float(looks.psnr(scene.pixels, scene.pixels, scene.face)) > 80


def test_ssim_agrees_with_scikit_image() -> None:
    rng = np.random.default_rng(0)
    first = rng.uniform(0, 255, (64, 64)).astype(np.float32)
    second = first + rng.normal(0, 20, (64, 64)).astype(np.float32)
    theirs = structural_similarity(
        first, second, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )[1]

    ours = looks.ssim_map(torch.from_numpy(first)[None, None], torch.from_numpy(second)[None, None])[0, 0].numpy()

    np.testing.assert_allclose(ours[8:-8, 8:-8], theirs[8:-8, 8:-8], atol=0.002)


def test_psnr_of_a_known_error() -> None:
    scene = toys.scene()

    assert float(looks.psnr(scene.pixels, scene.pixels + 10, scene.face)) == pytest.approx(
        20 * np.log10(25.5), abs=0.01
    )


def cells(channels: int, level: float, seed: int = 0) -> torch.Tensor:
    """(1, channels, 288, 288): a 48 × 48 grid of plus and minus `level` grey levels, bicubic: what a free grid ends
    as."""
    signs = torch.randint(0, 2, (1, channels, 48, 48), generator=torch.Generator().manual_seed(seed)) * 2.0 - 1
    return torch.nn.functional.interpolate(signs, size=288, mode="bicubic") * level


@pytest.mark.parametrize(("channels", "level"), [(3, 14.0), (1, 12.0)])
def test_free_grids_are_patchy_and_pure_makeup_is_not(
    astronaut, astronaut_face, bench, channels: int, level: float
) -> None:
    parsing = parse(astronaut, bench.model("compact"), [astronaut_face])
    scene = make_scene([astronaut], [astronaut_face], [parsing])
    grid = scene.pixels + cells(channels, level) * scene.field
    made_up = [torch.from_numpy(painted(scene.canvases[0], look))[None] for look in all_looks()]

    assert float(looks.patchiness(scene.pixels, grid, scene.skin)) > 1.2
    assert max(float(looks.patchiness(scene.pixels, one, scene.skin)) for one in made_up) < 1


def all_looks() -> list:
    """Every look there is."""
    from workbench.makeup.looks import LOOKS

    return list(LOOKS.values())


def test_patches_show_less_where_the_photo_is_busy() -> None:
    change = cells(1, 12.0)
    calm, busy = torch.zeros(1, 1, 288, 288), torch.full((1, 1, 288, 288), 9.0)

    assert float(looks.visible(change, busy).mean()) < 0.5 * float(looks.visible(change, calm).mean())


def test_light_as_broad_as_a_cheek_is_no_patch() -> None:
    line = torch.linspace(0, 1, 288)
    shade = (20 * line)[None, None, None].expand(1, 1, 288, 288)
    scene = toys.scene()

    assert float(looks.patchiness(scene.pixels, (scene.pixels + shade).clamp(0, 255), scene.skin)) < 0.3


def test_skin_change_is_ciede2000_and_tint_leaves_lightness_out() -> None:
    before = np.full((4, 4, 3), (190, 150, 130), np.uint8)
    darker = (before * 0.9).astype(np.uint8)
    mask = np.ones((4, 4))

    change, tint = skin_change(before, darker, mask)

    assert change > 3
    assert tint < 1.5
    assert skin_change(before, before, mask) == (0.0, 0.0)
    assert skin_change(before, darker, np.zeros((4, 4))) == (0.0, 0.0)
