"""Parsing a photo: every face, at every size and place, left and right the right way round, and whose pixel is
whose."""

import cv2
import numpy as np
import pytest

from tests import bad_images
from workbench.catalog import find
from workbench.errors import BadRequest
from workbench.parts import INDEX, MIRROR, PAIRS, PARTS
from workbench.tasks import parsing
from workbench.tasks.detection import find_faces
from workbench.tasks.parsing import enlarge, measure, parse
from workbench.values import Face, FaceScores


@pytest.fixture(scope="module", params=["compact", "mesh"])
def parser(request, bench):
    return bench.model(request.param)


@pytest.fixture(scope="module")
def portrait(astronaut) -> np.ndarray:
    return np.ascontiguousarray(astronaut[:260, 90:350])


def parsed(image, parser, finder):
    return parse(image, parser, find_faces(image, finder))


def f1(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * (first & second).sum() / max(first.sum() + second.sum(), 1)


def centre(mask: np.ndarray) -> float:
    return float(np.nonzero(mask)[1].mean())


@pytest.mark.parametrize("parser", ["compact", None, 7, object(), len])
def test_what_is_no_parser_gets_a_sentence(parser):
    with pytest.raises(BadRequest, match="Expected a parser: a loaded model of the task parsing"):
        parse(np.zeros((20, 20, 3), np.uint8), parser, [])


def test_a_parser_that_answers_something_else_gets_a_sentence(astronaut, astronaut_face, bench):
    class Odd:
        spec = bench.spec("compact")

        def __call__(self, image, face):
            return image

    with pytest.raises(BadRequest, match="answers with FaceScores, got ndarray"):
        parse(astronaut, Odd(), [astronaut_face])


def test_the_astronaut_has_what_a_face_has_where_a_face_has_it(portrait, parser, finder):
    found = parsed(portrait, parser, finder)
    assert found.labels.shape == portrait.shape[:2]
    assert found.model == parser.spec.id
    for part in ("skin", "nose", "image_left_eye", "image_right_eye", "upper_lip", "lower_lip", "hair"):
        assert found.mask(part).any(), part
    mesh = found.faces[0].mesh
    for point, part in (
        (1, "nose"),
        (50, "skin"),
        (280, "skin"),
        (468, "image_left_eye"),
        (473, "image_right_eye"),
        (15, "lower_lip"),
    ):
        x, y = np.round(mesh[point, :2]).astype(int)
        assert PARTS[found.labels[y, x]] == part
    assert found.labels[5, 5] == 0
    assert ((found.labels > 0) == (found.owners == 1)).all()


def test_left_stays_left_in_the_photo_and_in_its_mirror_image(portrait, parser, finder):
    for image in (portrait, np.ascontiguousarray(portrait[:, ::-1])):
        found = parsed(image, parser, finder)
        for name, left, right in PAIRS[:2]:
            assert centre(found.labels == left) < centre(found.labels == right), name


def test_a_mirrored_photo_gives_the_mirrored_parts(portrait, parser, finder):
    straight = parsed(portrait, parser, finder).labels
    mirrored = parsed(np.ascontiguousarray(portrait[:, ::-1]), parser, finder).labels
    back = np.array(MIRROR, np.uint8)[mirrored[:, ::-1]]
    assert (straight == back).mean() > 0.95
    for part in ("skin", "hair", "nose", "image_left_eye", "image_right_eye"):
        assert f1(straight == INDEX[part], back == INDEX[part]) > 0.75, part


def test_three_faces_have_three_owners(portrait, parser, finder):
    photo = bad_images.many_faces(portrait, 3)
    found = parsed(photo, parser, finder)
    assert len(found.faces) == 3
    for number, face in enumerate(found.faces, start=1):
        noses = found.mask("nose", number)
        assert noses.any()
        x, y = np.round(face.mesh[1, :2]).astype(int)
        assert found.owners[y, x] == number
        assert abs(centre(noses) - face.mesh[1, 0]) < face.size / 5


def test_a_face_cut_by_the_border_is_parsed_as_far_as_it_is_there(portrait, parser, finder):
    cut = np.ascontiguousarray(portrait[:, :140])
    faces = find_faces(cut, finder)
    if not faces:
        faces = (moved(find_faces(portrait, finder)[0], 0),)
    found = parse(cut, parser, faces)
    assert found.labels.shape == cut.shape[:2]
    assert found.mask("skin").sum() > 500


def moved(face: Face, by: float) -> Face:
    shift = np.array([by, 0], np.float32)
    mesh = face.mesh + np.array([by, 0, 0], np.float32)
    return Face(face.box + np.tile(shift, 2), face.points + shift, face.score, mesh, face.mesh_score)


def test_a_face_wholly_outside_the_photo_leaves_it_background(portrait, parser, finder):
    far = moved(find_faces(portrait, finder)[0], 5000)
    assert not parse(portrait, parser, (far,)).labels.any()


def test_a_tiny_face_is_parsed(portrait, parser, finder):
    small = cv2.resize(portrait, (64, 64), interpolation=cv2.INTER_AREA)
    faces = find_faces(small, finder)
    assert faces, "the detector finds a 24-pixel face"
    found = parse(small, parser, faces)
    assert found.mask("skin").any()
    assert found.mask("hair").any()


def test_a_grey_photo_is_parsed_nearly_as_its_colours_are(portrait, parser, finder):
    grey = np.repeat(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    coloured, plain = parsed(portrait, parser, finder), parsed(grey, parser, finder)
    for part in ("skin", "nose", "hair"):
        assert f1(coloured.mask(part), plain.mask(part)) > 0.75, part


def test_a_larger_photo_gives_the_same_parts_at_its_own_size(portrait, parser, finder):
    large = cv2.resize(portrait, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    small, found = parsed(portrait, parser, finder), parsed(large, parser, finder)
    assert found.labels.shape == large.shape[:2]
    assert f1(small.mask("skin"), found.mask("skin")[1::3, 1::3]) > 0.9


def test_no_faces_are_all_background(portrait, parser):
    found = parse(portrait, parser, ())
    assert not found.labels.any()
    assert found.faces == ()


def test_an_array_that_is_no_photo_is_refused(parser):
    with pytest.raises(BadRequest, match="image: expected"):
        parse(np.zeros((10, 10), np.uint8), parser, ())


class Painted:
    """A parser that answers with what it was given, face after face."""

    def __init__(self, *answers: FaceScores) -> None:
        self.spec = find("compact")
        self.answers = list(answers)

    def __call__(self, image, face):
        return self.answers.pop(0)


def all_of(part: str, side: int = 8, matrix=((1, 0, 0), (0, 1, 0)), sure: float = 1.0) -> FaceScores:
    scores = np.zeros((len(PARTS), side, side), np.float32)
    scores[0], scores[INDEX[part]] = 1 - sure, sure
    return FaceScores(scores, np.array(matrix, np.float32))


def face_at(x: float, y: float) -> Face:
    box = np.array([x - 2, y - 2, x + 2, y + 2], np.float32)
    return Face(box, np.tile(np.array([x, y], np.float32), (5, 1)), 1.0)


def test_the_surer_face_gets_the_pixel():
    photo = np.zeros((8, 8, 3), np.uint8)
    found = parse(photo, Painted(all_of("hair", sure=0.6), all_of("skin", sure=0.9)), [face_at(4, 4), face_at(4, 4)])
    assert (found.labels == INDEX["skin"]).all()
    assert (found.owners == 2).all()


def test_of_two_equally_sure_faces_the_nearer_one_gets_the_pixel():
    photo = np.zeros((8, 8, 3), np.uint8)
    found = parse(photo, Painted(all_of("hair"), all_of("skin")), [face_at(0, 4), face_at(7, 4)])
    assert (found.owners[:, :3] == 1).all()
    assert (found.owners[:, 5:] == 2).all()


def test_a_face_that_calls_a_pixel_background_does_not_take_it_from_another():
    photo = np.zeros((8, 8, 3), np.uint8)
    found = parse(photo, Painted(all_of("hair", sure=0.6), all_of("skin", sure=0.1)), [face_at(4, 4), face_at(4, 4)])
    assert (found.owners == 1).all()


def test_what_lies_outside_a_turned_window_is_background():
    turned = np.array([[0.7, 0.7, -2.0], [-0.7, 0.7, 4.0]])
    found = parse(np.zeros((8, 8, 3), np.uint8), Painted(all_of("skin", side=4, matrix=turned)), [face_at(4, 4)])
    y, x = np.mgrid[:8, :8]
    grid = np.einsum("ij,jhw->ihw", turned[:, :2], np.stack([x, y]).astype(float)) + turned[:, 2, None, None]
    inside = ((grid >= -0.5) & (grid <= 3.5)).all(axis=0)
    assert 0 < inside.sum() < 64
    assert ((found.labels > 0) == inside).all()


def test_enlarging_keeps_a_straight_edge_where_it_was():
    scores = np.zeros((len(PARTS), 4, 4), np.float32)
    scores[0, :, :2], scores[1, :, 2:] = 1, 1
    to_grid = np.array([[0.125, 0, 0.0625 - 0.5], [0, 0.125, 0.0625 - 0.5]], np.float32)  # 32 pixels on 4 cells
    parts, sure = enlarge(FaceScores(scores, to_grid), (slice(0, 32), slice(0, 32)))
    assert (parts[:, :16] == 0).all()
    assert (parts[:, 16:] == 1).all()
    assert sure.min() >= 0.5


def test_parts_are_those_whose_enlarged_probability_is_highest_at_every_pixel():
    """Only borders are compared: the answer is that of comparing everywhere, also of a part that wins nowhere near."""
    random = np.random.default_rng(5)
    coarse = np.stack([cv2.resize(plane, (24, 20)) for plane in random.random((len(PARTS), 5, 6), np.float32) ** 3])
    scores = np.ascontiguousarray(coarse / coarse.sum(axis=0))
    to_grid = np.array([[0.21, 0.06, -2.0], [-0.06, 0.21, 1.5]], np.float32)
    parts, sure = enlarge(FaceScores(scores, to_grid), (slice(7, 97), slice(3, 103)))
    y, x = np.mgrid[7:97, 3:103].astype(np.float32)
    across, down = (row[0] * x + row[1] * y + row[2] for row in to_grid)
    planes = np.stack([cv2.remap(plane, across, down, 1, borderMode=cv2.BORDER_REPLICATE) for plane in scores])
    off = np.maximum(np.abs(across - 11.5) - 12, np.abs(down - 9.5) - 10)  # places beyond the grid's rim
    inside = off < -0.01
    second, first = np.sort(planes, axis=0)[-2:]
    clear = inside & (first - second > 0.01)  # OpenCV rounds places to 1/32
    assert clear.sum() > 5000
    assert len(np.unique(parts[clear])) > 8
    assert (parts[clear] == planes.argmax(axis=0)[clear]).all()
    assert np.abs(sure - first)[inside].max() < 0.02
    assert (off > 0.01).any()
    assert not parts[off > 0.01].any()


def test_borders_may_be_longer_than_a_picture_of_opencv(monkeypatch):
    """A photo of 60 megapixels with parts all over ended with an assertion of OpenCV's: 32,767 rows are too many."""
    checks = np.indices((6, 6)).sum(axis=0) % 2
    scores = np.zeros((len(PARTS), 6, 6), np.float32)
    scores[:2] = checks, 1 - checks
    asked = FaceScores(scores, np.array([[0.03, 0, 0], [0, 0.03, 0]], np.float32)), (slice(0, 190), slice(0, 190))
    whole = enlarge(*asked)
    monkeypatch.setattr(parsing, "LINE", 1)

    assert all(np.array_equal(found, expected) for found, expected in zip(enlarge(*asked), whole, strict=True))


def test_measure_counts_pairs_and_refuses_sizes_that_differ():
    truth = np.array([[0, 1]], np.uint8)
    assert measure([truth], [truth])["pooled_f1"] == 1
    with pytest.raises(BadRequest, match="one size"):
        measure([truth], [np.zeros((2, 2), np.uint8)])


def test_three_hundred_faces_have_an_owner_each(bench):
    """255 were the most that one byte counts, and more were refused."""

    class Even:
        spec = bench.spec("compact")

        def __call__(self, image, face):
            scores = np.zeros((len(PARTS), 4, 4), np.float32)
            scores[INDEX["skin"]] = 1
            left, top = (int(side) for side in face.box[:2])
            return FaceScores(scores, np.array([[1, 0, -left], [0, 1, -top]], np.float32))

    def face(number: int) -> Face:
        left, top = 5 * (number % 20), 5 * (number // 20)
        return Face(np.array([left, top, left + 3, top + 3], np.float32), np.zeros((5, 2), np.float32), 0.9)

    found = parse(np.zeros((80, 100, 3), np.uint8), Even(), [face(number) for number in range(300)])
    assert len(np.unique(found.owners)) == 301
    assert found.owners.dtype == np.uint16
    assert found.mask("skin", 300).sum() == 16
