"""What results look like on a photo: one colour per part, overlays, contours, heat, boxes and meshes. Knows nothing of
models.

Every function returns a new picture and leaves the one it was given alone.
"""

from collections.abc import Collection

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from workbench.errors import BadRequest
from workbench.geometry import turn
from workbench.parts import INDEX, PARTS, title
from workbench.values import Face, check_image

COLORS: dict[str, tuple[int, int, int]] = {
    "background": (0, 0, 0),
    "skin": (110, 210, 170),
    "nose": (255, 140, 30),
    "eyeglasses": (0, 235, 255),
    "image_right_eye": (0, 45, 185),
    "image_left_eye": (70, 140, 255),
    "image_right_brow": (80, 35, 0),
    "image_left_brow": (165, 95, 0),
    "image_right_ear": (150, 0, 100),
    "image_left_ear": (245, 80, 190),
    "mouth": (255, 255, 255),
    "upper_lip": (180, 0, 20),
    "lower_lip": (255, 100, 105),
    "hair": (135, 60, 195),
    "hat": (205, 185, 255),
    "earring": (255, 240, 0),
    "necklace": (225, 255, 120),
    "neck": (20, 120, 105),
    "cloth": (55, 70, 125),
}
"""One colour per part, most of them unnatural there, so that a colour is seen to be one.

Parts that touch also differ for people who see red and green alike (checked by a test).
"""

PALETTE = np.array([COLORS[part] for part in PARTS], np.uint8)
"""(19, 3) the same by part index."""

STRIP = 1 << 20
"""Pixels of a heatmap that are coloured at a time: a large photo's colours as fractions would fill the memory."""

DIVERGING = np.array([(5, 48, 120), (67, 147, 205), (245, 245, 245), (230, 120, 70), (130, 10, 25)], np.float64)
"""From -1 (blue) over 0 (white) to 1 (red)."""

SEQUENTIAL = np.array([(10, 5, 40), (90, 20, 110), (190, 55, 85), (245, 130, 35), (250, 230, 90)], np.float64)
"""From 0 (dark) to 1 (bright yellow), lightness rising all the way."""


def hex_color(part: str) -> str:
    """The part's colour as "#rrggbb". Raises BadRequest for a part that does not exist."""
    if part not in COLORS:
        raise BadRequest(f"Unknown part {part!r}; expected one of {', '.join(PARTS)}.")
    return "#{:02x}{:02x}{:02x}".format(*COLORS[part])


def flat_palette() -> list[int]:
    """768 numbers for the palette of a PNG: the parts' colours, then black."""
    return [*PALETTE.ravel().tolist(), *([0] * (768 - PALETTE.size))]


def overlay(image: np.ndarray, labels: np.ndarray, opacity: float = 0.5, hidden: Collection[str] = ()) -> np.ndarray:
    """The photo with every part in its colour. labels: (H, W) part indices. Background and the `hidden` parts stay
    uncoloured."""
    shown = _shown(labels, hidden)
    return _mixed(image, PALETTE[labels], opacity * shown.astype(np.float32))


def contours(image: np.ndarray, labels: np.ndarray, hidden: Collection[str] = ()) -> np.ndarray:
    """The photo with a line in each part's colour along its inner border, as wide as the photo's size asks for."""
    _check_same(image, labels)
    shown, result = _shown(labels, hidden), image.copy()
    kernel = np.ones((2 * _line(image) + 1,) * 2, np.uint8)
    edge = (cv2.dilate(labels, kernel) != labels) | (cv2.erode(labels, kernel) != labels)
    result[edge & shown] = PALETTE[labels[edge & shown]]
    return result


