"""Clips as people have them: uneven times, turned, woven, broken off, huge, or no clips at all."""

import gc
import weakref
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.video import clips
from workbench.errors import BadRequest, BadVideo, ClipTooLong
from workbench.settings import Settings
from workbench.video import reading
from workbench.video.clip import Limits, length
from workbench.video.reading import frames, open_clip

UNEVEN = [0, 40, 55, 140, 141, 300, 340, 341, 500, 900]


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    return clips.write(tmp_path_factory.mktemp("clips") / "plain.mp4", clips.pictures(40), options={"g": "10"})


def test_a_clip_says_its_size_rate_and_length(plain):
    clip = open_clip(plain)
    assert (clip.width, clip.height, clip.quarters, clip.frames, clip.audio) == (64, 48, 0, 40, ())
    assert clip.rate == pytest.approx(25)
    assert clip.seconds == pytest.approx(1.6)
    assert clip.stem == "plain"


def test_a_variable_frame_rate_keeps_its_times(tmp_path):
    clip = open_clip(clips.write(tmp_path / "a.mp4", clips.pictures(10), UNEVEN))
    assert [float(frame.time * clip.base * 1000) for frame in frames(clip)] == UNEVEN


def test_reading_may_begin_anywhere(plain):
    clip = open_clip(plain)
    every = list(frames(clip))
    times = [frame.time for frame in every]
    for start, stop in ((0, 3), (9, 12), (25, 40), (39, None)):
        some = list(frames(clip, start, stop, times))
        assert [frame.number for frame in some] == list(range(start, stop or 40))
        assert all((frame.image == every[frame.number].image).all() for frame in some)


def test_a_leap_that_misses_reads_from_the_beginning(plain):
    clip = open_clip(plain)
    wrong = [frame.time + 7 for frame in frames(clip)]
    assert [frame.number for frame in frames(clip, 25, 28, wrong)] == [25, 26, 27]


def test_a_leap_behind_the_only_key_picture_of_a_transport_stream_read_nothing(tmp_path):
    clip = open_clip(clips.write(tmp_path / "cam.ts", clips.pictures(40), form="mpegts"))
    times = [frame.time for frame in frames(clip)]
    assert [frame.number for frame in frames(clip, 20, 25, times)] == list(range(20, 25))


def test_a_phones_turned_clip_is_read_upright(tmp_path):
    path = clips.turn_clockwise(clips.write(tmp_path / "phone.mp4", clips.pictures(2)))
    clip = open_clip(path)
    image = next(frames(clip)).image
    assert (clip.width, clip.height) == (48, 64) == image.shape[1::-1]
    assert image[5, -5, 0] > 150 > image[5, 5, 0]  # the red corner was at the left top, and now is at the right


def test_woven_pictures_are_read_unwoven_one_for_one(tmp_path):
    woven = clips.pictures(6)
    for picture in woven:
        picture[::2] = 230  # the two halves of each picture show different moments
        picture[1::2] = 20
    path = clips.write(tmp_path / "tv.mp4", woven, options={"flags": "+ildct+ilme", "x264-params": "tff=1"})
    clip = open_clip(path)
    read = list(frames(clip))
    assert clip.interlaced
    assert [frame.number for frame in read] == list(range(6))
    combed = np.abs(np.diff(read[3].image[4:-4].astype(int), axis=0)).mean()
    assert combed < 110  # woven it is 210


def test_a_damaged_end_ends_the_clip(tmp_path):
    path = clips.write(tmp_path / "cut.mkv", clips.pictures(60), codec="mpeg4", form="matroska")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert 20 <= len(list(frames(open_clip(path)))) < 60


def test_one_picture_is_a_clip(tmp_path):
    assert len(list(frames(open_clip(clips.write(tmp_path / "one.mp4", clips.pictures(1)))))) == 1


@pytest.mark.parametrize(
    ("name", "codec", "layout"),
    [
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.mov", "prores", "yuv422p10le"),
        ("a.gif", "gif", "rgb8"),
        ("a.mkv", "ffv1", "yuv444p"),
        ("a.mkv", "mjpeg", "yuvj420p"),
    ],
)
def test_odd_codecs_are_read(tmp_path, name, codec, layout):
    clip = open_clip(clips.write(tmp_path / name, clips.pictures(4), codec=codec, layout=layout))
    read = list(frames(clip))
    assert len(read) == 4
    assert np.abs(read[0].image[-5, -5].astype(int) - 40).max() < 60


