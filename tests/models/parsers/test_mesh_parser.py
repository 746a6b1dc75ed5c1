"""The mesh parser: what it needs, what it can see, and the guided filter against its closed form."""

from dataclasses import replace

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.models.parsers.mesh_parser import AREAS, guided_filter, prior
from workbench.parts import INDEX


@pytest.fixture(scope="module")
def parser(bench):
    return bench.model("mesh")


def test_it_needs_landmarks_and_says_so(astronaut, astronaut_face, parser):
    with pytest.raises(BadRequest, match="landmarks"):
        parser(astronaut, replace(astronaut_face, mesh=None, pose=None))


def test_probabilities_sum_to_one_and_what_it_cannot_see_is_zero(astronaut, astronaut_face, parser):
    scores = parser(astronaut, astronaut_face).scores
    assert scores.sum(axis=0) == pytest.approx(1, abs=1e-4)
    for part in ("eyeglasses", "hat", "earring", "necklace"):
        assert not scores[INDEX[part]].any()


def test_the_prior_puts_hair_above_and_clothes_below_the_face(astronaut_face):
    points = astronaut_face.mesh[:, :2].astype(np.float64)
    planes = dict(zip(AREAS, prior(points, np.ones((512, 512), np.float32)), strict=True))
    (x, top), chin = points[10], points[152, 1]
    height = chin - top
    row, column = int(top - 0.3 * height), int(x)
    assert max(planes, key=lambda name: planes[name][row, column]) == "hair"
    assert max(planes, key=lambda name: planes[name][int(chin + 0.9 * height), int(x + height)]) == "cloth"
    assert max(planes, key=lambda name: planes[name][int(chin + 0.1 * height), column]) == "neck"
    assert max(planes, key=lambda name: planes[name][int((top + chin) / 2), column]) == "skin"


def test_where_nobody_is_there_is_background(astronaut_face):
    planes = prior(astronaut_face.mesh[:, :2].astype(np.float64), np.zeros((512, 512), np.float32))
    assert planes[0, 500, 10] > 0.9


def test_the_filter_leaves_a_constant_alone_and_follows_the_guides_edge():
    guide = np.zeros((40, 40, 3), np.uint8)
    guide[:, 20:] = 255
    assert guided_filter(guide, np.full((40, 40), 0.3, np.float32)) == pytest.approx(0.3, abs=1e-4)
    late = np.zeros((40, 40), np.float32)
    late[:, 23:] = 1  # three pixels beside the guide's edge
    moved = guided_filter(guide, late)
    assert moved[20, 21] - moved[20, 18] > 0.5, "the step now lies at the guide's edge"
    assert late[20, 21] - late[20, 18] == 0


def test_on_a_flat_guide_the_filter_is_a_mean():
    plane = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    flat = guided_filter(np.full((40, 40, 3), 90, np.uint8), plane, radius=3)
    inner = plane[14:27, 14:27]
    weights = np.convolve(np.ones(7), np.ones(7)) / 49
    assert flat[20, 20] == pytest.approx(float(weights @ inner @ weights), abs=1e-4)


def test_a_turned_head_hides_its_far_ear(astronaut_face):
    points = astronaut_face.mesh[:, :2].astype(np.float64)
    turned = points.copy()
    turned[1, 0] = points[454, 0]  # the nose over the image-right cheek
    shown = prior(turned, np.ones((512, 512), np.float32))
    left, right = (shown[AREAS.index(f"image_{side}_ear")].max() for side in ("left", "right"))
    assert left > 0.2 > right
