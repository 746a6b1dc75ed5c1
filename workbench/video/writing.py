"""Clips are written here: H.264 in MP4, piece by piece, then put together with the sound copied and nothing else.

A piece is coded by itself and has no pictures that wait for later ones, so that pieces can be joined packet by packet
without coding again: what was searched in a piece is what stands in the clip. Titles, places and every other note of
the file that was read stay behind.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from workbench.batch.files import writing
from workbench.errors import BadRequest, BadVideo
from workbench.video.clip import Clip
from workbench.video.reading import opened, pyav
from workbench.watch import look

CODEC = "libx264"
QUALITY = 20
"""Constant rate factor of H.264: 18 is hardly told from the original, 28 is small."""
COPIED = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
"""Sounds that MP4 holds as they are; others are coded anew as AAC."""
FINEST = 10_000_000
"""Units of time in a second, at most: MP4 counts them in 32 bits."""


def write_piece(
    path: Path, pictures: Iterable[np.ndarray], times: Sequence[int], clip: Clip, quality: int = QUALITY
) -> None:
    """Write (H, W, 3) uint8 pictures as a piece of a clip. times: of each, in units of the clip.

    A width or height that is odd gets one more column or row: H.264 halves them. Raises CannotWrite, BadRequest where
    this PyAV cannot write H.264.
    """
    base = written_base(clip)
    with writing(path), _writer(path, None) as container:
        stream, start = _stream(container, clip, base, quality), times[0]
        for picture, time in zip(pictures, times, strict=True):
            look()
            frame = pyav().VideoFrame.from_ndarray(_even(picture), format="rgb24")
            frame.pts, frame.time_base = round((time - start) * clip.base / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def join(path: Path, pieces: Sequence[Path], times: Sequence[int], clip: Clip, sound: bool = True) -> tuple[str, ...]:
    """Put pieces together as they are, in order, with the clip's sound. Returns sentences about what was not copied.

    times: of all pictures of all pieces. Raises CannotWrite, BadVideo when the pieces hold more or fewer pictures.
    """
    notes: list[str] = []
    with opened(pieces[0]) as first, opened(clip.path) as source, writing(path), _writer(path, "mp4") as container:
        stream = container.add_stream_from_template(first.streams.video[0])
        sounds = _Sounds(container, source, notes) if sound and clip.audio else None
        base = written_base(clip)
        units = [round(time * clip.base / base) for time in times]
        for packet, time, unit, lasts in zip(_packets(pieces), times, units, _lengths(units), strict=False):
            packet.stream, packet.time_base = stream, base
            packet.pts = packet.dts = unit
            packet.duration = lasts
            if sounds:
                sounds.until(float(time * clip.base))
            container.mux(packet)
        if sounds:
            sounds.until(float("inf"))
    if counted(path) != len(times):
        raise BadVideo(
            f"{path.name} holds {counted(path)} pictures instead of {len(times)}. Delete its parts and retry."
        )
    return tuple(notes)


def _lengths(units: Sequence[int]) -> list[int]:
    """How long each picture stays; the last as long as the one before."""
    steps = [int(step) for step in np.diff(units)]
    return [*steps, steps[-1] if steps else 1]


def counted(path: Path) -> int:
    """How many pictures a written file holds, without decoding them."""
    with opened(path) as container:
        return sum(packet.size > 0 for packet in container.demux(container.streams.video[0]))


def written_base(clip: Clip) -> Fraction:
    """The unit of time of written files: the clip's own where MP4 can count it."""
    return clip.base if clip.base.numerator == 1 and clip.base.denominator <= FINEST else Fraction(1, 90_000)


def _writer(path: Path, form: str | None) -> Any:
    return pyav().open(str(path.absolute()), "w", format=form or "mp4")


def _stream(container: Any, clip: Clip, base: Fraction, quality: int) -> Any:
    package = pyav()
    try:
        stream = container.add_stream(CODEC, rate=Fraction(clip.rate).limit_denominator(1001))
    except (ValueError, package.error.FFmpegError) as error:
        raise BadRequest(
            "This PyAV cannot write H.264. Install the wheel from PyPI: pip install --force av."
        ) from error
    stream.width, stream.height = clip.width + clip.width % 2, clip.height + clip.height % 2
    stream.pix_fmt, stream.codec_context.time_base = "yuv420p", base
    stream.options = {"crf": str(quality), "preset": "veryfast", "bf": "0"}
    return stream


def _even(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(picture)


def _packets(pieces: Sequence[Path]) -> Iterator[Any]:
    for piece in pieces:
        with opened(piece) as container:
            yield from (packet for packet in container.demux(container.streams.video[0]) if packet.size)


class _Sounds:
    """The sound tracks of a clip on their way into another file, in step with its pictures."""

    def __init__(self, container: Any, source: Any, notes: list[str]) -> None:
        self._container, self._ways = container, dict[int, Callable[[Any], Any]]()
        tracks = [each for each in source.streams.audio if each.codec_context is not None]
        for track in tracks:
            self._ways[track.index] = self._way(track, notes)
        self._coming: Iterator[Any] = source.demux(tracks)
        self._next: Any = next(self._coming, None)

    def _way(self, track: Any, notes: list[str]) -> Callable[[Any], Any]:
        name = track.codec_context.name
        if name in COPIED:
            copy = self._container.add_stream_from_template(track)
            return lambda packet: _moved(packet, copy)
        notes.append(f"Its sound ({name}) does not fit into MP4 and was coded anew as AAC.")
        anew = self._container.add_stream("aac", rate=track.codec_context.sample_rate or 48_000)
        return lambda packet: _recoded(packet, anew)

    def until(self, seconds: float) -> None:
        """Hand over what is heard before this moment. A sound that breaks off ends there."""
        error = pyav().error.FFmpegError
        while self._next is not None:
            packet = self._next
            if packet.pts is not None and float(packet.pts * packet.time_base) > seconds:
                return
            try:
                self._container.mux(list(self._ways[packet.stream.index](packet)))
                self._next = next(self._coming, None)
            except error:
                self._next = None


def _moved(packet: Any, stream: Any) -> Iterator[Any]:
    if packet.dts is not None:
        packet.stream = stream
        yield packet


def _recoded(packet: Any, stream: Any) -> Iterator[Any]:
    for sound in packet.decode():
        yield from stream.encode(sound)
    if packet.dts is None:
        yield from stream.encode(None)
