"""Re-posing: the picture follows the sliders, nothing folds, the background stays, and the face remains the same
person's."""

import cv2
import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.generation.repose import Edit, Scene, close_up, repose, wears_glasses
from workbench.generation.repose_moves import LIMITS, moves
from workbench.generation.warp_field import WarpField, _areas
from workbench.mesh import LIPS_INNER
from workbench.tasks.detection import one_face
from workbench.tasks.recognition import verify
from workbench.values import Face

SINGLE = [
    Edit(yaw=18),
    Edit(yaw=-18),
    Edit(pitch=10),
    Edit(pitch=-10),
    Edit(smile=1),
    Edit(frown=1),
    Edit(mouth_open=1),
    Edit(eyes=-1),
]


SEAMS = 0.002
"""Share of pixels on seams between triangles, where drawing in whole pixels can step back by a hair."""


def folds(maps: tuple[np.ndarray, np.ndarray]) -> float:
    """The share of pixels at which the map from new to old places turns the picture over."""
    x, y = maps
    u, v = np.diff(x, axis=1)[:-1], np.diff(y, axis=1)[:-1]
    s, t = np.diff(x, axis=0)[:, :-1], np.diff(y, axis=0)[:, :-1]
    return float((u * t - v * s <= 0).mean())


class TestTheSheet:
    @pytest.fixture
    def field(self) -> WarpField:
        y, x = np.mgrid[0:101:10, 0:101:10].astype(float)
        points = np.stack([x.ravel(), y.ravel()], axis=1)
        return WarpField(points, (points % 100 == 0).any(axis=1))

    def test_moves_that_fold_nothing_are_made_as_asked(self, field):
        moves = np.where(field.fixed[:, None], 0, 2.0)
        settled, share = field.settle(moves)
        assert np.array_equal(settled, moves)
        assert share == 1

    @pytest.mark.parametrize("seed", range(5))
    def test_wild_moves_fold_nothing_once_settled(self, field, seed):
        wild = np.random.default_rng(seed).normal(0, 25, field.points.shape)
        settled, share = field.settle(wild)
        assert (settled[field.fixed] == 0).all()
        assert 0 < share < 1
        assert (_areas(field.points + settled, field.triangles) > 0).all()
        assert folds(field.maps(settled, (101, 101), step=1)) < SEAMS
        assert folds(field.maps(wild * ~field.fixed[:, None], (101, 101), step=1)) > 0.05

    def test_a_point_that_moved_shows_what_was_there(self, field):
        middle = int(np.flatnonzero((field.points == 50).all(1))[0])
        moves = np.zeros_like(field.points)
        moves[middle] = (4, -2)
        x, y = field.maps(moves, (101, 101), step=1)
        assert (x[48, 54], y[48, 54]) == pytest.approx((50, 50), abs=0.05)
        assert (x[10, 10], y[10, 10]) == (10, 10)


def test_nothing_asked_is_nothing_changed(astronaut, astronaut_face):
    found = repose(astronaut, astronaut_face, Edit())
    assert np.array_equal(found.image, astronaut)
    assert found.share == 1
    assert "nothing" in found.words()


@pytest.mark.parametrize("edit", SINGLE, ids=lambda edit: edit.words())
def test_no_pixel_folds_and_the_background_is_still(edit, astronaut, astronaut_face):
    scene = Scene(astronaut, astronaut_face)
    found = scene.draw(edit)
    settled, _ = scene._field.settle(scene._asked(edit))
    assert (_areas(scene._field.points + settled, scene._field.triangles) > 0).all()
    changed = np.argwhere((found.image != astronaut).any(axis=2))
    assert folds(scene._field.maps(settled, (scene.right - scene.left, scene.bottom - scene.top))) < SEAMS
    assert len(changed) > 100
    assert (changed.min(axis=0) >= (scene.top, scene.left)).all()
    assert (changed.max(axis=0) < (scene.bottom, scene.right)).all()
    assert np.array_equal(found.image[:, :100], astronaut[:, :100])
    assert found.share > 0.8


def test_the_head_turns_the_way_the_slider_says(astronaut, astronaut_face, finder):
    def pose(**edit):
        return one_face(repose(astronaut, astronaut_face, Edit(**edit)).image, finder, 1).pose

    assert pose(yaw=15).yaw - pose(yaw=-15).yaw > 15
    assert pose(pitch=10).pitch - pose(pitch=-10).pitch > 8


def test_mouth_and_eyes_do_what_the_sliders_say(astronaut, astronaut_face, finder):
    def face(**edit):
        return one_face(repose(astronaut, astronaut_face, Edit(**edit)).image, finder, 1)

    def mouth_width(found: Face) -> float:
        return float(np.linalg.norm(found.mesh[291] - found.mesh[61]))

    def brow_height(found: Face) -> float:
        return float(found.mesh[[33, 263], 1].mean() - found.mesh[[105, 334], 1].mean())

    assert face(mouth_open=1).mouth_open > astronaut_face.mouth_open + 0.03
    assert min(face(eyes=1).eyes_open) > max(face(eyes=-1).eyes_open)
    assert mouth_width(face(smile=1)) > mouth_width(face(frown=1)) + 2
    assert brow_height(face(brow_raise=1)) > brow_height(astronaut_face) + 1


