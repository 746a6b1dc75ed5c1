"""Who is drawn for whom through a clip: one drawn person for each person, whoever was known is left out."""

import json
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.protection.replacing import REASONS, told
from workbench.values import Face
from workbench.video import casting, standing_in
from workbench.video.casting import Casting, close, looks
from workbench.video.covering import Spot, spots
from workbench.video.hide import hide
from workbench.video.seeing import Eyes
from workbench.video.segment import Segment, Wish, _nearer
from workbench.video.standing_in import Drawing, Lent
from workbench.video.tracks import Track


def track(name: int, sizes: list[float], score: float = 0.9, start: int = 0) -> Track:
    found = Track(name)
    for number, size in enumerate(sizes, start=start):
        box = np.array([10, 10, 10 + size, 10 + size], np.float32)
        found.add(number, box, np.full((6, 2), 10, np.float32) + np.arange(6)[:, None], score)
    return found


def seen(candidates: list[int], known: set[int], **troubles: int) -> casting._Looks:
    return casting._Looks(candidates, known, Counter(troubles))


def test_the_largest_sure_look_of_each_third_is_asked_about():
    assert looks(track(1, [20, 30, 25, 40, 20, 20, 21, 22, 50])) == [1, 3, 8]
    assert looks(track(1, [20, 30], score=0.2)) == [0, 1]
    assert looks(track(1, [20])) == [0]


def test_one_person_on_two_tracks_is_one_drawn_person_and_whoever_was_known_is_left_out():
    tracks = [track(1, [30] * 3), track(2, [30] * 3, start=9), track(3, [30] * 3)]
    found = {1: seen([5, 7], {5}), 2: seen([5, 7], set()), 3: seen([7, 4], set())}
    cast = casting._settled(tracks, found, {1: 1, 2: 1, 3: 2})
    assert cast.numbers == {1: 7, 2: 7, 3: 4}, "somebody else is drawn for the second person"
    assert cast.reasons == {}
    again = Casting.read(json.loads(json.dumps(cast.told())))
    assert (again.numbers, again.reasons) == (cast.numbers, cast.reasons)


def test_for_whom_nobody_fits_there_is_a_reason():
    tracks = [track(1, [30] * 3), track(2, [9] * 3)]
    found = {1: seen([5], {5}), 2: seen([], set(), small=2, turned=1)}
    cast = casting._settled(tracks, found, {1: 1, 2: 2})
    assert (cast.numbers, cast.reasons) == ({}, {1: "like", 2: "small"})
    assert set(cast.reasons.values()) <= set(REASONS)


def test_a_drawn_face_is_shown_from_the_first_sighting_to_the_last_and_not_around_them():
    seconds = np.arange(40) / 10
    plan = spots(track(1, [30] * 10, start=10), seconds, 0, 40, 2.0, person=4)
    drawn = [number for number, spot in plan.items() if spot.person == 4]
    assert drawn == list(range(10, 20))
    assert sorted(plan) == list(range(5, 25))


def test_who_is_no_longer_drawn_says_why():
    face = SimpleNamespace()
    spot = Spot(face, 1, 2.0, person=3).undrawn("like")
    assert (spot.person, spot.reason) == (None, "like")
    assert Spot(face, 1, 2.0).undrawn("like").reason == "", "nobody was to be drawn"
    assert told({"like": 2, "small": 1}) == (
        " No drawn face fitted 3 (2 taken for the person whoever was drawn, 1 too small): hidden by a mosaic instead."
    )
    assert told({}) == ""


def test_a_face_that_is_found_is_the_drawn_one_only_where_it_lies_nearer():
    def face(left: float) -> Face:
        return Face(np.array([left, 0, left + 20, 20], np.float32), np.zeros((5, 2), np.float32), 1.0)

    assert _nearer(face(1), [face(0)], [face(14)])
    assert not _nearer(face(13), [face(0)], [face(14)]), "what was to be hidden is found again"
    assert not _nearer(face(40), [face(0)], [])
    assert _nearer(face(1), [face(0)], [])


