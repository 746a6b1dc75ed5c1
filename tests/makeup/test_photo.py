"""Makeup on a photo: it lands on the right side, spares what is not face, and leaves the rest of the photo alone."""

import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from workbench import images
from workbench.errors import BadRequest, FaceTooSmall
from workbench.makeup import looks, shapes
from workbench.makeup.canvas import SIDE, UNIT, make_canvas
from workbench.makeup.photo import apply_makeup, moved_photo, on_photo
from workbench.mesh import LIPS_INNER
from workbench.parts import INDEX, MIRROR
from workbench.tasks.detection import one_face
from workbench.tasks.parsing import parse
from workbench.values import Face, Parsing, Pose

BOLD = "goth"


@pytest.fixture(scope="module")
def parsing(bench, astronaut, astronaut_face) -> Parsing:
    return parse(astronaut, bench.model("compact"), (astronaut_face,))


def test_the_canvas_is_upright_with_sixty_pixels_between_the_eyes(astronaut, astronaut_face) -> None:
    canvas = make_canvas(astronaut, astronaut_face)
    left, right = images.apply(canvas.matrix, astronaut_face.points[:2])

    assert canvas.pixels.shape == (3, SIDE, SIDE)
    assert np.linalg.norm(right - left) == pytest.approx(UNIT, rel=0.06)
    assert abs(right[1] - left[1]) < 3
    assert all(mask.shape == (SIDE, SIDE) and mask.min() >= 0 and mask.max() <= 1 for mask in canvas.masks.values())


def test_a_turned_photo_gives_the_same_canvas(astronaut, astronaut_face, finder) -> None:
    turned = np.rot90(astronaut).copy()
    canvas, again = make_canvas(astronaut, astronaut_face), make_canvas(turned, one_face(turned, finder))

    assert np.corrcoef(canvas.pixels.ravel(), again.pixels.ravel())[0, 1] > 0.97


def test_nothing_outside_the_face_changes(astronaut, astronaut_face, parsing) -> None:
    painted = apply_makeup(astronaut, astronaut_face, BOLD, parsing)
    change = np.abs(painted.astype(int) - astronaut).max(axis=2)
    parts = ("skin", "nose", "upper_lip", "lower_lip", "image_left_brow", "image_right_brow")
    skin = np.isin(parsing.labels, [INDEX[part] for part in parts])

    assert change[skin].max() > 40
    assert change[_far_from(skin, 4)].max() == 0
    assert change[parsing.labels == INDEX["hair"]].mean() < 0.5


def test_eyes_and_teeth_are_never_touched(astronaut, astronaut_face, parsing) -> None:
    canvas = make_canvas(astronaut, astronaut_face, parsing)
    irises = images.apply(canvas.matrix, astronaut_face.mesh[[468, 473], :2]).round().astype(int)
    x, y = images.apply(canvas.matrix, astronaut_face.mesh[[13, 14], :2]).mean(0).round().astype(int)

    for name in (*looks.ORDER, "face", "skin"):
        for column, row in irises:
            assert canvas.masks[name][row - 1 : row + 2, column - 2 : column + 3].max() < 0.02, name
        assert canvas.masks[name][y, x] < 0.02, name


def test_glasses_and_other_faces_are_spared(astronaut, astronaut_face, parsing) -> None:
    """A pair of glasses drawn into the parsing, and a cheek that belongs to somebody else."""
    labels, owners = parsing.labels.copy(), parsing.owners.copy()
    y, x = np.mgrid[:512, :512]
    glasses = (np.abs(y - astronaut_face.points[:2, 1].mean()) < 14) & (labels == INDEX["skin"])
    labels[glasses] = INDEX["eyeglasses"]
    stranger = (x > astronaut_face.points[2, 0] + 12) & (y > astronaut_face.points[2, 1])
    owners[stranger] = 2
    other = Face(np.array([0, 0, 40, 40], np.float32), np.zeros((5, 2), np.float32), 0.9)

    painted = apply_makeup(astronaut, astronaut_face, BOLD, Parsing(labels, owners, (astronaut_face, other), "hand"))
    change = np.abs(painted.astype(int) - astronaut).max(axis=2)

    assert change[_inside(glasses, 1)].max() <= 1
    assert change[_inside(stranger, 1)].max() <= 1
    assert change.max() > 40


