"""Many faces become one map in one frame, and maps that are alike stand together in the tree."""

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.explanation import overview
from workbench.geometry import ARCFACE_112, apply, square_crop
from workbench.values import Face


def face_at(scale: float, shift: tuple[float, float], turn: float = 0.0) -> Face:
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (ARCFACE_112 @ rotation.T * scale + shift).astype(np.float32)
    low, high = points.min(axis=0) - 20, points.max(axis=0) + 20
    return Face(np.concatenate([low, high]).astype(np.float32), points, 1.0)


def bump(place: np.ndarray, matrix: np.ndarray, size: int = 64) -> np.ndarray:
    """A chip map with a small hot spot at a photo point."""
    x, y = apply(matrix, place)
    rows, columns = np.mgrid[:size, :size]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8).astype(np.float32)


@pytest.mark.parametrize(("scale", "shift", "turn"), [(1.0, (0, 0), 0.0), (3.0, (200, 50), 0.0), (0.7, (10, 90), 0.3)])
def test_the_same_place_on_any_face_lands_on_the_same_place_of_the_frame(scale, shift, turn):
    face = face_at(scale, shift, turn)
    nose = face.points[2].astype(np.float64)
    chip = square_crop(nose, 80 * scale, turn / 2, 64)
    found = overview.in_frame(bump(nose, chip), chip, face)
    down, across = np.unravel_index(found.argmax(), found.shape)
    expected = ((ARCFACE_112[2] - 56) / 1.15 + 56) * overview.FRAME / 112
    assert np.hypot(across - expected[0], down - expected[1]) < 2
    assert found.sum() == pytest.approx(1, abs=1e-4)


def test_every_face_counts_alike_whatever_the_scale_of_its_map():
    face = face_at(1.0, (0, 0))
    chip = square_crop(np.array([56.0, 60.0]), 90, 0.0, 64)
    eye, mouth = face.points[0].astype(np.float64), face.points[3].astype(np.float64)
    average = overview.Average()
    average.add(overview.in_frame(1000 * bump(eye, chip), chip, face), None)
    average.add(overview.in_frame(bump(mouth, chip), chip, face), None)
    peaks = [average.heat[tuple(round(c) for c in apply(overview.frame_matrix(face), p)[::-1])] for p in (eye, mouth)]
    assert average.faces == 2
    assert peaks == pytest.approx([1, 1], abs=0.15)


def test_what_speaks_against_and_empty_maps_add_nothing():
    face = face_at(1.0, (0, 0))
    chip = square_crop(np.array([56.0, 60.0]), 90, 0.0, 64)
    assert not overview.in_frame(-np.ones((64, 64), np.float32), chip, face).any()
    average = overview.Average()
    average.add(np.zeros((overview.FRAME, overview.FRAME)), None)
    assert not average.heat.any()


def test_no_faces_is_said():
    with pytest.raises(BadRequest, match="no face to average"):
        _ = overview.Average().heat
    with pytest.raises(BadRequest, match=r"a\.jpg: no face"):
        overview.summarise({}, [("a.jpg", "no face")])


def test_alike_maps_stand_together_in_the_tree():
    random = np.random.default_rng(0)
    one, other = random.random((2, 16, 16))
    maps = [one, other, one + 0.1 * random.random((16, 16)), other + 0.1 * random.random((16, 16))]
    found = overview.tree(["a", "b", "a2", "b2"], maps)
    order = [found.names[leaf] for leaf in found.order]
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({"a", "a2"}), frozenset({"b", "b2"})}
    assert np.allclose(found.table, found.table.T)
    assert found.links.shape == (3, 4)
    assert (np.diff(found.links[:, 2]) >= 0).all()


def test_one_map_makes_no_tree():
    with pytest.raises(BadRequest, match="two heatmaps or more"):
        overview.tree(["a"], [np.eye(3)])


def test_human_likeness_of_the_mask_itself_is_one(astronaut_face):
    from workbench.explanation.human_masks import human_mask

    mesh = overview.mesh_in_frame(astronaut_face)
    averages = {}
    for expression in ("happy", "neutral"):
        averages[expression, "toy"] = overview.Average()
        averages[expression, "toy"].add(human_mask(mesh, overview.FRAME, "happy").astype(float), mesh)
    found = overview.summarise(averages)
    happy, neutral = found.of("happy")[0], found.of("neutral")[0]
    assert happy.iou == 1.0
    assert happy.correlation == pytest.approx(1.0)
    assert happy.chance < 0.4
    assert np.isnan(neutral.iou)
    assert found.mean_iou == 1.0
