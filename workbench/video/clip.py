"""What a clip is: values that need no decoder. Times are in units of `Clip.base`, as they stand in the file."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from workbench.errors import BadVideo, ClipTooLong
from workbench.settings import Settings
from workbench.values import check_image


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken. seconds, size (bytes): 0 for any. pixels: of one picture."""

    seconds: float = 0.0
    size: int = 0
    pixels: int = 60_000_000

    @classmethod
    def of_server(cls, settings: Settings) -> "Limits":
        """Those of the screen: everybody shares the machine."""
        return cls(float(settings.max_clip_seconds), settings.max_clip_bytes, settings.max_pixels)

    @classmethod
    def of_command(cls, settings: Settings) -> "Limits":
        """Those of the command line: any length."""
        return cls(pixels=settings.max_pixels)


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A clip that was opened and can be read.

    width, height: upright, in pixels. quarters: turns of 90 degrees against the clock that bring a stored picture
    upright. base: seconds of one unit of time. rate: pictures a second on average. frames: as the file says or as its
    length suggests; the decoder has the last word. audio: codecs of its sound tracks. interlaced: its pictures are
    woven of two halves; they are read unwoven. notes: sentences about what could not be heeded.
    """

    path: Path
    width: int
    height: int
    quarters: int
    base: Fraction
    rate: float
    frames: int
    seconds: float
    codec: str
    audio: tuple[str, ...] = ()
    interlaced: bool = False
    notes: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """What a result is named after."""
        from workbench.photo import Photo

        return Photo(np.zeros((1, 1, 3), np.uint8), self.path.name).stem

    def check(self, limits: Limits) -> "Clip":
        """The clip itself. Raises ClipTooLong."""
        if self.width * self.height > limits.pixels:
            raise ClipTooLong(
                f"Expected pictures of at most {limits.pixels / 1e6:.0f} megapixels, got {self.width} × {self.height}. "
                "Make the clip smaller first.",
                got=self.width * self.height,
                most=limits.pixels,
            )
        if limits.seconds and self.seconds > limits.seconds:
            raise ClipTooLong(
                f"Expected a clip of at most {length(limits.seconds)} here, got {length(self.seconds)}. The command "
                "line takes any length: python -m workbench hide-video CLIP.",
                got=self.seconds,
                most=limits.seconds,
            )
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a clip. number: from 0, in the order they are shown. time: in units of `Clip.base`, growing.
    image: (H, W, 3) uint8 sRGB, upright."""

    number: int
    time: int
    image: np.ndarray

    def __post_init__(self) -> None:
        check_image(self.image)


def check_size(path: Path, limits: Limits) -> None:
    """Raises BadVideo when there is no file or an empty one, ClipTooLong when it has more bytes than the limit."""
    try:
        size = path.stat().st_size if path.is_file() else -1
    except OSError:
        size = -1
    if size <= 0:
        raise BadVideo(f"{path.name} is {'an empty file' if size == 0 else 'no file'}. Choose a video file.")
    if limits.size and size > limits.size:
        raise ClipTooLong(
            f"Expected a clip of at most {limits.size / 1e6:.0f} MB here, got {size / 1e6:.0f} MB. The command line "
            "takes any: python -m workbench hide-video CLIP.",
            got=size,
            most=limits.size,
        )


def length(seconds: float) -> str:
    """ "4 h 05 min", "10 min 00 s" or "3.2 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