def test_a_hand_before_the_mouth_is_not_painted(astronaut, astronaut_face, parsing) -> None:
    """Lipstick lay on fingers: a parser calls them skin, and the mesh draws lips wherever they should be."""
    labels = parsing.labels.copy()
    lips = np.isin(labels, [INDEX["upper_lip"], INDEX["lower_lip"], INDEX["mouth"]])
    labels[lips] = INDEX["skin"]
    hidden = replace(parsing, labels=labels)
    canvases = [make_canvas(astronaut, astronaut_face, parts) for parts in (parsing, hidden)]

    assert canvases[0].masks["lip"].sum() > 300
    assert canvases[1].masks["lip"].sum() == 0


def test_closed_lips_are_painted_to_their_seam(astronaut_face) -> None:
    """A pale line stayed between closed lips: the mesh leaves a slit where nothing is open."""
    points = astronaut_face.mesh[:, :2].copy()
    opened = shapes.mouth(points, 512, 60.0).sum()
    inner = list(dict.fromkeys(LIPS_INNER))
    points[inner, 1] = points[inner, 1].mean() + np.resize([-0.5, 0.5], len(inner))
    points[[13, 14], 1] = points[inner, 1].mean() + np.array([-0.6, 0.6])

    assert opened > 50
    assert shapes.mouth(points, 512, 60.0).max() == 0


def test_features_move_at_full_detail_and_nothing_else_does(astronaut, astronaut_face) -> None:
    canvas = make_canvas(astronaut, astronaut_face)
    still, flow = np.zeros((2, SIDE, SIDE), np.float32), np.zeros((2, SIDE, SIDE), np.float32)
    flow[0, 100:200, 100:200] = 1.0

    moved = moved_photo(astronaut, canvas, flow)
    assert np.array_equal(moved_photo(astronaut, canvas, still), astronaut)
    left, right = images.apply(images.invert(canvas.matrix), np.array([[110.0, 150.0], [111.0, 150.0]]))
    there = np.abs(moved.astype(int) - astronaut).max(axis=2) > 0
    assert 0.01 < there.mean() < 0.5
    shift = np.float32([[1, 0, left[0] - right[0]], [0, 1, left[1] - right[1]]])
    expected = cv2.warpAffine(astronaut, shift, (512, 512), flags=cv2.INTER_LANCZOS4)
    x, y = images.apply(images.invert(canvas.matrix), np.array([[150.0, 150.0]]))[0].round().astype(int)
    window = np.s_[y - 10 : y + 10, x - 10 : x + 10]
    assert np.abs(moved[window].astype(int) - expected[window]).mean() < 1.5
    with pytest.raises(BadRequest, match="flow"):
        moved_photo(astronaut, canvas, flow[0])


def test_makeup_of_the_mirrored_photo_is_the_mirrored_makeup(bench, astronaut, astronaut_face, parsing, finder) -> None:
    flipped = astronaut[:, ::-1].copy()
    face = one_face(flipped, finder)
    table = np.array(MIRROR, np.uint8)
    mirrored = Parsing(table[parsing.labels[:, ::-1]], parsing.owners[:, ::-1].copy(), (face,), "hand")

    here = apply_makeup(astronaut, astronaut_face, BOLD, parsing).astype(int) - astronaut
    there = (apply_makeup(flipped, face, BOLD, mirrored).astype(int) - flipped)[:, ::-1]

    assert np.corrcoef(here.ravel(), there.ravel())[0, 1] > 0.9


def test_the_look_none_gives_the_photo_back(astronaut, astronaut_face) -> None:
    painted = apply_makeup(astronaut, astronaut_face, "none")

    assert np.array_equal(painted, astronaut)
    assert painted is not astronaut


def test_intensities_and_shades_override_the_look(astronaut, astronaut_face) -> None:
    red = apply_makeup(astronaut, astronaut_face, "none", intensities={"lip": 1.0}, shades={"lip": "red"})
    pale = apply_makeup(astronaut, astronaut_face, "none", intensities={"lip": 0.3}, shades={"lip": "red"})
    x, y = astronaut_face.mesh[17, :2].round().astype(int) - (0, 3)
    before = astronaut[y, x].astype(int)

    assert red[y, x, 0] - red[y, x, 1] > before[0] - before[1] + 50
    assert before[1] > pale[y, x, 1] > red[y, x, 1]


def test_only_the_difference_is_put_back(astronaut, astronaut_face) -> None:
    """Equal canvases leave the photo as it is to the bit, although a canvas is a resampled copy of it."""
    canvas = make_canvas(astronaut, astronaut_face)

    assert np.array_equal(on_photo(astronaut, canvas, canvas.pixels, canvas.pixels), astronaut)
    brighter = on_photo(astronaut, canvas, canvas.pixels, canvas.pixels + 10)
    forehead = astronaut_face.mesh[151, :2].round().astype(int)
    assert (
        brighter[forehead[1], forehead[0]].astype(int) - astronaut[forehead[1], forehead[0]]
    ).tolist() == pytest.approx([10] * 3, abs=2)