def legend(labels: np.ndarray, hidden: Collection[str] = ()) -> np.ndarray:
    """A white picture that names the colours of the parts found, 24 pixels per line."""
    present = [part for part in PARTS[1:] if part not in hidden and (labels == INDEX[part]).any()]
    picture = Image.new("RGB", (200, 24 * max(len(present), 1) + 8), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for row, part in enumerate(present):
        top = 24 * row + 8
        pen.rectangle((8, top, 24, top + 15), fill=COLORS[part], outline=(90, 90, 90))
        pen.text((32, top), title(part), fill=(20, 20, 20), font=font)
    return np.asarray(picture)


def heat(image: np.ndarray, values: np.ndarray, opacity: float = 0.7, signed: bool | None = None) -> np.ndarray:
    """The photo with a heatmap over it, the more opaque the stronger.

    values: (H, W) numbers of any scale; the 99.5th percentile of their size becomes the end of the scale. signed: blue
    speaks against and red for; otherwise dark to yellow. None: signed when any value is negative.
    """
    _check_same(image, values)
    strongest = float(np.quantile(np.abs(values), 0.995)) or float(np.abs(values).max(initial=0)) or 1.0
    if signed is None:
        signed = bool((values < 0).any())
    result = np.empty_like(image)
    for top in range(0, len(image), rows := max(1, STRIP // max(image.shape[1], 1))):
        part = slice(top, top + rows)
        level = np.clip(values[part] / strongest, -1, 1)
        strength = np.abs(level) if signed else np.clip(level, 0, 1)
        result[part] = _mixed(image[part], heat_colors(level, signed), opacity * strength)
    return result


def heat_colors(level: np.ndarray, signed: bool) -> np.ndarray:
    """Colours, (..., 3) uint8, of levels in -1..1 (signed) or 0..1."""
    table, place = (DIVERGING, (level + 1) / 2) if signed else (SEQUENTIAL, level)
    stops = np.linspace(0, 1, len(table))
    return (
        np.stack([np.interp(place, stops, table[:, channel]) for channel in range(3)], axis=-1).round().astype(np.uint8)
    )


def draw_faces(image: np.ndarray, faces: Collection[Face]) -> np.ndarray:
    """The photo with every face's box and number, mesh points, irises, and an arrow where the head points."""
    result = check_image(image).copy()
    for number, face in enumerate(faces, start=1):
        width = max(1, round(face.size / 150))
        left, top, right, bottom = (round(float(side)) for side in face.box)
        cv2.rectangle(result, (left, top), (right, bottom), (255, 200, 0), width, cv2.LINE_AA)
        cv2.putText(
            result,
            str(number),
            (left, max(top - 4, 12)),
            cv2.FONT_HERSHEY_SIMPLEX,
            max(0.4, face.size / 250),
            (255, 200, 0),
            width,
        )
        if face.mesh is None:
            _dots(result, face.points, 2 * width, (0, 255, 255))
        else:
            _dots(result, face.mesh[:468, :2], max(1, round(face.size / 180)), (120, 255, 160))
            _irises(result, face.mesh, width)
        if face.pose is not None:
            _axes(result, face, 2 * width)
    return result


def _irises(result: np.ndarray, mesh: np.ndarray, width: int) -> None:
    for first in (468, 473):
        centre, rim = mesh[first, :2], mesh[first + 1 : first + 5, :2]
        radius = float(np.hypot(*(rim - centre).T).mean())
        cv2.circle(result, _fixed(centre), round(radius * 16), (0, 200, 255), width, cv2.LINE_AA, 4)


def _axes(result: np.ndarray, face: Face, width: int) -> None:
    """From the nose tip: red to the person's side on the image's right, green up the face, blue where it looks."""
    assert face.pose is not None
    rotation, start, length = turn(face.pose), face.points[2], 0.5 * face.size
    for axis, colour in (((1, 0, 0), (255, 60, 60)), ((0, -1, 0), (60, 230, 60)), ((0, 0, -1), (70, 120, 255))):
        tip = start + length * (rotation @ np.array(axis, np.float64))[:2]
        cv2.line(result, _fixed(start), _fixed(tip), colour, width, cv2.LINE_AA, 4)


def _dots(result: np.ndarray, points: np.ndarray, radius: int, colour: tuple[int, int, int]) -> None:
    for point in points:
        cv2.circle(result, _fixed(point), radius * 12, colour, -1, cv2.LINE_AA, 4)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    """A point in sixteenths of a pixel, as OpenCV draws it with shift 4."""
    x, y = np.clip(np.asarray(point, np.float64), -30_000, 30_000)
    return round(float(x) * 16), round(float(y) * 16)


def _shown(labels: np.ndarray, hidden: Collection[str]) -> np.ndarray:
    unknown = set(hidden) - set(PARTS)
    if unknown:
        raise BadRequest(f"Unknown part {sorted(unknown)[0]!r}; expected one of {', '.join(PARTS)}.")
    visible = np.array([part != "background" and part not in hidden for part in PARTS])
    return visible[labels]


def _mixed(image: np.ndarray, colours: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """image where weight is 0, colours where it is 1."""
    _check_same(image, weight)
    share = np.clip(weight, 0, 1)[..., None].astype(np.float32)
    return np.round(image + share * (colours.astype(np.float32) - image)).astype(np.uint8)


def _check_same(image: np.ndarray, other: np.ndarray) -> None:
    if check_image(image).shape[:2] != other.shape:
        raise BadRequest(f"Expected a map as large as the photo, {image.shape[:2]}, got {other.shape}.")


def _line(image: np.ndarray) -> int:
    return max(1, round(max(image.shape[:2]) / 600))


def luminance(color: str) -> float:
    """Relative luminance of "#rrggbb", 0 to 1 (WCAG 2.1); above 0.179 black is read better than white."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