def test_eight_thousand_pixels_are_read_or_refused_by_their_number(tmp_path):
    path = clips.write(tmp_path / "8k.mp4", [np.full((4320, 7680, 3), 90, np.uint8)], options={"preset": "ultrafast"})
    clip = open_clip(path)
    assert next(frames(clip)).image.shape == (4320, 7680, 3)
    with pytest.raises(ClipTooLong, match=r"at most 20 megapixels, got 7680 × 4320"):
        clip.check(Limits(pixels=20_000_000))


def test_too_long_a_clip_is_refused_on_the_screen_and_taken_by_the_command(tmp_path):
    settings = Settings(tmp_path, tmp_path, max_clip_seconds=600)
    long = clips.write(tmp_path / "long.mp4", clips.pictures(2), [0, 4 * 3600 * 1000])
    with pytest.raises(ClipTooLong, match=r"at most 10 min 00 s here, got 4 h 00 min.*hide-video") as raised:
        open_clip(long, Limits.of_server(settings))
    assert raised.value.most == 600
    assert open_clip(long, Limits.of_command(settings)).frames == 2


def test_too_large_a_file_is_refused_before_it_is_opened(plain):
    with pytest.raises(ClipTooLong, match=r"at most 0 MB here"):
        open_clip(plain, Limits(size=10))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Dear diary,\nno video today.\n" * 50, "got a text file"),
        (b"\xff\xd8\xff\xe0" + bytes(500), "got a photo"),
        (bytes(range(256)) * 20, "got something else"),
        (b"", "an empty file"),
    ],
)
def test_no_clip_is_a_sentence(tmp_path, content, said):
    path = tmp_path / "holiday.mp4"
    path.write_bytes(content)
    with pytest.raises(BadVideo, match=said):
        open_clip(path)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(BadVideo, match=r"is no file"):
        open_clip(tmp_path / "gone.mp4")


def test_an_mp4_without_its_end_is_a_sentence(plain, tmp_path):
    path = tmp_path / "half.mp4"
    path.write_bytes(plain.read_bytes()[:-900])
    with pytest.raises(BadVideo, match=r"damaged"):
        open_clip(path)


def test_a_playlist_called_mp4_reads_no_other_file(plain, tmp_path):
    path = tmp_path / "list.mp4"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{plain}\n#EXT-X-ENDLIST\n")
    with pytest.raises(BadVideo, match=r"got a text file"):
        open_clip(path)
    path.write_text(f"ffconcat version 1.0\nfile {plain}\n")
    with pytest.raises(BadVideo, match=r"got a text file"):
        open_clip(path)


def test_sound_alone_is_no_clip(tmp_path):
    import av

    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        for packet in clips._tone(container.add_stream("aac", rate=44_100), 0.5):
            container.mux(packet)
    with pytest.raises(BadVideo, match=r"no moving pictures"):
        open_clip(path)


def test_pictures_are_let_go_as_they_are_read(plain):
    alive: list[weakref.ref] = []
    most = 0
    for frame in frames(open_clip(plain)):
        alive = [each for each in alive if each() is not None]
        alive.append(weakref.ref(frame.image))
        most = max(most, len(alive))
    del frame
    gc.collect()
    assert most <= 3


def test_times_that_do_not_grow_are_made_to():
    class Picture:
        def __init__(self, pts):
            self.pts = pts

    clip = reading.Clip(Path("x"), 2, 2, 0, Fraction(1, 1000), 25.0, 5, 1.0, "x")
    shown = reading._Times(clip)
    assert [shown.next(Picture(time)) for time in (0, 40, 40, None, 30)] == [0, 40, 41, 81, 82]


def test_without_the_package_there_is_a_command_to_type(monkeypatch, plain):
    import builtins

    real = builtins.__import__
    monkeypatch.setattr(
        builtins,
        "__import__",
        lambda name, *rest: (_ for _ in ()).throw(ImportError()) if name == "av" else real(name, *rest),
    )
    with pytest.raises(BadRequest, match=r'pip install "face-workbench\[video\]"'):
        open_clip(plain)


def test_lengths_in_words():
    assert [length(value) for value in (0.25, 59.9, 61, 600, 14_400)] == [
        *("0.2 s", "59.9 s", "1 min 01 s", "10 min 00 s", "4 h 00 min"),
    ]
