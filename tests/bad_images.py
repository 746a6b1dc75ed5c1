"""Every kind of bad or odd input, made on the spot: for the tests of decoding, the API and the command line."""

import io
import math
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def png(image: np.ndarray) -> bytes:
    return _saved(Image.fromarray(image), "PNG")


def jpeg(image: np.ndarray, **options: object) -> bytes:
    return _saved(Image.fromarray(image), "JPEG", quality=95, **options)


def _saved(picture: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def no_face(side: int = 400) -> np.ndarray:
    """A landscape: sky over hills, some noise."""
    y, x = np.mgrid[:side, :side] / side
    hills = y > 0.6 + 0.1 * np.sin(7 * x) + 0.03 * np.sin(31 * x)
    colour = np.where(hills[..., None], (70, 70, 40), np.stack([120 + 80 * y, 160 + 60 * y, 230 + 0 * y], axis=-1))
    noise = np.random.default_rng(0).normal(0, 8, (side, side, 3))
    return np.clip(colour + noise, 0, 255).astype(np.uint8)


def one_pixel() -> bytes:
    return png(np.full((1, 1, 3), 200, np.uint8))


def bomb(side: int = 20_000) -> bytes:
    """A PNG of `side` × `side` grey pixels whose header is right and whose data expand a thousandfold: some 400 kB at
    most."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(side + 1)
    data = b"".join(packer.compress(row) for _ in range(min(side, 400))) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def cmyk(image: np.ndarray) -> bytes:
    return _saved(Image.fromarray(image).convert("CMYK"), "JPEG", quality=95)


def exif_rotated(image: np.ndarray, orientation: int = 6) -> bytes:
    """A JPEG stored so that a viewer that heeds the EXIF orientation shows `image`."""
    stored = {
        1: image,
        3: np.rot90(image, 2),
        6: np.rot90(image),
        8: np.rot90(image, -1),
        2: image[:, ::-1],
        4: image[::-1],
    }
    stored |= {5: image.transpose(1, 0, 2), 7: image.transpose(1, 0, 2)[::-1, ::-1]}
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(np.ascontiguousarray(stored[orientation]), exif=exif)


def truncated(image: np.ndarray) -> bytes:
    data = jpeg(image)
    return data[: len(data) // 2]


def animated_gif(image: np.ndarray) -> bytes:
    """Two frames: the image, then a black one."""
    first, second = Image.fromarray(image), Image.new("RGB", image.shape[1::-1])
    return _saved(first, "GIF", save_all=True, append_images=[second], duration=100)


def text() -> bytes:
    return b"This is not a picture at all, whatever the file is called.\n" * 4


def svg() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"><circle r="40"/></svg>'


def pdf() -> bytes:
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"


UNREADABLE: dict[str, Callable[[], bytes]] = {
    "text renamed .jpg": text,
    "SVG": svg,
    "PDF": pdf,
    "empty": lambda: b"",
    "truncated": lambda: truncated(no_face()),
    "20,000 × 20,000 bomb": bomb,
}
"""Files that must be refused with a sentence, by name."""

ODD: dict[str, Callable[[np.ndarray], bytes]] = {
    "CMYK": cmyk,
    "EXIF-rotated": exif_rotated,
    "animated GIF": animated_gif,
}
"""Unusual files that must be read all the same, from the photo they show."""


def many_faces(face: np.ndarray, count: int = 10, side: int = 180) -> np.ndarray:
    """A group photo: `count` copies of a square portrait in two rows, every second one mirrored, on a landscape."""
    columns = -(-count // 2)
    step = side + 20
    canvas = np.array(Image.fromarray(no_face(400)).resize((columns * step + 20, 2 * step + 20)))
    for number in range(count):
        row, column = divmod(number, columns)
        portrait = np.array(Image.fromarray(face).resize((side, side), Image.Resampling.LANCZOS))
        top, left = 20 + row * step, 20 + column * step
        canvas[top : top + side, left : left + side] = portrait[:, ::-1] if number % 2 else portrait
    return canvas


def crowd(faces: Sequence[np.ndarray], count: int, side: int = 160) -> np.ndarray:
    """`count` square portraits of `side` pixels in a grid on grey, a quarter of a side apart, every second mirrored."""
    columns, step = math.ceil(math.sqrt(count)), side + side // 4
    canvas = np.full((columns * step, columns * step, 3), 200, np.uint8)
    for number in range(count):
        top, left = (place * step + side // 8 for place in divmod(number, columns))
        portrait = Image.fromarray(faces[number % len(faces)]).resize((side, side), Image.Resampling.LANCZOS)
        canvas[top : top + side, left : left + side] = np.array(portrait)[:, :: -1 if number % 2 else 1]
    return canvas


REFUSED: dict[str, Callable[[], bytes]] = {**UNREADABLE, "no face": lambda: png(no_face()), "1 × 1": one_pixel}
"""Whatever a tab or a command that needs a face must refuse with a sentence."""


def write(folder: Path, name: str) -> Path:
    """One of `REFUSED` as a file called .jpg, whatever it is."""
    path = folder / f"{''.join(letter if letter.isalnum() else '-' for letter in name)}.jpg"
    path.write_bytes(REFUSED[name]())
    return path
