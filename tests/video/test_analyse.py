"""What a clip shows: rows per picture and person, the annotated clip, who is who after gaps, and smoothing."""

import io

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.video import clips
from tests.video.squares import SquareFinder, _found, ways
from workbench.cli import main
from workbench.detections import join
from workbench.thresholds import Metric
from workbench.video.analyse import Readers, analyse
from workbench.video.people import give_vectors, people
from workbench.video.plotting import line, over_time
from workbench.video.reading import frames, open_clip
from workbench.video.seeing import Eyes
from workbench.video.smoothing import OneEuro
from workbench.video.table import FIXED, columns, measures, save
from workbench.video.tracks import follow


class Recogniser:
    metric, threshold = Metric.COSINE, 0.4


def test_a_row_per_picture_and_person_with_times_and_places_unsmoothed(tmp_path):
    source = clips.write(
        tmp_path / "a.mp4", ways(10, (6, 20, 3, 0), (60, 60, -1, 1)), sound="aac", options={"crf": "10"}
    )
    shown = analyse(open_clip(source), Eyes(SquareFinder()), Readers(SquareFinder()), tmp_path / "out.mp4")
    assert (shown.frames, shown.people, len(shown.rows)) == (10, 2, 20)
    assert [(row["picture"], row["person"]) for row in shown.rows[:4]] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    mine = [row for row in shown.rows if row["width"] < 17 and row["top"] < 30]
    assert [row["left"] for row in mine] == pytest.approx([5.5 + 3 * n for n in range(10)], abs=1.01)
    assert mine[3]["seconds"] == pytest.approx(0.12)
    written = open_clip(tmp_path / "out.mp4")
    assert (len(list(frames(written))), written.audio) == (10, ("aac",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "out.mp4"]


def test_only_every_nth_picture_is_measured_when_asked(tmp_path):
    source = clips.write(tmp_path / "a.mp4", ways(10, (6, 20, 3, 0)), options={"crf": "10"})
    shown = analyse(open_clip(source), Eyes(SquareFinder()), Readers(SquareFinder()), every=4)
    assert [row["picture"] for row in shown.rows] == [0, 4, 8]
    assert shown.annotated is None


def test_a_clip_without_faces_is_said_and_has_a_table(tmp_path):
    shown = analyse(open_clip(clips.write(tmp_path / "a.mp4", ways(3))), Eyes(SquareFinder()), Readers(SquareFinder()))
    assert shown.words() == "No face was found in 3 pictures."
    save(shown.rows, tmp_path / "t.csv")
    assert list(pd.read_csv(tmp_path / "t.csv").columns) == list(FIXED)
    assert Image.open(io.BytesIO(over_time(shown.rows))).width > 500


def test_who_comes_back_after_a_gap_is_the_same_person_and_nobody_is_twice_in_a_picture():
    seen = [_found([(10, 10, 30, 30), (100, 10, 120, 30)], 0.9) if n < 10 or n >= 70 else join([]) for n in range(80)]
    seconds = np.arange(80) / 25
    tracks = follow(seen, seconds)
    assert len(tracks) == 4
    one, two = np.eye(4, dtype=np.float32)[:2]
    vectors = {}
    for number in (0, 5, 70, 75):  # after the gap they have changed places
        vectors[number, 0], vectors[number, 1] = (one, two) if number < 50 else (two, one)
    give_vectors(tracks, vectors, seen)
    assert people(tracks, Recogniser(), "toy") == {1: 1, 2: 2, 3: 2, 4: 1}
    for track in tracks:
        track.vectors = [(number, one) for number, _ in track.vectors]
    alike = people(tracks, Recogniser(), "toy")
    assert alike[1] != alike[2]
    assert alike[3] != alike[4]
    assert people(tracks, None) == {1: 1, 2: 2, 3: 3, 4: 4}


def test_smoothing_holds_still_what_rests_and_follows_at_once_what_moves():
    rng, rest, move = np.random.default_rng(3), OneEuro(), OneEuro()
    seconds = np.arange(100) / 25
    noise = rng.normal(0, 1, (100, 2))
    still = np.stack([rest(100 + noise[n], seconds[n], 80) for n in range(100)])
    assert still[30:].std() < 0.55 * noise[30:].std()
    moving = np.stack([move(np.array([200.0, 0]) * second, second, 80) for second in seconds])
    late = 200 * seconds[-1] - moving[-1, 0]
    assert late < 0.1 * 80, "two and a half faces a second are followed within a tenth of a face"


def test_a_line_breaks_where_somebody_was_not_seen():
    rows = [{"person": 1, "seconds": second, "yaw": 3.0} for second in (0, 0.1, 0.2, 2.0, 2.1)]
    seconds, values = line(rows, "yaw", 1)
    assert np.isnan(values).sum() == 1
    assert len(seconds) == len(values) == 6
    assert line(rows, "yaw", 2)[0].size == 0


def test_real_faces_are_read_and_drawn_by_the_command(astronaut, stranger, settings, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    monkeypatch.setenv("WORKBENCH_DEVICE", "cpu")
    pair = np.hstack([cv2.resize(astronaut, (240, 240)), cv2.resize(stranger, (240, 240))])
    source = clips.write(tmp_path / "two.mp4", [np.roll(pair, 2 * number, axis=0) for number in range(4)])
    out = tmp_path / "out"
    assert main(["analyse-video", str(source), "--out", str(out), "--attributes", "age", "--parse"]) == 0
    assert "4 pictures, 8 faces of 2 people." in capsys.readouterr().out
    table, again = pd.read_csv(out / "faces.csv"), pd.read_parquet(out / "faces.parquet")
    assert list(table.columns) == list(again.columns) == columns(again.to_dict("records"))
    assert table["person"].tolist() == [1, 2] * 4
    assert table[["yaw", "gaze_yaw", "mouth_open", "age"]].notna().all(axis=None)
    assert {"mouth_open", "age"} <= set(measures(again.to_dict("records")))
    smiling = table[table["left"] < 240].iloc[0]
    assert smiling["expression"] == "happy"
    assert (out / "annotated.mp4").stat().st_size > 1000
    assert main(["analyse-video", str(source), "--out", str(out), "--every", "0"]) == 2