def test_a_face_at_the_photos_edge_is_painted_as_far_as_it_goes(astronaut, astronaut_face, finder) -> None:
    half = astronaut[:, : int(astronaut_face.points[2, 0]) + 12].copy()
    face = Face(astronaut_face.box, astronaut_face.points, 0.9, astronaut_face.mesh)

    painted = apply_makeup(half, face, BOLD)

    assert painted.shape == half.shape
    assert (painted != half).any()


def test_bad_faces_are_refused_in_words(astronaut, astronaut_face) -> None:
    mesh = astronaut_face.mesh
    bare = Face(astronaut_face.box, astronaut_face.points, 0.9)
    small = Face(astronaut_face.box / 4, astronaut_face.points / 4, 0.9, mesh / 4)
    profile = Face(astronaut_face.box, astronaut_face.points, 0.9, mesh, pose=Pose(-70, 0, 0))

    with pytest.raises(BadRequest, match="no landmarks were found"):
        apply_makeup(astronaut, bare, BOLD)
    with pytest.raises(FaceTooSmall, match="at least 80 are needed"):
        apply_makeup(astronaut[::4, ::4].copy(), small, BOLD)
    with pytest.raises(BadRequest, match="70° to the side"):
        apply_makeup(astronaut, profile, BOLD)
    with pytest.raises(BadRequest, match="no look 'clown'"):
        apply_makeup(astronaut, astronaut_face, "clown")
    with pytest.raises(BadRequest, match="no region 'ear'"):
        apply_makeup(astronaut, astronaut_face, BOLD, intensities={"ear": 1.0})
    with pytest.raises(BadRequest, match="no lip shade 'blue'"):
        apply_makeup(astronaut, astronaut_face, BOLD, shades={"lip": "blue"})


def test_a_rendering_takes_no_longer_than_a_blink(astronaut, astronaut_face, parsing) -> None:
    """Far above the 40 ms measured on a quiet machine, since tests share theirs; a loop over the whole photo would take
    longer."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        apply_makeup(astronaut, astronaut_face, BOLD, parsing)
        times.append(time.perf_counter() - start)

    assert min(times) < 0.3


def _inside(mask: np.ndarray, by: int) -> np.ndarray:
    import cv2

    return cv2.erode(mask.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)).astype(bool)


def _far_from(mask: np.ndarray, by: int) -> np.ndarray:
    import cv2

    return ~cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)).astype(bool)


@pytest.mark.parametrize(("covered", "painted"), [(0.25, True), (0.6, False)])
def test_a_brow_is_painted_whole_or_not_at_all(astronaut, astronaut_face, parsing, covered, painted) -> None:
    """A fringe over half a brow left a painted stump beside it; the other brow is painted as ever."""
    labels = parsing.labels.copy()
    brow = astronaut_face.mesh[list(shapes.BROWS[0]), :2]
    low, high = brow.min(0), brow.max(0)
    edge = round(float(low[0] + covered * (high[0] - low[0])))
    labels[: round(float(high[1])) + 8, :edge] = INDEX["hair"]
    before, after = (
        make_canvas(astronaut, astronaut_face, replace(parsing, labels=one)).masks["brow"]
        for one in (parsing.labels, labels)
    )

    assert (after[:, : SIDE // 2].sum() > 0.5 * before[:, : SIDE // 2].sum()) == painted
    assert painted or after[:, : SIDE // 2].max() < 0.02
    np.testing.assert_array_equal(after[:, SIDE // 2 :], before[:, SIDE // 2 :])


def test_a_brow_the_parser_half_missed_is_painted_whole(astronaut, astronaut_face, parsing) -> None:
    labels = parsing.labels.copy()
    brow = np.isin(labels, [INDEX["image_left_brow"]])
    columns = np.flatnonzero(brow.any(0))
    labels[:, : columns[len(columns) * 2 // 5]][brow[:, : columns[len(columns) * 2 // 5]]] = INDEX["skin"]
    drawn = make_canvas(astronaut, astronaut_face).masks["brow"][:, : SIDE // 2]
    made = make_canvas(astronaut, astronaut_face, replace(parsing, labels=labels)).masks["brow"][:, : SIDE // 2]

    inside = drawn > 0.8
    assert made[inside].mean() > 0.8
