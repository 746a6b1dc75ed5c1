"""A face that is replaced is nobody's: recognisers say so of the saved file, and what cannot be replaced is said."""

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from workbench import marks
from workbench.errors import BadRequest
from workbench.images import decode
from workbench.mesh import OVAL, polygon
from workbench.parts import INDEX, PARTS
from workbench.photo import Found, Photo
from workbench.protection import replacing
from workbench.protection.cast import IN_FRONT, cast, close, place, ranked
from workbench.protection.drawn import replaced
from workbench.protection.hiding import Manner, hide
from workbench.protection.replacing import Stage
from workbench.tasks.detection import find, find_faces, one_face
from workbench.tasks.parsing import parse
from workbench.tasks.recognition import verify
from workbench.values import Face, FaceScores, Pose


@pytest.fixture(scope="module")
def stage(bench, finder) -> Stage:
    """Three drawn people, and the recognisers here as judges."""
    people = cast(bench.generator(), finder, bench.parser(), (1, 3, 15))
    return Stage(people, bench.parser(), tuple(bench.recogniser(name) for name in ("sface", "mobilefacenet")))


@pytest.fixture(scope="module")
def portrait(astronaut, finder) -> Found:
    return find(Photo(astronaut), finder)


def test_a_drawn_face_ends_at_the_outline_and_what_covers_it_stays(portrait, stage):
    face, before = portrait.faces[0], portrait.image.copy()
    covered = np.zeros(before.shape[:2], bool)
    covered[:, : int(face.mesh[1, 0])] = True  # all that lies left of the nose
    after = replaced(before, face, stage.people[0], covered)
    changed = (after != before).any(axis=2)
    assert (before == portrait.image).all(), "a copy is changed"
    assert not changed[polygon(face.mesh, OVAL, before.shape[:2]) == 0].any()
    assert changed.sum() > 1000
    unit = float(np.linalg.norm(face.points[1] - face.points[0]))
    assert not changed[:, : int(face.mesh[1, 0] - 0.15 * unit)].any()


def test_a_drawn_face_looks_where_the_photos_does_in_its_light(portrait, stage, finder, astronaut):
    """Half of the photo is made darker: so is that half of the drawn face, which sits as the face did."""
    dark = astronaut.copy()
    middle = int(portrait.faces[0].mesh[1, 0])
    dark[:, :middle] = dark[:, :middle] // 3
    face = one_face(dark, finder)
    after = replaced(dark, face, stage.people[0])
    again = one_face(after, finder)
    assert abs(again.pose.yaw - face.pose.yaw) < 8
    assert abs(again.pose.roll - face.pose.roll) < 5
    inside = polygon(face.mesh, OVAL, dark.shape[:2]) > 127
    left, right = inside.copy(), inside.copy()
    left[:, middle:], right[:, :middle] = False, False
    assert after[left].mean() < 0.75 * after[right].mean(), "a hard shadow becomes a soft one"
    assert abs(after[inside].mean() - dark[inside].mean()) < 15


def test_no_recogniser_takes_a_drawn_face_for_the_person_and_the_file_says_what_it_is(
    portrait, stage, finder, settings, monkeypatch
):
    hidden = hide(portrait, [1], finder, Manner("drawn", stage=stage))
    assert (hidden.drawn, dict(hidden.instead)) == (1, {})
    assert "1 replaced by drawn faces that no recogniser here takes for the person" in hidden.words(1)
    data = hidden.file(b"")
    assert marks.read(data).source == marks.EDITED
    saved = decode(data, settings)
    again = find_faces(saved, finder)
    assert len(again) == 1
    for judge in stage.judges:
        assert not verify(portrait.image, portrait.faces[0], saved, again[0], judge).same


