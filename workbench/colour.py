"""Colours of every kind of file brought to sRGB, and the small profile that says so in the files that are saved.

Knows ICC profiles, PNG's colour chunks and the colour box of HEIC, AVIF and JPEG 2000; knows nothing of models.
"""

import functools
import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms

SRGB_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
P3_PRIMARIES = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
D65 = (0.3127, 0.3290)
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""g, a, b, c, d of ICC's parametric curve of type 3: (a x + b)^g from d on, c x below. IEC 61966-2-1."""
BT709_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)

_PRIMARIES = {
    1: (SRGB_PRIMARIES, D65),
    5: ((0.64, 0.33, 0.29, 0.60, 0.15, 0.06), D65),
    6: ((0.63, 0.34, 0.31, 0.595, 0.155, 0.07), D65),
    9: ((0.708, 0.292, 0.170, 0.797, 0.131, 0.046), D65),
    11: (P3_PRIMARIES, (0.314, 0.351)),
    12: (P3_PRIMARIES, D65),
}
"""ITU-T H.273 table 2."""
_CURVES = {4: (2.2,), 5: (2.8,), 8: (1.0,), 13: SRGB_CURVE}
"""ITU-T H.273 table 3. Video's curve (1, 6, 14, 15) is shown as sRGB's by viewers and here too."""
_HDR = (16, 18)

SRGB_CHUNK = b"\1"
"""What PNG's sRGB chunk holds in saved photos: the intent, relative colorimetric."""

UNREADABLE = "The photo's colour profile cannot be read: its colours were taken for sRGB and may be off."
BRIGHT = "The photo is stored for HDR screens: its brightness was taken for sRGB and may be off."


def to_srgb(picture: Image.Image, data: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    """The picture as RGB or RGBA in sRGB, and what could not be heeded, in sentences.

    data: the file, for what Pillow leaves out. An ICC profile counts before everything else; without any statement the
    numbers are sRGB. Wide colours are clipped (relative colorimetric, black point compensated).
    """
    try:
        profile, notes = _profile(picture, data)
        if profile is not None:
            return _converted(picture, profile), notes
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, struct.error, IndexError, KeyError, ArithmeticError):
        notes = (UNREADABLE,)
    if picture.mode == "LAB":
        return _converted(picture, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))), notes
    return picture, notes


def _profile(picture: Image.Image, data: bytes) -> tuple[ImageCms.ImageCmsProfile | None, tuple[str, ...]]:
    icc = picture.info.get("icc_profile") or _boxed_profile(picture, data)
    if icc:
        return ImageCms.ImageCmsProfile(io.BytesIO(icc)), ()
    said = _cicp(picture, data)
    if said is not None:
        primaries, transfer = said
        made = _coded(primaries, transfer)
        return (None if made is None else _opened(made)), ((BRIGHT,) if transfer in _HDR else ())
    return _from_gamma(picture), ()


