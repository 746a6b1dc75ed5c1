"""Hide in video, called without a browser: the written clip, its sheet, and sentences for everything else."""

from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import pytest
from PIL import Image

from tests.video import clips
from workbench.bench import Workbench
from workbench.errors import BadRequest, BadVideo, ClipTooLong, NoFace
from workbench.protection import cast
from workbench.tasks.detection import find_faces
from workbench.tasks.recognition import verify
from workbench.ui.protection import stage
from workbench.ui.protection.video import hide_video
from workbench.video.reading import frames, open_clip
from workbench.video.standing_in import Drawing


@pytest.fixture
def here(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workbench.ui.common.widgets.uploads.folder", lambda settings: tmp_path)
    return bench


@pytest.fixture(scope="module")
def clip(tmp_path_factory, astronaut) -> str:
    shown = [np.ascontiguousarray(astronaut[:300, 20 + number : 320 + number]) for number in range(7)]
    return str(clips.write(tmp_path_factory.mktemp("clip") / "my walk.mp4", shown, sound="aac"))


def test_a_clip_comes_back_hidden_with_its_sound_and_a_page_of_its_pictures(here, clip, finder):
    shown, words, sheet, path = hide_video(here, clip, "mosaic", 2.0, None, True)
    assert (shown, Path(path).name) == (path, "my walk_hidden.mp4")
    assert "7 pictures" in words
    assert open_clip(Path(path)).audio == ("aac",)
    assert find_faces(next(frames(open_clip(Path(path)))).image, finder, landmarks=False) == ()
    assert Image.open(sheet).width == 3 * 300


def test_voices_can_be_left_out(here, clip):
    assert open_clip(Path(hide_video(here, clip, "silhouette", 1.0, None, False)[3])).audio == ()


def test_who_is_kept_stays(here, clip, tmp_path, astronaut, finder):
    Image.fromarray(astronaut).save(tmp_path / "me.png")
    path = Path(hide_video(here, clip, "blur", 2.0, [str(tmp_path / "me.png")])[3])
    assert len(find_faces(next(frames(open_clip(path))).image, finder, landmarks=False)) == 1


def test_bad_requests_are_sentences(here, clip, tmp_path, settings):
    with pytest.raises(BadRequest, match=r"Drop a clip first"):
        hide_video(here, None)
    with pytest.raises(BadRequest, match=r"no anonymisation 'paint'"):
        hide_video(here, clip, "paint")
    with pytest.raises(BadRequest, match=r"strength"):
        hide_video(here, clip, "blur", float("nan"))
    (tmp_path / "diary.mp4").write_text("no clip\n" * 90)
    with pytest.raises(BadVideo, match=r"got a text file"):
        hide_video(here, str(tmp_path / "diary.mp4"))
    Image.new("RGB", (90, 90)).save(tmp_path / "wall.png")
    with pytest.raises(NoFace, match=r"wall\.png"):
        hide_video(here, clip, "blur", 2.0, [str(tmp_path / "wall.png")])
    short = Workbench(replace(settings, max_clip_bytes=1000))
    with pytest.raises(ClipTooLong, match=r"hide-video CLIP"):
        hide_video(short, clip)


@pytest.fixture(scope="module")
def brief(tmp_path_factory, astronaut) -> str:
    """Three pictures."""
    shown = [np.ascontiguousarray(astronaut[:300, 20 + number : 320 + number]) for number in (0, 3, 6)]
    return str(clips.write(tmp_path_factory.mktemp("clip") / "brief.mp4", shown))


@pytest.fixture
def few(here, monkeypatch):
    """Two drawn people and two judges, for speed."""
    monkeypatch.setattr(cast, "NUMBERS", (1, 15))
    monkeypatch.setattr(stage, "recognisers", lambda bench: [("", "sface"), ("", "mobilefacenet")])
    monkeypatch.setattr(stage, "_people", WeakKeyDictionary())


def test_one_drawn_person_stands_in_through_the_clip_and_no_recogniser_knows_the_person(here, few, brief, finder):
    words, path = itemgetter(1, 3)(hide_video(here, brief, "drawn", 2.0, None, False))
    assert "3 replaced by drawn faces, whom no recogniser here takes for the person in any picture" in words
    before, after = (list(frames(open_clip(Path(each))))[::2] for each in (brief, path))
    judge = here.recogniser("sface")
    drawn = [find_faces(frame.image, finder)[0] for frame in after]
    for frame, seen, face in zip(before, after, drawn, strict=True):
        assert not verify(frame.image, find_faces(frame.image, finder)[0], seen.image, face, judge).same
    assert verify(after[0].image, drawn[0], after[-1].image, drawn[-1], judge).same, "the same drawn person"


def test_whom_a_recogniser_knows_in_the_written_clip_is_hidden_by_a_mosaic_and_counted(
    here, few, brief, finder, monkeypatch
):
    monkeypatch.setattr(Drawing, "known", lambda self, image, number: [0] if self.asked.get(number) else [])
    words, path = itemgetter(1, 3)(hide_video(here, brief, "drawn", 2.0, None, False))
    assert "No drawn face fitted 3 (3 taken for the person whoever was drawn): hidden by a mosaic instead" in words
    assert find_faces(next(frames(open_clip(Path(path)))).image, finder, landmarks=False) == ()
