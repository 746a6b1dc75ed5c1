"""What a PNG made here says of itself: drawn by a model, or an edited photo. Every picture that leaves carries one of
the two, in words and as IPTC's digital source type."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from workbench import __version__, marks
from workbench.colour import SRGB_CHUNK
from workbench.values import check_image

PACKET = "XML:com.adobe.xmp"
"""The name of the chunk that holds XMP (XMP specification, part 3, section 1.1.5)."""


def drawn(model: str, seed: int, **settings: object) -> dict[str, str]:
    """The text of a picture that a model drew. settings: what else it was drawn with."""
    return {
        "Description": f"AI-generated: drawn by {model}. This is no photo of anybody.",
        "AI-generated": "true",
        "Synthetic": "true",
        "Model": model,
        "Seed": str(seed),
        **{name.capitalize(): str(value) for name, value in settings.items()},
        "Software": f"Face Workbench {__version__}",
    }


def edited(change: str) -> dict[str, str]:
    """The text of a photo whose face was moved."""
    return {
        "Description": f"Edited: the face in this photo was re-posed by warping ({change}).",
        "Edited": "true",
        "Edit": change,
        "Software": f"Face Workbench {__version__}",
    }


def changed(change: str) -> dict[str, str]:
    """The text of a photo of a face that was changed to ask a model about it."""
    return {
        "Description": f"Edited to ask a model “what if”: {change}. This is no photo.",
        "Edited": "true",
        "Edit": change,
        "Software": f"Face Workbench {__version__}",
    }


def png(image: np.ndarray, text: Mapping[str, str]) -> bytes:
    """The picture as PNG with these text chunks; every pixel survives."""
    note = PngImagePlugin.PngInfo()
    note.add(b"sRGB", SRGB_CHUNK)
    source = marks.DRAWN if "AI-generated" in text else marks.EDITED
    note.add_itxt(PACKET, marks.xmp(source, text.get("Description", "")).decode())
    for name, value in text.items():
        note.add_itxt(name, value) if not value.isascii() else note.add_text(name, value)
    buffer = io.BytesIO()
    Image.fromarray(check_image(image)).save(buffer, "PNG", pnginfo=note, compress_level=6)
    return buffer.getvalue()


def read(source: Path | bytes) -> dict[str, str]:
    """The text chunks of a PNG, without its XMP packet."""
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
        picture.load()
        return {str(name): str(value) for name, value in getattr(picture, "text", {}).items() if name != PACKET}
