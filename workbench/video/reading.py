"""Clips are read here, by PyAV: one picture at a time, upright, unwoven, in sRGB; a sentence for everything else.

A file may only be itself: FFmpeg would also follow playlists to other files and servers, so the containers it may take
are named and no protocol but the opened file is allowed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import BadRequest, BadVideo
from workbench.video.clip import Clip, Frame, Limits, check_size

if TYPE_CHECKING:
    import av

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,mxf,nut,dv,h264,hevc,m4v"
SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg", ".wmv", ".flv"}
    | {".3gp", ".ogv", ".mxf", ".gif"}
)
"""How the names of clips end, in small letters."""
INSTALL = 'Video needs one more package: pip install "face-workbench[video]" (it is called av).'


def pyav() -> Any:
    """The package. Raises BadRequest with what to install."""
    try:
        import av
    except ImportError as error:
        raise BadRequest(INSTALL) from error
    av.logging.set_level(None)
    return av


def open_clip(path: Path, limits: Limits = Limits()) -> Clip:  # noqa: B008 - a frozen value
    """What a file says of itself, and whether its first picture can be read.

    Raises BadVideo when it is no clip, has no pictures or is damaged before the first, ClipTooLong.
    """
    check_size(path, limits)
    with opened(path) as container:
        stream = _pictures(container, path)
        clip = _described(path, container, stream).check(limits)
    first = next(frames(clip), None)
    if first is None:
        raise BadVideo(f"{path.name} is damaged: not one picture can be read. Save or download it again.")
    return clip


def frames(clip: Clip, start: int = 0, stop: int | None = None, times: Sequence[int] = ()) -> Iterator[Frame]:
    """The pictures from `start` up to `stop`, one in memory at a time. A damaged end ends the clip early.

    times: of all frames, when they are known: then reading begins shortly before `start` instead of at the beginning.
    """
    shown = _Times(clip)
    with opened(clip.path) as container:
        stream = _pictures(container, clip.path)
        number = _skipped(container, stream, start, times)
        for picture in _unwoven(clip, _decoded(container, stream)):
            time = shown.next(picture)
            if number is None:  # after a leap: the first picture says by its time where we are
                number = _place(times, time)
                if number is None or number > start:
                    break
            if stop is not None and number >= stop:
                return
            if number >= start:
                yield Frame(number, time, _upright(picture, clip.quarters))
            number += 1
        else:
            if number is not None:  # None: after the leap no picture came, as where no key picture follows
                return
    yield from frames(clip, start, stop)  # the leap missed: read from the beginning


@contextmanager
def opened(path: Path) -> "Iterator[av.container.InputContainer]":
    """A file's container, closed afterwards. Raises BadVideo."""
    package = pyav()
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    try:
        container = package.open(str(path.absolute()), options=options, metadata_errors="replace")
    except (package.error.FFmpegError, ValueError) as error:
        raise BadVideo(
            f"Expected a video (MP4, MOV, MKV, WebM, AVI …), got {_kind(path)}. Save it as MP4, or download it again."
        ) from error
    try:
        yield container
    finally:
        container.close()


def _kind(path: Path) -> str:
    """What a file seems to be, in words."""
    with path.open("rb") as stream:
        head = stream.read(2048)
    if b"ftyp" in head[:16]:
        return "one that is damaged or breaks off"
    if head.startswith((b"\xff\xd8", b"\x89PNG", b"RIFF")) and b"AVI" not in head[:16]:
        return "a photo"
    text = head.decode("utf-8", "replace")
    return "a text file" if "\ufffd" not in text[:-4] and text.isprintable() | ("\n" in text) else "something else"


def _pictures(container: Any, path: Path) -> Any:
    """The stream of pictures, ready to decode on the cores there are."""
    streams = [each for each in container.streams.video if not _is_cover(each)]
    if not streams:
        raise BadVideo(f"{path.name} holds no moving pictures that can be read: it is sound alone, or damaged.")
    stream = streams[0]
    if stream.codec_context is None:
        raise BadVideo(
            f"{path.name}: its pictures are coded in a way that cannot be read here. Save it as MP4 (H.264)."
        )
    if not stream.codec_context.width or not stream.codec_context.height:
        raise BadVideo(f"{path.name} is damaged: it does not say how large its pictures are. Download it again.")
    stream.thread_type = "AUTO"
    return stream


