"""Pieces and the clip they make: same pictures, same times, the sound to the byte, no metadata."""

import av
import numpy as np
import pytest

from tests.video import clips
from workbench.errors import BadVideo, CannotWrite
from workbench.video.reading import frames, open_clip
from workbench.video.writing import counted, join, write_piece


def through(source, folder, cuts=(7,), sound=True):
    """The clip written in pieces and joined: (clip, its frames, the written file, notes)."""
    clip = open_clip(source)
    read = list(frames(clip))
    times, bounds = [frame.time for frame in read], [0, *cuts, len(read)]
    pieces = [folder / f"{number}.mp4" for number in range(len(bounds) - 1)]
    for piece, start, stop in zip(pieces, bounds[:-1], bounds[1:], strict=True):
        write_piece(piece, (frame.image for frame in read[start:stop]), times[start:stop], clip)
    notes = join(folder / "all.mp4", pieces, times, clip, sound)
    return clip, read, folder / "all.mp4", notes


def test_pictures_and_uneven_times_survive(tmp_path):
    times = [0, 40, 55, 140, 141, 300, 340, 341, 500, 900]
    _, read, out, _ = through(clips.write(tmp_path / "a.mp4", clips.pictures(10), times), tmp_path)
    again = open_clip(out)
    written = list(frames(again))
    assert [float(frame.time * again.base * 1000) for frame in written] == times
    worst = max(np.abs(a.image.astype(int) - b.image).mean() for a, b in zip(read, written, strict=True))
    assert worst < 3


def test_sound_is_copied_to_the_byte_and_stays_in_step(tmp_path):
    source = clips.write(tmp_path / "a.mp4", clips.pictures(25), sound="aac")
    _, _, out, notes = through(source, tmp_path)
    assert notes == ()
    assert clips.sound_of(out) == clips.sound_of(source)
    with av.open(str(source)) as a, av.open(str(out)) as b:
        starts = [float(each.streams.audio[0].start_time * each.streams.audio[0].time_base) for each in (a, b)]
    assert starts[0] == pytest.approx(starts[1], abs=0.002)


def test_sound_that_mp4_cannot_hold_is_coded_anew_and_said(tmp_path):
    source = clips.write(tmp_path / "a.mkv", clips.pictures(25), sound="pcm_s16le")
    _, _, out, notes = through(source, tmp_path)
    assert "pcm_s16le" in notes[0]
    with av.open(str(out)) as written:
        seconds = sum(frame.samples for frame in written.decode(audio=0)) / 44_100
    assert seconds == pytest.approx(1.0, abs=0.1)


def test_sound_can_be_left_out(tmp_path):
    _, _, out, _ = through(clips.write(tmp_path / "a.mp4", clips.pictures(10), sound="aac"), tmp_path, sound=False)
    assert open_clip(out).audio == ()


def test_odd_sizes_get_one_more_row_and_column(tmp_path):
    source = clips.write(tmp_path / "a.mkv", clips.pictures(3, (33, 27)), codec="ffv1", layout="bgr0")
    _, read, out, _ = through(source, tmp_path, cuts=(2,))
    written = next(frames(open_clip(out))).image
    assert written.shape == (28, 34, 3)
    assert np.abs(written[:27, :33].astype(int) - read[0].image).mean() < 6


def test_nothing_of_the_source_but_pictures_and_sound_is_written(tmp_path):
    source = tmp_path / "a.mp4"
    with av.open(str(source), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata["title"] = "Somebody's garden"
        container.metadata["location"] = "+52.5200+013.4050/"
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in clips.pictures(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    assert b"garden" in source.read_bytes()
    _, _, out, _ = through(source, tmp_path, cuts=(1,))
    assert b"garden" not in out.read_bytes()
    assert b"52.52" not in out.read_bytes()


def test_a_turned_clip_is_written_upright(tmp_path):
    source = clips.turn_clockwise(clips.write(tmp_path / "a.mp4", clips.pictures(3)))
    _, read, out, _ = through(source, tmp_path, cuts=(1,))
    again = open_clip(out)
    assert (again.width, again.height, again.quarters) == (48, 64, 0)
    assert np.abs(next(frames(again)).image.astype(int) - read[0].image).mean() < 4


def test_missing_pictures_fail_loudly(tmp_path):
    clip, read, out, _ = through(clips.write(tmp_path / "a.mp4", clips.pictures(10)), tmp_path)
    assert counted(out) == 10
    times = [frame.time for frame in read]
    with pytest.raises(BadVideo, match=r"holds 7 pictures instead of 10"):
        join(tmp_path / "short.mp4", [tmp_path / "0.mp4"], times, clip)


def test_a_full_disk_is_a_sentence(tmp_path):
    clip = open_clip(clips.write(tmp_path / "a.mp4", clips.pictures(2)))
    (tmp_path / "full.mp4").symlink_to("/dev/full")
    with pytest.raises(CannotWrite, match=r"no space left"):
        write_piece(tmp_path / "full.mp4", clips.pictures(2), [0, 512], clip)
