"""How much memory the photos of a call will take when they are opened, read from their first bytes only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from workbench.decoding import FORMATS
from workbench.settings import Settings
from workbench.ui.common import uploads

PER_PIXEL = 32
"""Bytes at the peak of opening a photo. Measured: 11 for JPEG and palettes, 17 for 32-bit, 21 for transparency, 25 for
WebP."""


def opening(values: Any, settings: Settings) -> int:
    """Bytes for the largest photo among the values of a call; photos of a list are opened one after the other."""
    return max((decoded(source, settings) for source in _sources(values, str(uploads.folder(settings)))), default=0)


def decoded(source: str, settings: Settings) -> int:
    """Bytes that opening one file takes at most; 0 for what will be refused, the most for what cannot be foreseen."""
    if source.startswith("data:"):
        return settings.max_pixels * PER_PIXEL
    try:
        with Image.open(Path(source), formats=FORMATS) as picture:
            pixels = picture.width * picture.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return 0
    except Exception:  # noqa: BLE001 - readers raise anything at a damaged file; opening it says so in words
        return 0
    return 0 if pixels > settings.max_pixels else pixels * PER_PIXEL


def _sources(value: Any, folder: str) -> Iterator[str]:
    if isinstance(value, str):
        if value.startswith((folder, "data:image")):
            yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _sources(part, folder)
