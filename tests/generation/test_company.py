"""Several people in one picture: places, who is judged by which face, and what is refused."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workbench import spots
from workbench.errors import BadRequest
from workbench.generation.company import Company, at_places, named
from workbench.generation.references import Person
from workbench.images import decode
from workbench.spots import Spot
from workbench.thresholds import Metric


def test_places_are_columns_or_boxes_and_never_overlap():
    assert [spot.words() for spot in spots.in_a_row(2)] == ["0 0 50 100", "50 0 100 100"]
    assert spots.read("", 3) == spots.in_a_row(3)
    assert spots.read("0 10 40 90; 60, 0, 100, 50", 2) == (Spot(0, 0.1, 0.4, 0.9), Spot(0.6, 0, 1, 0.5))
    mask = Spot(0, 0.5, 0.25, 1).mask(8)
    assert mask.sum() == mask[4:, :2].sum() == 8
    for text, count, message in (
        ("0 0 50 100", 2, "one for each of 2 people"),
        ("0 0 60 100; 50 0 100 100", 2, "overlap"),
        ("0 0 5 100; 50 0 100 100", 2, "at least 10 wide"),
        ("0 0 50; 50 0 100 100", 2, "four percentages"),
        ("a b c d; 50 0 100 100", 2, "four percentages"),
        ("0 0 50 180; 50 0 100 100", 2, "0 to 100"),
        ("nan 0 50 100; 50 0 100 100", 2, "0 to 100"),
        ("0" * 401, 2, "401 characters"),
    ):
        with pytest.raises(BadRequest, match=message):
            spots.read(text, count)


def test_a_face_belongs_to_the_place_its_middle_lies_in():
    def face(left: float, right: float) -> Any:
        return SimpleNamespace(box=np.array([left, 20, right, 60], np.float32))

    picture = np.zeros((100, 100, 3), np.uint8)
    large, small, other = face(0, 48), face(10, 20), face(40, 90)
    assert at_places(picture, [large, other, small], spots.in_a_row(2)) == [large, other]
    assert at_places(picture, [other], spots.in_a_row(2)) == [None, other]


class Reader:
    """A recogniser whose vector of a face is told by where it is."""

    metric, threshold = Metric.COSINE, 0.5


def _people(count: int) -> tuple[Person, ...]:
    rows = np.eye(count, 4, dtype=np.float32)
    return named([Person("", {"own": row, "judge": row}, (), 1) for row in rows])


def test_each_person_is_judged_by_the_face_at_their_place(monkeypatch):
    """The second picture has them exchanged, the third lacks the second person."""
    a, b = _people(2)
    pictures = [np.full((100, 100, 3), shade, np.uint8) for shade in (1, 2, 3)]
    left = SimpleNamespace(box=np.array([5, 20, 45, 60], np.float32))
    right = SimpleNamespace(box=np.array([55, 20, 95, 60], np.float32))
    found = {1: [left, right], 2: [left, right], 3: [left]}
    seen = {(1, 5): a, (1, 55): b, (2, 5): b, (2, 55): a, (3, 5): a}
    whose = lambda picture, face: seen[(int(picture[0, 0, 0]), int(face.box[0]))].vectors["own"]  # noqa: E731
    monkeypatch.setattr("workbench.generation.company.find_faces", lambda picture, finder: found[picture[0, 0, 0]])
    monkeypatch.setattr(
        "workbench.generation.company.vector_of", lambda picture, face, model: face and whose(picture, face)
    )
    monkeypatch.setattr("workbench.generation.company.quality_of", lambda picture, face: None)
    model = SimpleNamespace(recogniser="own")
    company = Company((a, b), spots.in_a_row(2), (model, model))

    report = company.measured(pictures, None, {"own": Reader(), "judge": Reader()})

    scores = {(row.recogniser, row.to): row.scores.tolist() for row in report.likenesses}
    assert scores[("judge", "person 1")] == [1, 0, 1]
    assert scores[("judge", "person 2")][:2] == [1, 0]
    assert np.isnan(scores[("judge", "person 2")][2])
    assert "judge: 2 of 5 faces are more like somebody else in the picture." in report.words()
    assert "At the place of person 2 (50 0 100 100 %) no face was found in 1 of 3 pictures." in report.words()
    assert [report.sign(number)[:3] for number in range(3)] == ["1 ✓", "2 ✗", "3 ·"]
    assert report.rows()[0]["judge to person 2"] == 1


def test_one_person_is_no_company():
    with pytest.raises(BadRequest, match="2 to 4 people"):
        Company(_people(1), spots.in_a_row(1), (None,))


def test_a_photo_of_several_people_is_read_left_to_right(bench, several_people, settings):
    """Found and aligned on a real photo: the face at each half."""
    from workbench.tasks.detection import find_faces

    picture = decode(several_people, settings)
    faces = find_faces(picture, bench.model("blazeface"))
    left, right = at_places(picture, faces, spots.in_a_row(2))
    assert left is None or right is None or left.box[0] < right.box[0]
    assert left is not None or right is not None