def square(left: float, side: float = 20) -> Face:
    return Face(np.array([left, 0, left + side, side], np.float32), np.zeros((5, 2), np.float32), 1.0)


def test_somebody_who_was_missed_beside_a_drawn_face_is_hidden_and_not_taken_for_it():
    """Two cheek to cheek, of whom the first pass saw one: the other, a third behind the drawn face, stayed readable."""
    assert not _nearer(square(12), [square(0)], [])
    assert not _nearer(square(4, 8), [square(0)], []), "a small face in front of a large one"
    segment = Segment(None, 0, 3, [], Eyes(None), Wish("drawn"), None, np.arange(3) / 25)
    plan = {number: [Spot(square(0), 1, 2.0, person=3)] for number in range(3)}
    segment._mend(plan, {1: [square(12)]})
    for spots_there in plan.values():
        assert [(spot.track, spot.person, spot.strength) for spot in spots_there] == [(1, 3, 2.0), (0, None, 2.0)]
    segment._mend(plan, {1: [square(1)]})
    assert [spot.person for spot in plan[1]] == [None, None], "what lies where the drawn face does is the person's"


def test_a_mesh_that_slid_onto_somebody_else_is_drawn_on_nobody(monkeypatch):
    """It lay on the other face, of which it has a third too: one face was drawn twice, the other stayed readable."""
    monkeypatch.setattr(standing_in, "_with_landmarks", lambda image, finder, face: square(2))
    monkeypatch.setattr(standing_in, "place", lambda *seen: SimpleNamespace(trouble="small"))
    mine, other, image = Spot(square(10), 1, 2.0, person=3), square(0), np.zeros((40, 40, 3), np.uint8)
    for spots_there, shown, reasons in (
        ([mine, Spot(other, 2, 2.0, person=4)], [], {"unseen": 1, "small": 1}),
        ([mine], [other], {"unseen": 1}),
        ([mine], [], {"small": 1}),
    ):
        drawing = Drawing(Lent(SimpleNamespace(parser=None), None, {}))
        assert drawing.draw(image, 0, 0.0, spots_there, shown)[1] == spots_there
        assert drawing.reasons == reasons


def test_a_drawn_face_is_asked_about_in_every_picture_and_the_person_in_every_fifth(monkeypatch):
    """Only every fifth picture was: in between a drawn face could be the person's, and was told to be nobody's."""
    seen = []
    monkeypatch.setattr(standing_in, "_with_landmarks", lambda image, finder, face: face)
    monkeypatch.setattr(standing_in, "place", lambda *given: SimpleNamespace(trouble="", covered=None))
    monkeypatch.setattr(standing_in, "replaced", lambda part, *given: part)
    monkeypatch.setattr(standing_in, "vectors", lambda *given: seen.append(1) or {"who": len(seen)})
    image, takes = np.zeros((60, 60, 3), np.uint8), lambda known, *given: known == {"who": 2}
    stage = SimpleNamespace(parser=None, judges=(), takes=takes, person=lambda number: None)
    drawing = Drawing(Lent(stage, None, {}))
    for number in range(8):
        drawing.draw(image, number, number / 25, [Spot(square(1), 1, 2.0, person=3)])
    assert sorted(drawing.asked) == list(range(8))
    assert len(seen) == 2
    assert [number for number in range(8) if drawing.known(image, number)] == [5, 6, 7]


def test_a_face_at_the_edge_is_cut_out_with_what_is_there():
    image = np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3).astype(np.uint8)
    face = Face(np.array([60, -5, 90, 25], np.float32), np.full((5, 2), 70, np.float32), 1.0)
    part, moved = close(image, face)
    assert (part == image[0:55, 30:80]).all()
    assert moved.box.tolist() == [30, -5, 60, 25]


def test_drawn_faces_in_a_clip_need_a_stage(tmp_path):
    with pytest.raises(BadRequest, match="expected a stage"):
        hide(None, tmp_path / "out.mp4", Eyes(None), Wish("drawn"))