def test_who_is_still_known_is_drawn_anew_and_at_last_hidden_by_a_mosaic(portrait, stage, finder, monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(Stage, "takes", lambda self, *seen: asked.append(1) or len(asked) <= 2)
    hidden = hide(portrait, [1], finder, Manner("drawn", stage=stage))
    assert (hidden.drawn, hidden.again) == (1, 2)
    monkeypatch.setattr(Stage, "takes", lambda self, *seen: True)
    hidden = hide(portrait, [1], finder, Manner("drawn", 2.0, stage=stage))
    assert (hidden.drawn, dict(hidden.instead)) == (0, {"like": 1})
    assert "No drawn face fitted 1 (1 taken for the person whoever was drawn): hidden by a mosaic" in hidden.words(1)
    assert find_faces(hidden.image, finder) == ()


class Hairy:
    """A parser that sees nothing but hair."""

    def __init__(self, spec) -> None:
        self.spec = spec

    def __call__(self, image, face) -> FaceScores:
        scores = np.zeros((len(PARTS), 8, 8), np.float32)
        scores[INDEX["hair"]] = 1
        height, width = image.shape[:2]
        return FaceScores(scores, np.array([[8 / width, 0, 0], [0, 8 / height, 0]], np.float32))


def test_faces_that_are_small_turned_or_covered_are_hidden_by_a_mosaic_and_told_apart(portrait, stage, finder):
    face, parser = portrait.faces[0], stage.parser
    small = replace(face, box=face.box * 0.1, points=face.points * 0.1, mesh=face.mesh * np.float32(0.1))
    assert place(portrait.image, face, parser).trouble == ""
    assert place(portrait.image, small, parser).trouble == "small"
    assert place(portrait.image, replace(face, pose=Pose(60, 0, 0)), parser).trouble == "turned"
    assert place(portrait.image, replace(face, mesh=None, pose=None), parser).trouble == "turned"
    hairy = replace(stage, parser=Hairy(parser.spec))
    hidden = hide(portrait, [1], finder, Manner("drawn", 2.0, stage=hairy))
    assert (hidden.drawn, dict(hidden.instead)) == (0, {"covered": 1})
    assert "(1 covered): hidden by a mosaic instead" in hidden.words(1)
    assert marks.read(hidden.file(b"")).source == ""


def test_what_covers_a_face_is_kept_around_the_face_only(portrait, stage):
    """A mask of the whole photo was kept for every face: two gigabytes for a crowd of a hundred in a large one."""
    here, shape = place(portrait.image, portrait.faces[0], stage.parser), portrait.image.shape[:2]
    assert here.before.nbytes < 0.2 * shape[0] * shape[1]
    assert here.before.base is None
    labels = parse(portrait.image, stage.parser, portrait.faces[:1]).labels
    whole = np.isin(labels, [INDEX[name] for name in IN_FRONT])
    drawn = [replaced(portrait.image, here.face, stage.people[0], covered) for covered in (whole, here.covered)]
    assert here.covered.any()
    assert (drawn[0] == drawn[1]).all(), "the same face is drawn"
    assert place(portrait.image, replace(here.face, mesh=None), stage.parser).covered.shape == shape


def test_a_crowd_is_searched_once_a_round_and_each_face_is_saved_by_itself_as_in_the_whole(stage, monkeypatch):
    """For each face the whole photo was saved, and searched again: a crowd took minutes."""
    image = np.random.default_rng(0).integers(0, 255, (150, 210, 3)).astype(np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    face = Face(np.array([80, 60, 110, 90], np.float32), np.full((5, 2), 90, np.float32), 1.0)
    part, near = close(image, face, replacing.BLOCK)
    left, top = (face.box - near.box)[:2].astype(int)
    assert (left % 16, top % 16) == (0, 0)
    whole = replacing.opened(replacing.encode_jpeg(image, 92))[top:, left:][: part.shape[0], : part.shape[1]]
    alone = replacing.opened(replacing.encode_jpeg(part, 92))
    assert (alone == whole)[16:-16, 16:-16].all()

    searches = []
    monkeypatch.setattr(replacing, "find_faces", lambda *seen: searches.append(1) or ())
    monkeypatch.setattr(Stage, "takes", lambda self, *seen: False)
    ones = [replacing.StandIn(face, None, person=stage.people[0]) for _ in range(5)]
    assert replacing.still_known(image, ones, stage, None) == []
    assert len(searches) == 1


def test_two_faces_get_two_people_and_glasses_go_to_glasses(portrait, stage):
    here = place(portrait.image, portrait.faces[0], stage.parser)
    first = ranked(stage.people, here)[0]
    assert ranked(stage.people, here, [first.number])[0] is not first
    worn = replace(stage.people[2], glasses=True)
    assert ranked([*stage.people[:2], worn], replace(here, glasses=True))[0] is worn
    assert ranked([*stage.people[:2], worn], here)[-1] is worn


def test_drawn_faces_need_people_and_judges(stage):
    with pytest.raises(BadRequest, match="expected a stage"):
        Manner("drawn")
    with pytest.raises(BadRequest, match="a recogniser that says it is not the person"):
        Stage(stage.people, stage.parser, ())


def test_a_recogniser_without_a_threshold_judges_nobody(stage):
    """It took nobody for anybody, so that every drawn face counted as judged."""
    blind = SimpleNamespace(spec=SimpleNamespace(id="blind"), threshold=None)
    with pytest.raises(BadRequest, match=r"blind cannot judge.*models calibrate blind FOLDER"):
        Stage(stage.people, stage.parser, (*stage.judges, blind))