def _converted(picture: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Raises PyCMSError when the profile is of another kind of picture."""
    space = profile.profile.xcolor_space.strip()
    picture = _fitting(picture, space)
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    if space == "RGB" and _is_srgb(profile.tobytes()):
        return picture
    return _transform(profile, picture.mode, mode).apply(picture)


def _transform(profile: ImageCms.ImageCmsProfile, mode: str, out: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        profile,
        _opened(srgb_profile()),
        mode,
        out,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _fitting(picture: Image.Image, space: str) -> Image.Image:
    """The picture in a mode that a profile of this space can be applied to."""
    modes = {"RGB": ("RGB", "RGBA"), "GRAY": ("L",), "CMYK": ("CMYK",), "LAB": ("LAB",), "Lab": ("LAB",)}.get(space, ())
    if picture.mode in modes:
        return picture
    if space == "RGB" and picture.mode not in ("CMYK", "LAB"):
        return picture.convert("RGBA" if _is_transparent(picture) else "RGB")
    if space == "GRAY" and picture.mode == "1":
        return picture.convert("L")
    raise ImageCms.PyCMSError(f"a {space} profile in a picture of mode {picture.mode}")


def _is_transparent(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info


@functools.lru_cache(maxsize=32)
def _is_srgb(profile: bytes) -> bool:
    """Whether converting would move no colour by more than two levels: then every pixel stays as it is, to the bit."""
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    lattice = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    made = _transform(_opened(profile), "RGB", "RGB").apply(Image.fromarray(lattice))
    return int(np.abs(np.asarray(made).astype(int) - lattice).max()) <= 2


def _opened(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _boxed_profile(picture: Image.Image, data: bytes) -> bytes | None:
    """The ICC profile in the colour box of a JPEG 2000 header, which Pillow passes over."""
    start = data.find(b"colr\x02") if picture.format == "JPEG2000" else -1
    if start < 4 or start > 4096:
        return None
    return data[start + 7 : start - 4 + int.from_bytes(data[start - 4 : start], "big")]


def _cicp(picture: Image.Image, data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer by their H.273 numbers: a PNG's cICP chunk, or the colour box of HEIC and AVIF."""
    if picture.format == "PNG":
        return next(((body[0], body[1]) for kind, body in _chunks(data) if kind == b"cICP" and len(body) == 4), None)
    start = data[: 1 << 16].find(b"colrnclx") if picture.format in ("AVIF", "HEIF") else -1
    if start < 0 or len(data) < start + 12:
        return None
    primaries, transfer = struct.unpack(">HH", data[start + 8 : start + 12])
    return primaries, transfer


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A PNG's chunks before its pixels."""
    at = 8
    while at + 8 <= len(data) and (kind := data[at + 4 : at + 8]) != b"IDAT":
        length = int.from_bytes(data[at : at + 4], "big")
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _coded(primaries: int, transfer: int) -> bytes | None:
    """A profile for H.273 numbers; None where they say sRGB or nothing known."""
    corners, white = _PRIMARIES.get(primaries, _PRIMARIES[1])
    curve = _CURVES.get(transfer, SRGB_CURVE)
    return None if (corners, curve) == (SRGB_PRIMARIES, SRGB_CURVE) else matrix_profile(corners, curve, white)


def _from_gamma(picture: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """What a PNG's gAMA and cHRM chunks say, when no sRGB chunk overrides them; a gamma of 1/2.2 stands for sRGB."""
    gamma = picture.info.get("gamma")
    if picture.format != "PNG" or not gamma or "srgb" in picture.info or not 0.1 <= gamma <= 10:
        return None
    curve = SRGB_CURVE if abs(gamma - 0.45455) < 0.01 else (1 / gamma,)
    told = picture.info.get("chromaticity")
    white, corners = (D65, SRGB_PRIMARIES) if not told else (tuple(told[:2]), tuple(told[2:8]))
    return _opened(matrix_profile(corners, curve, white))


@functools.cache
def srgb_profile() -> bytes:
    """A small ICC profile of sRGB, the same bytes every time."""
    return matrix_profile(SRGB_PRIMARIES, SRGB_CURVE, D65, "sRGB")


def matrix_profile(
    corners: tuple[float, ...], curve: tuple[float, ...], white: tuple[float, ...] = D65, name: str = "RGB"
) -> bytes:
    """An ICC profile, version 4, of a display space. corners: x and y of red, green, blue. curve: a gamma alone, or
    the five numbers of parametric type 3. white: x and y. Raises ValueError when the corners span no space."""
    return _wrapped({**_texts(name), **_colorants(corners, white), **_curves(curve)})


def _colorants(corners: tuple[float, ...], white: tuple[float, ...]) -> dict[bytes, bytes]:
    """Red, green and blue as D50 sees them (Bradford), ICC.1:2022 annex E."""
    d50 = np.array([0.9642, 1.0, 0.8249])
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in zip(corners[::2], corners[1::2], strict=True) if y > 0]).T
    point = np.array([white[0] / white[1], 1, (1 - white[0] - white[1]) / white[1]])
    if xyz.shape != (3, 3) or abs(np.linalg.det(xyz)) < 1e-6:
        raise ValueError("the corners span no space")
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    adapt = np.linalg.inv(bradford) @ np.diag((bradford @ d50) / (bradford @ point)) @ bradford
    matrix = adapt @ xyz @ np.diag(np.linalg.solve(xyz, point))
    tags = {name: _xyz(matrix[:, place]) for place, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    fixed = b"sf32\0\0\0\0" + struct.pack(">9i", *(_fixed(value) for value in adapt.ravel()))
    return tags | {b"wtpt": _xyz(d50), b"chad": fixed}


def _curves(curve: tuple[float, ...]) -> dict[bytes, bytes]:
    kind = 3 if len(curve) == 5 else 0
    data = b"para\0\0\0\0" + struct.pack(f">HH{len(curve)}i", kind, 0, *(_fixed(value) for value in curve))
    return dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), data)


def _texts(name: str) -> dict[bytes, bytes]:
    words = ((b"desc", name), (b"cprt", "CC0"))
    return {key: _text(text) for key, text in words}


def _text(text: str) -> bytes:
    head = struct.pack(">II2s2sII", 1, 12, b"en", b"US", 2 * len(text), 28)
    return b"mluc\0\0\0\0" + head + text.encode("utf-16-be")


def _wrapped(tags: dict[bytes, bytes]) -> bytes:
    """Header, table and tags; equal tags are stored once."""
    table, body = b"", b""
    places: dict[bytes, int] = {}
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", places[content], len(content))
    dated = (2000, 1, 1, 0, 0, 0)  # the same bytes on every day
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s6H4s", size, bytes(4), 0x04300000, b"mntr", b"RGB ", b"XYZ ", *dated, b"acsp")
    head += bytes(28) + struct.pack(">3i", *(_fixed(value) for value in (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(_fixed(value) for value in values))


def _fixed(value: float) -> int:
    return round(float(value) * 65536)