def _is_cover(stream: Any) -> bool:
    return "attached_pic" in str(getattr(stream, "disposition", "")).lower()


def _described(path: Path, container: Any, stream: Any) -> Clip:
    context = stream.codec_context
    base = Fraction(stream.time_base or Fraction(1, 90_000))
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    rate = rate if 0 < rate <= 1000 else 25.0
    seconds = float(stream.duration * base) if stream.duration else (container.duration or 0) / 1e6
    count = int(stream.frames) or round(seconds * rate)
    first = _first_picture(container, stream, path)
    quarters = round(first.rotation / 90) % 4
    tilt = () if first.rotation % 90 == 0 else (f"It is turned by {first.rotation}°; only quarters are heeded.",)
    sides = (context.width, context.height)
    width, height = sides if quarters % 2 == 0 else sides[::-1]
    audio = tuple(each.codec_context.name for each in container.streams.audio if each.codec_context is not None)
    return Clip(
        *(path, width, height, quarters, base, rate, max(count, 1), max(seconds, 1 / rate), context.name, audio),
        bool(first.interlaced_frame),
        tilt,
    )


def _first_picture(container: Any, stream: Any, path: Path) -> Any:
    picture = next(_decoded(container, stream), None)
    if picture is None:
        raise BadVideo(f"{path.name} is damaged: not one picture can be read. Save or download it again.")
    return picture


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Pictures; a packet that cannot be read is left out, and a file that breaks off ends there."""
    error = pyav().error.FFmpegError
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except error:
            break
        try:
            yield from packet.decode()
        except error:
            continue
    try:
        yield from stream.decode(None)
    except error:
        return


class _Times:
    """When each picture is shown: the file's own times where they grow, else one frame after the last."""

    def __init__(self, clip: Clip) -> None:
        self._step = max(1, round(1 / (clip.rate * clip.base)))
        self._last: int | None = None

    def next(self, picture: Any) -> int:
        time, last = picture.pts, self._last
        if last is None:
            now = int(time or 0)
        elif time is None:
            now = last + self._step
        else:
            now = max(int(time), last + 1)
        self._last = now
        return now


def _skipped(container: Any, stream: Any, start: int, times: Sequence[int]) -> int | None:
    """Leap to the last key picture before `start`. The number of the picture that comes first, None: ask its time."""
    if start == 0 or not len(times):
        return 0
    try:
        container.seek(int(times[min(start, len(times) - 1)]), stream=stream, backward=True)
    except pyav().error.FFmpegError:
        container.seek(0)
        return 0
    return None


def _place(times: Sequence[int], time: int) -> int | None:
    place = int(np.searchsorted(np.asarray(times), time))
    return place if place < len(times) and times[place] == time else None


def _unwoven(clip: Clip, pictures: Iterator[Any]) -> Iterator[Any]:
    """Woven pictures with the second half made anew from the first (yadif), one for one; others as they are."""
    if not clip.interlaced:
        yield from pictures
        return
    graph, waiting = None, pyav().error.BlockingIOError
    for picture in pictures:
        if graph is None:
            graph = _weave_filter(picture, clip)
        graph.push(picture)
        try:
            yield graph.pull()
        except waiting:
            continue
    if graph is not None:
        graph.push(None)
        try:
            while True:
                yield graph.pull()
        except (waiting, pyav().error.EOFError):
            return


def _weave_filter(picture: Any, clip: Clip) -> Any:
    graph = pyav().filter.Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base or clip.base
    )
    yadif, sink = graph.add("yadif", "mode=send_frame"), graph.add("buffersink")
    source.link_to(yadif)
    yadif.link_to(sink)
    graph.configure()
    return graph


def _upright(picture: Any, quarters: int) -> np.ndarray:
    image = picture.to_ndarray(format="rgb24")
    return image if not quarters else np.ascontiguousarray(np.rot90(image, quarters))
