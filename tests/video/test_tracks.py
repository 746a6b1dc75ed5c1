"""Faces followed: crossing, leaving, missed, faint, uneven times."""

import numpy as np
import pytest

from tests.video.squares import SquareFinder, _found, ways
from workbench.detections import Detections, join
from workbench.video.covering import covering, spots
from workbench.video.seeing import face_of, merged
from workbench.video.tracks import follow

RATE = 25


def seconds(count: int) -> np.ndarray:
    return np.arange(count) / RATE


def box_at(x: float, y: float, size: float = 14, score: float = 0.9) -> Detections:
    return _found([(x, y, x + size, y + size)], score)


def test_one_face_is_one_track_however_fast_it_goes():
    seen = [box_at(4 + 9 * number, 20 + number) for number in range(20)]
    (track,) = follow(seen, seconds(20))
    assert track.numbers == list(range(20))


def test_two_who_cross_keep_their_ways():
    seen = [join([box_at(10 + 4 * n, 30), box_at(130 - 4 * n, 44)]) for n in range(30)]
    tracks = follow(seen, seconds(30))
    assert len(tracks) == 2
    assert [track.boxes[-1][0] - track.boxes[0][0] for track in tracks] == [116, -116]


def test_a_gap_is_bridged_by_where_the_face_was_going():
    seen = [box_at(10 + 3 * n, 30) if not 10 <= n < 25 else join([]) for n in range(40)]
    (track,) = follow(seen, seconds(40))
    assert track.numbers == [*range(10), *range(25, 40)]


def test_after_more_than_two_seconds_it_is_a_new_track():
    seen = [box_at(10, 30) if n < 5 or n > 60 else join([]) for n in range(70)]
    assert [len(track.numbers) for track in follow(seen, seconds(70))] == [5, 9]


def test_times_count_not_pictures():
    seen = [box_at(10, 30), *[join([])] * 3, box_at(12, 30)]
    assert len(follow(seen, np.array([0, 1, 2, 3, 4.0]))) == 2
    assert len(follow(seen, np.array([0, 0.1, 0.2, 0.3, 0.4]))) == 1


def test_faint_sightings_help_a_track_forward_and_backward_but_begin_none():
    faint = [box_at(10 + 2 * n, 30, score=0.2) for n in range(20)]
    assert follow(faint, seconds(20)) == []
    seen = [*faint[:8], *(box_at(10 + 2 * n, 30) for n in range(8, 12)), *faint[12:]]
    (track,) = follow(seen, seconds(20))
    assert track.numbers == list(range(20))


def test_who_meets_is_asked_anew():
    seen = [join([box_at(10 + 4 * n, 30), box_at(130 - 4 * n, 34)]) for n in range(30)]
    tracks = follow(seen, seconds(30), part_at_meetings=True)
    assert len(tracks) >= 4
    for track in tracks:
        across = np.diff([box[0] for box in track.boxes])
        assert len(across) == 0 or (across > 0).all() or (across < 0).all()


def test_a_missed_picture_between_two_is_hidden_and_so_are_half_a_second_before_and_after():
    seen = [box_at(100 + 2 * n, 30) if n in (20, 21, 25, 26) else join([]) for n in range(60)]
    (track,) = follow(seen, seconds(60))
    hidden = spots(track, seconds(60), 0, 60)
    assert sorted(hidden) == list(range(8, 39))
    for number in range(20, 27):
        middle = (hidden[number].face.box[:2] + hidden[number].face.box[2:]) / 2
        assert middle == pytest.approx((107 + 2 * number, 37), abs=0.6)
    assert hidden[23].face.size > hidden[25].face.size == pytest.approx(14)


def test_hiding_knows_the_pictures_of_one_segment_only():
    (track,) = follow([box_at(10, 30)] * 50, seconds(50))
    assert sorted(spots(track, seconds(50), 20, 30)) == list(range(20, 30))


def test_a_face_found_again_belongs_to_those_it_lies_on():
    hidden = [
        face_of(np.array(box, float), np.zeros((6, 2)), 1) for box in ((0, 0, 20, 20), (10, 0, 30, 20), (80, 0, 90, 9))
    ]
    assert covering(hidden, np.array([9, 2, 21, 18.0])) == [0, 1]
    assert covering(hidden, np.array([81, 1, 89, 8.0])) == [2]
    assert covering(hidden, np.array([50, 50, 60, 60.0])) == []
    assert covering([], np.array([0, 0, 1, 1.0])) == []


def test_of_two_looks_the_surer_sighting_of_a_face_counts():
    both = merged([box_at(10, 10, score=0.5), box_at(11, 10, score=0.8), box_at(60, 10, score=0.3)])
    assert both.scores == pytest.approx([0.8, 0.3])
    assert both.boxes[0, 0] == 11


def test_squares_are_found_where_they_are():
    found = SquareFinder().detect(ways(1, (20, 30, 0, 0))[0])
    assert found.boxes.tolist() == [[19.5, 29.5, 33.5, 43.5]]
