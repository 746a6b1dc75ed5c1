"""Pictures on their way to a rater's screen: as data addresses, so that no file name, folder or other picture can be
guessed; and the same pixels that a model would be given (`images.decode`), whatever the file's kind and size.
"""

import base64
import hashlib
import io
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image

from workbench.errors import StudyError
from workbench.images import decode, encode_jpeg, encode_png, limit
from workbench.labeling.study.items import inside
from workbench.settings import Settings

_AS_IS = 300_000
"""Bytes beyond which a picture is made smaller on its way."""
_SIDE = 1024
_KINDS = {"PNG": "image/png", "WEBP": "image/webp", "JPEG": "image/jpeg"}
_PLAIN = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "progressive", "progression"}
_PLAIN |= {"loop", "background", "timestamp", "duration", "srgb", "Description", "Synthetic", "interlace"}
"""What Pillow may find in a file without a browser showing it otherwise than `decode` reads it: no profile, no gamma,
no orientation, no transparency."""


class Shelf:
    """Pictures of one study, the most recently shown kept ready."""

    def __init__(self, folder: Path, settings: Settings, kept: int = 256) -> None:
        """folder: the study's. settings: how large a picture may be. kept: how many stay in memory (about 100 kB
        each)."""
        self._folder, self._settings, self._kept = folder, settings, kept
        self._ready: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def address(self, file: str, sha256: str) -> str:
        """A `data:` address of the picture: the file itself where a browser shows it as `images.decode` reads it, else
        what decode gives, at most 1024 px wide or high.

        Raises StudyError when the file is gone or is not the one the study registered, BadImage when it breaks off.
        """
        with self._lock:
            if sha256 in self._ready:
                self._ready.move_to_end(sha256)
                return self._ready[sha256]
        data = inside(self._folder, file).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StudyError(f"{file} changed after the study was loaded; put the registered file back.")
        address = _address(*_shown(data, self._settings))
        with self._lock:
            self._ready[sha256] = address
            while len(self._ready) > self._kept:
                self._ready.popitem(last=False)
        return address


def _address(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _shown(data: bytes, settings: Settings) -> tuple[bytes, str]:
    """The bytes that go to the browser, and their kind."""
    if len(data) <= _AS_IS and (kind := _plain_kind(data)):
        return data, kind
    return encoded(limit(decode(data, settings), _SIDE))


def encoded(image: np.ndarray) -> tuple[bytes, str]:
    """The picture as PNG, to the bit, or as JPEG where a PNG would be large; and its kind."""
    if image.shape[0] * image.shape[1] * 3 <= 4 * _AS_IS and len(data := encode_png(image)) <= _AS_IS:
        return data, "image/png"
    return encode_jpeg(image), "image/jpeg"


def _plain_kind(data: bytes) -> str:
    """The file's kind if a browser shows it as `images.decode` reads it: eight bits a channel, one frame, upright,
    opaque, sRGB; else ""."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            plain = picture.mode in ("RGB", "L") and set(picture.info) <= _PLAIN
            plain = plain and getattr(picture, "n_frames", 1) == 1 and not picture.getexif()
            return _KINDS.get(picture.format or "", "") if plain else ""
    except Exception:  # noqa: BLE001 - whatever is wrong with the file, `decode` says it in words
        return ""