def test_brows_rise_as_one(astronaut_face):
    mesh = astronaut_face.mesh.astype(np.float64)
    up = -moves(mesh, Edit(brow_raise=1))[:, 1]
    inner, middle = up[[107, 336]].mean(), up[[105, 334]].mean()
    assert 0.8 < inner / middle < 1.4


def test_a_wide_smile_parts_lips_that_are_closed_and_no_others(astronaut_face):
    def opened(mesh, smile):
        moved = moves(mesh, Edit(smile=smile))
        return float((moved[14] - moved[13])[1])

    closed = astronaut_face.mesh.astype(np.float64)
    width = np.linalg.norm(closed[291, :2] - closed[61, :2])
    closed[list(LIPS_INNER[1:10]), :2] = closed[list(LIPS_INNER[:10:-1]), :2]
    parted = closed.copy()
    parted[14, :2] += [0, 0.2 * width]
    assert opened(closed, 0.5) < 0.01 * width
    assert opened(closed, 1.0) > 0.015 * width
    assert opened(parted, 1.0) < 0.01 * width


def test_glasses_move_as_one_piece(astronaut, astronaut_face):
    points = astronaut_face.mesh[:468, :2].astype(np.float64)
    lenses = [33, 133, 362, 263, 168, 6, 111, 340, 52, 282]

    def stretched(edit, glasses):
        """By how much distances among points behind the lenses change beyond one common scale."""
        scene = Scene(astronaut, astronaut_face, glasses)
        before, moved = points, np.zeros((468, 2))
        asked = scene._asked(edit)
        here = {int(point): place for place, point in enumerate(scene._here)}
        kept = [point for point in lenses if point in here]
        moved[kept] = asked[[here[point] for point in kept]]
        first, second = (np.linalg.norm(each[kept][:, None] - each[kept], axis=2) for each in (before, before + moved))
        ratio = second[first > 0] / first[first > 0]
        return float(ratio.std())

    for edit in (Edit(brow_raise=1), Edit(yaw=15), Edit(smile=1, eyes=-1)):
        assert stretched(edit, True) < 0.02
        assert stretched(edit, False) > 2 * stretched(edit, True)


def test_glasses_are_seen_by_the_parser(bench, astronaut, astronaut_face):
    assert not wears_glasses(astronaut, astronaut_face, bench.parser("compact"))
    painted = astronaut.copy()
    for eye in ([33, 133], [362, 263]):
        centre = astronaut_face.mesh[eye, :2].mean(0).round().astype(int)
        unit = float(np.linalg.norm(astronaut_face.mesh[263, :2] - astronaut_face.mesh[33, :2]))
        cv2.circle(painted, tuple(int(x) for x in centre), round(0.3 * unit), (15, 15, 15), -1)
    assert wears_glasses(painted, astronaut_face, bench.parser("compact"))


def test_it_stays_the_same_person_for_a_recogniser(bench, astronaut, astronaut_face, finder):
    model = bench.model("sface")
    for edit in SINGLE:
        image = repose(astronaut, astronaut_face, edit).image
        assert verify(astronaut, astronaut_face, image, one_face(image, finder, 1), model).score > 0.7, edit.words()


def test_the_close_up_is_the_same_face_in_other_pixels(astronaut, astronaut_face, finder):
    small, face = close_up(astronaut, astronaut_face, 160)
    found = one_face(small, finder, 1)
    assert max(small.shape[:2]) == 160
    assert np.abs(found.points - face.points).max() < 2.5


def test_people_who_do_not_exist_can_be_turned_without_folding(example_photos, finder, settings):
    from workbench import images

    for path in example_photos[1:-1]:
        turned_without_folding(images.decode(path, settings), finder, path.name)


def test_private_photos_can_be_turned_without_folding(shared_data, finder, settings):
    from workbench import images

    for name in ("biden.jpg", "obama.jpg", "obama_partial_face.jpg"):
        turned_without_folding(images.decode(shared_data / "photos" / name, settings), finder, name)


def turned_without_folding(photo, finder, name):
    image, face = close_up(photo, one_face(photo, finder, 1))
    scene = Scene(image, face)
    for edit in (Edit(yaw=18, smile=1), Edit(pitch=-10, mouth_open=1, yaw=-12)):
        settled, share = scene._field.settle(scene._asked(edit))
        assert not scene._field._folded(settled).any(), name
        assert 0 < share <= 1


@pytest.mark.parametrize(
    "wrong", [{"yaw": 19}, {"smile": -0.1}, {"eyes": float("nan")}, {"pitch": "up"}, {"smile": True}]
)
def test_sliders_have_ends(wrong):
    with pytest.raises(BadRequest, match="expected a number from"):
        Edit(**wrong)


def test_a_face_without_landmarks_is_refused(astronaut, astronaut_face):
    blind = Face(astronaut_face.box, astronaut_face.points, 0.9)
    with pytest.raises(BadRequest, match="landmarks"):
        repose(astronaut, blind, Edit(yaw=5))


def test_every_slider_has_its_ends_and_words():
    assert set(LIMITS) == {"yaw", "pitch", "smile", "frown", "mouth_open", "brow_raise", "eyes"}
    assert Edit(yaw=10, smile=0.5).words() == "yaw +10, smile +0.5"
