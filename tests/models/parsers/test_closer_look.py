"""Further looks: at the face without its hair, about small things where they are likely, in the right place, and not
at tiny faces."""

import numpy as np
import pytest

from workbench.geometry import apply, compose, invert
from workbench.models.parsers import closer_look
from workbench.parts import INDEX, PARTS

TO_LOOK = np.array([[0.8, 0.1, 20.0], [-0.1, 0.8, 30.0]])
TO_GRID = compose(np.array([[0.4, 0, -0.3], [0, 0.4, -0.3]]), TO_LOOK)


def grid(**parts: tuple[slice, slice, float]) -> np.ndarray:
    """(19, 208, 208): background, but for rectangles of a part with a probability."""
    scores = np.zeros((len(PARTS), 208, 208), np.float32)
    scores[0] = 1
    for part, (rows, columns, sure) in parts.items():
        scores[:, rows, columns] = 0
        scores[INDEX[part], rows, columns], scores[0, rows, columns] = sure, 1 - sure
    return scores


def test_ears_without_earrings_ask_for_no_third_look():
    ear = (slice(90, 110), slice(30, 40), 1.0)
    assert closer_look.where(grid(image_left_ear=ear)) is None
    assert closer_look.where(grid(image_left_ear=ear, earring=(slice(112, 113), slice(33, 36), 0.9))) is None, "3 cells"


def test_with_an_earring_both_ears_are_looked_at_again_and_nothing_else():
    scores = grid(
        image_left_ear=(slice(90, 110), slice(30, 40), 1.0),
        image_right_ear=(slice(90, 110), slice(170, 180), 1.0),
        earring=(slice(110, 114), slice(33, 36), 0.5),
        nose=(slice(100, 120), slice(95, 110), 1.0),
    )
    weight = closer_look.where(scores)
    assert weight[100, 35] == weight[100, 175] == weight[112, 34] == 1
    assert weight[110, 100] == 0
    assert 0 < weight[100, 26] < 1, "it fades out"


@pytest.mark.parametrize("rows", [slice(100, 120), slice(0, 9), slice(196, 208)])
def test_the_crop_holds_what_it_is_about_and_stays_on_the_grid(rows):
    weight = closer_look.where(grid(necklace=(rows, slice(60, 120), 0.5)))
    matrix, size = closer_look.window(weight, TO_LOOK, TO_GRID)
    assert all(side % 32 == 0 and side <= closer_look.SIDE for side in size)
    y, x = np.nonzero(weight)
    inside = apply(compose(matrix, invert(TO_GRID)), np.stack([x, y], axis=1).astype(float))
    assert (inside > -0.6).all()
    assert (inside < np.array(size) - 0.4).all()
    corners = apply(compose(TO_GRID, invert(matrix)), np.array([[-0.5, -0.5], np.array(size) - 0.5]))
    assert corners.min() > -0.51
    assert corners.max() < 207.51


def test_what_the_third_look_sees_comes_to_lie_where_it_saw_it():
    weight = closer_look.where(grid(necklace=(slice(100, 120), slice(60, 120), 0.5)))
    matrix, size = closer_look.window(weight, TO_LOOK, TO_GRID)
    half = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]])
    y, x = np.mgrid[: size[1] // 2, : size[0] // 2].astype(float)
    photo = apply(invert(compose(half, matrix)), np.stack([x, y], axis=-1))  # a picture of its own places
    seen = np.zeros((len(PARTS), *x.shape), np.float32)
    seen[0], seen[1] = photo[..., 0], photo[..., 1]
    scores = np.zeros((len(PARTS), 208, 208), np.float32)
    joined = closer_look.joined(scores, seen, weight, compose(half, compose(matrix, invert(TO_GRID))))
    places = apply(invert(TO_GRID), np.array([[80.0, 110.0]]))[0]
    assert joined[:2, 110, 80] == pytest.approx(places / 2, abs=0.1), "half of the mean is the third look's"
    assert not joined[:, 20, 20].any()


def test_a_small_face_has_nothing_to_show_at_a_third_look():
    assert closer_look.pointless(np.array([[2.1, 0, 0], [0, 2.1, 0]]))
    assert not closer_look.pointless(np.array([[1.9, 0, 0], [0, 1.9, 0]]))


def test_the_parser_looks_a_third_time_where_an_earring_is_likely(astronaut, astronaut_face, bench, monkeypatch):
    parser, shapes = bench.model("compact"), []
    network = parser._quick

    class Counting:
        middle = staticmethod(network.middle)

        def __call__(self, planes):
            shapes.append(planes.shape[1:])
            return network(planes)

    monkeypatch.setattr(parser, "_quick", Counting())
    monkeypatch.setattr(closer_look, "LIKELY", {"earring": 2.0, "necklace": 2.0})
    twice = parser(astronaut, astronaut_face)
    assert len(shapes) == 2
    monkeypatch.setattr(closer_look, "LIKELY", {"earring": -1.0, "necklace": 2.0})
    monkeypatch.setattr(closer_look, "pointless", lambda matrix: False)
    thrice = parser(astronaut, astronaut_face)
    assert len(shapes) == 5
    assert thrice.scores.sum(axis=0) == pytest.approx(1, abs=1e-4)
    moved = np.abs(thrice.scores - twice.scores).max(axis=0)
    assert 0 < (moved > 0.01).mean() < 0.1


def test_the_second_look_is_at_the_face_without_its_hair():
    scores = grid(
        hair=(slice(20, 190), slice(10, 200), 0.9),
        skin=(slice(70, 150), slice(60, 140), 0.9),
        earring=(slice(10, 12), slice(5, 7), 0.9),  # apart: no reason to look there
        cloth=(slice(195, 208), slice(0, 208), 0.9),
    )
    twice = np.array([[2, 0, 0.5], [0, 2, 0.5]])
    left, top, width, height = closer_look.face_box(scores, twice, 416)
    assert left <= 2 * 60 - 20
    assert left + width >= 2 * 140 + 20
    assert top <= 2 * 70 - 20
    assert top + height >= 2 * 150 + 20
    assert width % 32 == height % 32 == left % 2 == top % 2 == 0
    assert width * height < 0.5 * 416**2
    assert closer_look.face_box(grid(), twice, 416) == (0, 0, 416, 416), "no face: everything"


def test_a_look_fades_out_where_another_goes_on():
    assert (closer_look.fading(20, False, False) == 1).all()
    ends = closer_look.fading(20, True, False)
    assert (np.diff(ends[: closer_look.FADE]) > 0).all()
    assert (ends[closer_look.FADE :] == 1).all()
    assert (closer_look.fading(20, False, True) == ends[::-1]).all()
