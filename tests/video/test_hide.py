"""Hiding through a whole clip: nobody is left in the written file, a stopped run goes on, and failing is loud."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.video import clips
from tests.video.squares import SquareFinder, ways
from workbench.batch.record import Record
from workbench.cli import main
from workbench.errors import BadRequest, Cancelled, FacesLeft
from workbench.values import Face
from workbench.video import hide as room
from workbench.video.hide import hide
from workbench.video.reading import frames, open_clip
from workbench.video.seeing import Eyes
from workbench.video.segment import Segment, Wish
from workbench.video.standing_in import Drawing
from workbench.watch import Watch

CROSSING = ((6, 20, 1.5, 0), (110, 60, -1.5, 0.2))


@pytest.fixture(scope="module")
def crossing(tmp_path_factory):
    return clips.write(
        tmp_path_factory.mktemp("hide") / "walk.mp4", ways(40, *CROSSING), sound="aac", options={"crf": "12"}
    )


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch):
    monkeypatch.setattr(room, "SEGMENT", 15)


def reds(path) -> list[int]:
    return [len(SquareFinder().detect(frame.image)) for frame in frames(open_clip(path))]


def test_nobody_is_left_in_the_written_file_and_its_sound_is_there(crossing, tmp_path):
    assert set(reds(crossing)) == {2}
    out = tmp_path / "walk_hidden.mp4"
    done = hide(open_clip(crossing), out, Eyes(SquareFinder()), Wish("silhouette"))
    assert set(reds(out)) == {0}
    assert (done.frames, done.tracks, done.kept) == (40, 2, 0)
    assert clips.sound_of(out) == clips.sound_of(crossing)
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == ["walk_hidden.mp4"]
    assert "80 faces hidden along 2 tracks" in done.words()
    assert "searched again" in done.words()


def test_pictures_the_finder_was_blind_in_are_hidden_too(crossing, tmp_path):
    out = tmp_path / "out.mp4"
    finder = SquareFinder(blind=[look for number in (0, 9, 10, 11, 30, 39) for look in (2 * number, 2 * number + 1)])
    hide(open_clip(crossing), out, Eyes(finder), Wish("silhouette"))
    assert set(reds(out)) == {0}


def test_what_only_the_second_search_finds_is_hidden_and_counted(crossing, tmp_path):
    out = tmp_path / "out.mp4"
    done = hide(open_clip(crossing), out, Eyes(SquareFinder(blind=range(80))), Wish("silhouette"))
    assert set(reds(out)) == {0}
    assert done.added > 80
    assert "only the second search found" in done.words()


def test_what_is_still_found_is_hidden_more_strongly_until_it_is_covered(crossing, tmp_path):
    out = tmp_path / "out.mp4"
    done = hide(open_clip(crossing), out, Eyes(SquareFinder()), Wish("blur", 0.25))
    assert set(reds(out)) == {0}
    assert done.stronger > 0


def test_somebody_who_was_missed_before_a_person_who_stays_is_not_taken_for_them(tmp_path):
    """Whoever lay in the box of a kept face counted as kept."""
    path = clips.write(tmp_path / "written.mp4", ways(3, (30, 40, 0, 0)), options={"crf": "12"})
    segment = Segment(None, 0, 3, [], Eyes(SquareFinder()), Wish("silhouette"), path, np.arange(3) / 25)

    def left(*kept: float) -> list[int]:
        face = Face(np.array(kept, np.float32), np.zeros((5, 2), np.float32), 1.0)
        told = SimpleNamespace(tell=lambda done: None)
        return list(segment._found_again({n: [face] for n in range(3)}, told, Drawing(None))[0])

    assert left(20, 20, 70, 70) == [0, 1, 2]
    assert left(29, 39, 46, 56) == [], "the kept face itself"


def test_a_face_that_stays_fails_the_run_and_names_the_pictures(crossing, tmp_path):
    out = tmp_path / "out.mp4"
    with pytest.raises(
        FacesLeft, match=r"Nothing was saved: in 15 pictures .* 0 \(at 0\.0 s\), 1 .* and 7 more"
    ) as raised:
        hide(open_clip(crossing), out, Eyes(SquareFinder(always=True)), Wish("silhouette"))
    assert raised.value.frames == tuple(range(15))
    assert not out.exists()


def test_a_clip_without_faces_is_written_and_said(tmp_path):
    source = clips.write(tmp_path / "wall.mp4", ways(4))
    done = hide(open_clip(source), tmp_path / "out.mp4", Eyes(SquareFinder()))
    assert done.words() == "No face was found in 4 pictures; the written clip was searched again."


def uneven(path):
    return clips.write(path, ways(9, *CROSSING), times=[0, 40, 45, 200, 230, 600, 610, 900, 1300])


def turned(path):
    return clips.turn_clockwise(clips.write(path, ways(9, *CROSSING)))


def broken(path):
    whole = clips.write(path.with_suffix(".ts"), ways(60, *CROSSING), form="mpegts").read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    return path


def woven(path):
    return clips.write(path, ways(9, *CROSSING), options={"flags": "+ildct+ilme", "x264-params": "tff=1"})


def single(path):
    return clips.write(path, ways(1, *CROSSING))


def other_codec(path):
    return clips.write(path.with_suffix(".avi"), ways(9, *CROSSING), codec="mjpeg", layout="yuvj420p")


@pytest.mark.parametrize("odd", [uneven, turned, broken, woven, single, other_codec])
def test_odd_clips_are_hidden_to_their_end_and_keep_their_times(odd, tmp_path):
    source = odd(tmp_path / "odd.mp4")
    before = [frame.time for frame in frames(open_clip(source))]
    assert reds(source)[0] == 2
    out = tmp_path / "out.mp4"
    done = hide(open_clip(source), out, Eyes(SquareFinder()), Wish("silhouette"))
    assert set(reds(out)) == {0}
    assert done.frames == len(before) == len(reds(out))
    assert done.times == tuple(before)


def test_a_run_that_was_stopped_goes_on_and_gives_the_same_file(crossing, tmp_path):
    whole, out, told = tmp_path / "whole.mp4", tmp_path / "out.mp4", []
    hide(open_clip(crossing), whole, Eyes(SquareFinder()), Wish("silhouette"))

    def stop_at(limit):
        return Watch(lambda share, word: told.append(word), lambda: first.looked > limit)

    first = SquareFinder()
    with pytest.raises(Cancelled):
        hide(open_clip(crossing), out, Eyes(first), Wish("silhouette"), watch=stop_at(50))
    again = first = SquareFinder()
    with pytest.raises(Cancelled):
        hide(open_clip(crossing), out, Eyes(again), Wish("silhouette"), watch=stop_at(100))
    assert not out.exists()
    last = SquareFinder()
    hide(open_clip(crossing), out, Eyes(last), Wish("silhouette"), watch=Watch(lambda share, word: told.append(word)))
    assert last.looked < 80, "the first pass was not made again"
    assert out.read_bytes() == whole.read_bytes()
    assert any(word.startswith("hiding and searching again: ") for word in told)


def test_what_somebody_else_put_beside_the_segments_stays(crossing, tmp_path):
    mine = tmp_path / "out.parts/notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    hide(open_clip(crossing), tmp_path / "out.mp4", Eyes(SquareFinder()), Wish("silhouette"))
    assert mine.read_text() == "mine"
    assert [path.name for path in mine.parent.iterdir()] == ["notes.txt"]


def test_a_folder_begun_otherwise_is_refused(crossing, tmp_path):
    finder = SquareFinder()
    watch = Watch(cancelled=lambda: finder.looked > 50)
    with pytest.raises(Cancelled):
        hide(open_clip(crossing), tmp_path / "out.mp4", Eyes(finder), Wish("blur"), watch=watch)
    with pytest.raises(BadRequest, match=r"kind blur, now mosaic"):
        hide(open_clip(crossing), tmp_path / "out.mp4", Eyes(finder), Wish("mosaic"))
    other = Record("hide-video", "elsewhere")
    with pytest.raises(BadRequest, match=r"folder"):
        hide(open_clip(crossing), tmp_path / "out.mp4", Eyes(finder), Wish("blur"), record=other)


@pytest.mark.parametrize(
    ("wish", "said"),
    [({"kind": "paint"}, "expected one of blur"), ({"strength": 9}, "0.25 to 4"), ({"quality": 60}, "expected 10")],
)
def test_a_wish_out_of_range_is_a_sentence(wish, said):
    with pytest.raises(BadRequest, match=said):
        Wish(**wish)


def test_a_clips_record_says_what_its_recogniser_is_read_against(
    crossing, astronaut, settings, tmp_path, monkeypatch, bench
):
    """A recalibration between a kill and the next start went unnoticed: half of a clip kept people by another
    threshold."""
    from PIL import Image

    records: list[Record] = []

    def taken(*given):
        records.append(given[6])
        raise BadRequest("enough")

    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    monkeypatch.setattr("workbench.video.hide.hide", taken)
    Image.fromarray(astronaut).save(tmp_path / "me.png")
    words = ["hide-video", str(crossing), "--out", str(tmp_path / "out.mp4")]
    assert [main(words), main([*words, "--keep", str(tmp_path / "me.png")])] == [2, 2]
    first = bench.first("recognition").id
    assert [dict(record.thresholds) for record in records] == [{}, {first: bench.threshold(first)}]


def test_real_faces_in_a_clip_are_hidden_but_for_the_one_who_is_kept(
    astronaut, stranger, settings, tmp_path, monkeypatch, capsys, bench
):
    import cv2
    from PIL import Image

    from workbench.tasks.detection import find_faces

    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    monkeypatch.setenv("WORKBENCH_DEVICE", "cpu")
    left, right = cv2.resize(astronaut, (240, 240)), cv2.resize(stranger, (240, 240))
    shown = [np.roll(np.hstack([left, right]), number, axis=0) for number in range(12)]
    source = clips.write(tmp_path / "two.mp4", shown)
    Image.fromarray(astronaut).save(tmp_path / "me.png")
    out, me, page = (tmp_path / name for name in ("out.mp4", "me.png", "s.jpg"))
    assert main(["hide-video", str(source), "--out", str(out), "--keep", str(me), "--sheet", str(page)]) == 0
    assert "1 track left visible" in capsys.readouterr().out
    for frame in list(frames(open_clip(out)))[::4]:
        found = [face.box for face in find_faces(frame.image, bench.finder())]
        assert [box[0] < 240 for box in found] == [True]
    assert Image.open(page).size[0] == 3 * 420
    assert main(["hide-video", str(source), "--out", str(source)]) == 2
    assert "another file than the clip" in capsys.readouterr().err
