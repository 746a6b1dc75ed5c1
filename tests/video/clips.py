"""Small clips of every kind, made by PyAV: pictures, times, sound, turned, woven, broken off."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE = (64, 48)


def pictures(count: int, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """Pictures that tell their number by their grey, with a red left top corner."""
    found = []
    for number in range(count):
        picture = np.full((size[1], size[0], 3), 40 + 4 * (number % 50), np.uint8)
        picture[: size[1] // 2, : size[0] // 2] = (200, 30, 30)
        found.append(picture)
    return found


def write(
    path: Path,
    shown: Sequence[np.ndarray],
    times: Sequence[int] = (),
    codec: str = "libx264",
    form: str | None = None,
    sound: str = "",
    layout: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """A clip with these pictures. times: in thousandths of a second; none: 25 a second."""
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = shown[0].shape[1], shown[0].shape[0], layout
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        voice = container.add_stream(sound, rate=44_100) if sound else None
        for number, picture in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = (times[number], Fraction(1, 1000)) if times else (number, Fraction(1, 25))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if voice is not None:
            for packet in _tone(voice, len(shown) / 25):
                container.mux(packet)
    return path


def _tone(stream, seconds: float):
    wave = (np.sin(np.arange(int(44_100 * seconds)) / 20) * 8000).astype(np.int16)[None]
    for start in range(0, wave.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(wave[:, start : start + 1024], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44_100, start, Fraction(1, 44_100)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def turn_clockwise(path: Path) -> Path:
    """Say in an MP4, as phones do, that its pictures must be turned by 90 degrees with the clock."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40  # version 0: the matrix follows 40 bytes of times, ids and volume
    matrix = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    data[place : place + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(data)
    return path


def sound_of(path: Path) -> list[bytes]:
    """Every sound packet of a file, as it stands there."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]
