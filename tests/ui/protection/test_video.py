"""Hide in video, called without a browser: the written clip, its sheet, and sentences for everything else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.video import clips
from workbench.bench import Workbench
from workbench.errors import BadRequest, BadVideo, ClipTooLong, NoFace
from workbench.tasks.detection import find_faces
from workbench.ui.protection.video import hide_video
from workbench.video.reading import frames, open_clip


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
