"""The colour of drawn skin is one that skin has, and light and dark stay."""

import cv2
import numpy as np
import pytest

from workbench.models.portraits.complexion import CHROMA, HUE, even, natural

SIDE = 96
WITHIN = np.zeros((SIDE, SIDE), np.float32)
WITHIN[16:80, 16:80] = 1


def face(lightness, a, b):
    lab = np.stack(np.broadcast_arrays(np.full((SIDE, SIDE), lightness), a, b), 2).astype(np.float32)
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def lab(colours):
    return cv2.cvtColor(colours.astype(np.float32), cv2.COLOR_RGB2LAB)


@pytest.mark.parametrize(("a", "b"), [(4, 30), (25, 2), (-6, 10), (30, 36)])
def test_green_and_purple_faces_get_a_hue_that_skin_has(a, b):
    found = lab(even(face(60, a, b), np.ones((SIDE, SIDE), np.float32), WITHIN))[WITHIN > 0]
    _, red, yellow = found.mean(0)
    assert HUE[0] - 1 <= np.degrees(np.arctan2(yellow, red)) <= HUE[1] + 1
    assert CHROMA[0] - 1 <= np.hypot(red, yellow) <= CHROMA[1] + 1
    assert found[:, 0].mean() == pytest.approx(60, abs=1)


def test_natural_skin_stays_as_it_is():
    assert natural(np.array([15.0, 19.0])) == pytest.approx([15.0, 19.0], abs=1e-4)
    plain = face(60, 15, 19)
    assert np.abs(even(plain, np.ones((SIDE, SIDE), np.float32), WITHIN) - plain).max() < 2e-3


def test_broad_patches_are_calmed_and_fine_freckles_stay():
    y, x = np.mgrid[:SIDE, :SIDE]
    patches = 9 * np.sin(x / 14)
    freckles = 4.0 * ((x % 6 < 2) & (y % 6 < 2))
    found = lab(even(face(60, 15 + patches, 19 + patches + freckles), np.ones((SIDE, SIDE), np.float32), WITHIN))
    inside = WITHIN > 0
    broad = cv2.GaussianBlur(found[..., 1], (0, 0), 6)[24:72, 24:72]
    assert broad.std() < 0.75 * cv2.GaussianBlur(patches.astype(np.float32), (0, 0), 6)[24:72, 24:72].std()
    spots = found[..., 2] - cv2.GaussianBlur(found[..., 2], (0, 0), 6)
    assert spots[inside & (freckles > 0)].mean() - spots[inside & (freckles == 0)].mean() > 3


def test_nothing_but_skin_is_changed():
    skin = np.zeros((SIDE, SIDE), np.float32)
    skin[:, :60] = 1
    plain = face(60, -6, 10)
    found = even(plain, skin, WITHIN)
    assert np.abs(found[:, 61:] - plain[:, 61:]).max() < 2e-3
    assert np.abs(found[:, :59] - plain[:, :59]).max() > 0.05
