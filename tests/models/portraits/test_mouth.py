"""Grey lips and blue teeth get colours; a mouth that has them is left alone."""

import cv2
import numpy as np
import pytest

from workbench.mesh import LIPS_INNER, LIPS_OUTER, polygon
from workbench.models.portraits.mouth import REDDER, WARM, natural


@pytest.fixture(scope="module")
def points(bench):
    """The mean face with its mouth open."""
    mean = bench.model("appearance-portrait-256").frame.mean.copy()
    inner = mean[list(LIPS_INNER)]
    mean[list(LIPS_INNER)] = inner.mean(0) + (inner - inner.mean(0)) * (1, 1.5)
    return mean


def drawn(points, lips, teeth):
    """Brown skin with lips and teeth of these CIELAB colours, as RGB."""
    lab = np.tile(np.float32((60, 14, 20)), (256, 256, 1))
    lab[polygon(points, LIPS_OUTER, (256, 256)) > 0] = lips
    lab[polygon(points, LIPS_INNER, (256, 256)) > 0] = teeth
    return (cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255).round().astype(np.uint8)


def colours(picture, points):
    """Mean CIELAB of lips and of teeth."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    whole, inner = (polygon(points, path, (256, 256)) for path in (LIPS_OUTER, LIPS_INNER))
    thin = cv2.erode(inner, np.ones((3, 3), np.uint8)) > 127
    return lab[(whole > 127) & (inner < 128)].mean(0), lab[thin].mean(0)


def test_grey_lips_and_blue_teeth_get_colours_and_nothing_else_changes(points):
    before = drawn(points, (50, 4, 6), (75, -6, -12))
    after = natural(before, points)
    (lips, teeth), (grey, blue) = colours(after, points), colours(before, points)
    assert lips[1] > 14 + REDDER - 4 > grey[1] + 4
    assert (teeth[1:] > (-3, WARM - 6)).all()
    assert (lips[0], teeth[0]) == pytest.approx((grey[0], blue[0]), abs=1)
    away = cv2.dilate(polygon(points, LIPS_OUTER, (256, 256)), np.ones((11, 11), np.uint8)) == 0
    assert (after == before)[away].all()


def test_a_mouth_with_its_colours_is_left_alone_to_the_byte(points):
    picture = drawn(points, (50, 26, 14), (75, 2, 9))
    assert natural(picture, points) is picture
