"""Video and webcam on the Analysis tab, called without a browser."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.video import clips
from tests.video.squares import SquareFinder, ways
from workbench.errors import BadRequest, BadVideo
from workbench.images import encode_jpeg
from workbench.ui.analysis.live import MOST, SIDE, Live, see
from workbench.ui.analysis.video import LINES, analyse_video, lines, offer_measures
from workbench.video.reading import frames, open_clip
from workbench.video.showing import Drawn, draw


@pytest.fixture
def here(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workbench.ui.common.widgets.uploads.folder", lambda settings: tmp_path)
    return bench


def test_a_clip_comes_back_drawn_on_with_its_table_and_lines(here, tmp_path, astronaut):
    shown = [np.ascontiguousarray(astronaut[:300, 20 + number : 320 + number]) for number in range(4)]
    clip = clips.write(tmp_path / "my walk.mp4", shown, sound="aac")
    written, words, plot, first, csv, parquet, mp4, kept = analyse_video(here, str(clip), "compact-expression", 1)
    assert words == "4 pictures, 4 faces of one person."
    assert [Path(path).name for path in (csv, parquet, mp4)] == [
        *("my walk_faces.csv", "my walk_faces.parquet", "my walk_annotated.mp4"),
    ]
    assert (written, kept) == (mp4, parquet)
    assert len(list(frames(open_clip(Path(mp4))))) == len(pd.read_csv(csv)) == len(first) == len(plot) == 4
    assert list(plot.columns) == ["seconds", "value", "person"]
    names = dict(offer_measures(here, parquet).choices)
    assert {"yaw", "mouth_open", "expression_happy"} <= set(names.values())
    assert lines(here, parquet, "mouth_open")["person"].unique().tolist() == ["Person 1"]
    assert lines(here, parquet, "no such measure") is None


def test_a_persons_line_has_the_colour_of_their_box(astronaut, astronaut_face):
    for person in (1, 3, 13):
        picture = draw(astronaut, [Drawn(astronaut_face, person, person, {})], 0.0, {})
        left, top, *_ = (round(float(edge)) for edge in astronaut_face.box)
        colour = np.array(list(bytes.fromhex(LINES[f"Person {person}"][1:])))
        apart = np.abs(picture[top + 40, left - 3 : left + 4].astype(int) - colour).max(axis=1)
        assert apart.min() < 30, "the line of a box is smoothed"


def test_no_clip_and_values_out_of_range_are_sentences(here, tmp_path):
    with pytest.raises(BadRequest, match=r"Drop a clip"):
        analyse_video(here, None)
    (tmp_path / "a.mp4").write_text("words\n" * 100)
    with pytest.raises(BadVideo, match=r"got a text file"):
        analyse_video(here, str(tmp_path / "a.mp4"))
    for every in (0, 2.5, "x"):
        with pytest.raises(BadRequest, match=r"every"):
            analyse_video(here, str(tmp_path / "a.mp4"), "", every)


def test_a_clip_without_faces_has_a_sentence_and_no_lines(here, tmp_path):
    answer = analyse_video(here, str(clips.write(tmp_path / "wall.mp4", ways(2))), "", 1, False, False)
    assert answer[1] == "No face was found in 2 pictures."
    assert answer[2] is None


def test_a_face_before_the_camera_keeps_its_number_and_a_new_one_gets_the_next():
    live, finder = Live(), SquareFinder()
    for number, picture in enumerate(ways(6, (6, 20, 3, 0))):
        seen = live.look(picture, finder, finder, number / 10)
        assert (seen != picture).any()
    assert set(live.boxes) == {1}
    live.look(ways(1, (24, 20, 0, 0), (90, 60, 0, 0))[0], finder, finder, 1.0)
    assert set(live.boxes) == {1, 2}
    live.look(ways(1, (90, 60, 0, 0))[0], finder, finder, 1.1)
    assert set(live.boxes) == set(live.smooth) == {2}


def test_a_crowd_before_the_camera_is_drawn_in_part(astronaut):
    live, finder = Live(), SquareFinder()
    many = [(4 + 24 * (place % 5), 4 + 24 * (place // 5), 0, 0) for place in range(15)]
    live.look(ways(1, *many)[0], finder, finder, 0.0)
    assert len(live.boxes) == MOST


def test_a_camera_picture_is_drawn_on_and_the_handler_writes_nothing(here, tmp_path, astronaut):
    (tmp_path / "frame.jpg").write_bytes(encode_jpeg(astronaut))
    before = set(tmp_path.iterdir())
    picture, live = see(here, str(tmp_path / "frame.jpg"), None)
    assert max(picture.shape) <= SIDE
    assert set(live.boxes) == {1}
    _, same = see(here, str(tmp_path / "frame.jpg"), live)
    assert same is live
    assert set(live.boxes) == {1}
    assert set(tmp_path.iterdir()) == before
    assert see(here, None, live) == (None, None)
    assert see(here, str(tmp_path / "frame.jpg"), "forged")[1].names == 1
