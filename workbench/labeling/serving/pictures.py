"""Pictures on their way to a rater's screen: as data addresses, so that no file name, folder or other picture can be
guessed."""

import base64
import hashlib
import io
import threading
from collections import OrderedDict
from pathlib import Path

from PIL import Image, ImageOps

from workbench.errors import StudyError
from workbench.labeling.study.items import inside

_AS_IS = 300_000
_SIDE = 1024
_KINDS = {".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


class Shelf:
    """Pictures of one study, the most recently shown kept ready."""

    def __init__(self, folder: Path, kept: int = 256) -> None:
        """folder: the study's. kept: how many stay in memory (about 100 kB each)."""
        self._folder, self._kept = folder, kept
        self._ready: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def address(self, file: str, sha256: str) -> str:
        """A `data:` address of the picture. Large ones are scaled to 1024 px and rewritten as JPEG, upright.

        Raises StudyError when the file is gone or is not the one the study registered.
        """
        with self._lock:
            if sha256 in self._ready:
                self._ready.move_to_end(sha256)
                return self._ready[sha256]
        data = inside(self._folder, file).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StudyError(f"{file} changed after the study was loaded; put the registered file back.")
        kind = _KINDS[Path(file).suffix.lower()]
        if len(data) > _AS_IS:
            data, kind = _smaller(data), "image/jpeg"
        address = f"data:{kind};base64,{base64.b64encode(data).decode()}"
        with self._lock:
            self._ready[sha256] = address
            while len(self._ready) > self._kept:
                self._ready.popitem(last=False)
        return address


def _smaller(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    upright.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()
