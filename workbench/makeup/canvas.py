"""The upright square around a face on which makeup is painted, with a soft mask for every region.

A canvas is as large for every face: 60 pixels between the eyes. Masks come from the mesh and, where the photo was
parsed, are cut by it, so that nothing is painted on hair, glasses, hats, other faces or the background.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from workbench import images
from workbench.errors import BadRequest, FaceTooSmall
from workbench.makeup import shapes
from workbench.parts import INDEX
from workbench.values import Face, Parsing, check_image

SIDE = 288
UNIT = 60.0
"""Canvas pixels between the eyes."""
EYE_LEVEL = 0.42
"""Height of the eyes on the canvas, as a share of its side."""
SMALLEST = 80.0
"""Faces with fewer photo pixels than this between the cheeks are refused."""
TURNED = 50.0
"""Faces that look further sideways than this many degrees are refused: half of the makeup would lie behind the nose."""
BROW_SHOWN, BROW_SEEN = 0.65, 0.85
"""Share of a brow that must be free for it to be painted, and that must be parsed for the parsing to say its shape."""
RIM = 0.06
"""By how many eye distances glasses are taken to be wider than they are parsed."""

_FACE = (
    "skin",
    "nose",
    "image_left_brow",
    "image_right_brow",
    "image_left_eye",
    "image_right_eye",
    "mouth",
    "upper_lip",
    "lower_lip",
)
_REGIONS = ("foundation", "contour", "blush", "highlight", "shadow", "liner", "brow", "lip")


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """One face, upright and at a known size, ready to be painted.

    matrix: (2, 3) float64, photo points to canvas points. unit: canvas pixels between the eyes. pixels: (3, S, S)
    float32, RGB 0..255.
    masks: (S, S) float32 0..1 by name: the regions of `palettes.ORDER`, "skin" (bare skin and nose), "eyes" (what lies
    between the lids), "face" (all that may change: no eyes, no inside of the mouth, nothing in front of the face) and
    "glasses" (what is worn before the eyes, as parsed, and a little more).
    """

    matrix: np.ndarray
    unit: float
    pixels: np.ndarray
    masks: dict[str, np.ndarray]

    @property
    def side(self) -> int:
        """S, in pixels."""
        return int(self.pixels.shape[-1])


def check_face(face: Face) -> None:
    """Raises BadRequest for a face without landmarks or in profile, FaceTooSmall for one of less than 80 pixels between
    the cheeks."""
    if face.mesh is None:
        raise BadRequest(
            "Makeup needs a face whose eyes, nose and mouth are clear; no landmarks were found on this one. Use "
            "another photo."
        )
    width = float(np.linalg.norm(face.mesh[234] - face.mesh[454]))
    if width < SMALLEST:
        raise FaceTooSmall(
            f"The face is {width:.0f} pixels wide between the cheeks; at least {SMALLEST:.0f} are needed. Use a "
            f"larger photo.",
            pixels=width,
            least=SMALLEST,
        )
    if face.pose is not None and abs(face.pose.yaw) > TURNED:
        raise BadRequest(
            f"The face looks {abs(face.pose.yaw):.0f}° to the side; at most {TURNED:.0f}° are possible, "
            "since the far side of the face cannot be seen. Use a photo more from the front."
        )


def make_canvas(image: np.ndarray, face: Face, parsing: Parsing | None = None) -> Canvas:
    """The canvas of one face. parsing: of the whole photo; without one, hair and glasses in front of the face are not
    spared.

    Raises BadRequest for an array that is no photo, a face without landmarks, or a parsing of another photo.
    """
    check_image(image)
    if face.mesh is None:
        check_face(face)
    if parsing is not None and parsing.labels.shape != image.shape[:2]:
        raise BadRequest(f"parsing: expected one of this photo, {image.shape[:2]} pixels, got {parsing.labels.shape}.")
    matrix = canvas_matrix(face)
    pixels = images.warp(image, matrix, (SIDE, SIDE)).astype(np.float32).transpose(2, 0, 1)
    assert face.mesh is not None
    points = images.apply(matrix, face.mesh[:, :2]).astype(np.float32)
    parts = None if parsing is None else _parts(parsing, face, matrix)
    return Canvas(matrix, UNIT, np.ascontiguousarray(pixels), _masks(points, parts))


def canvas_matrix(face: Face) -> np.ndarray:
    """(2, 3) similarity from the photo to the canvas: eyes level, 60 pixels apart as seen from the front."""
    assert face.mesh is not None
    eyes = np.stack([face.mesh[[33, 133]].mean(0), face.mesh[[362, 263]].mean(0)]).astype(np.float64)
    points = face.points.astype(np.float64)
    across, down = points[1] - points[0], points[3:].mean(0) - points[:2].mean(0)
    direction = across + np.array([down[1], -down[0]])
    apart = max(float(np.linalg.norm(eyes[1] - eyes[0])), float(np.hypot(*across)))
    if not apart > 1e-6 or not np.hypot(*direction) > 1e-6:
        raise BadRequest("The face's points coincide; expected eyes and mouth at different places.")
    angle = float(np.arctan2(direction[1], direction[0]))
    below = (0.5 - EYE_LEVEL) * SIDE * apart / UNIT
    centre = points[:2].mean(0) + below * np.array([-np.sin(angle), np.cos(angle)])
    return images.square_crop(centre, SIDE * apart / UNIT, angle, SIDE)


def _parts(parsing: Parsing, face: Face, matrix: np.ndarray) -> np.ndarray:
    """(2·S, 2·S) uint8: the part of this face at every half canvas pixel; what belongs to others is background."""
    double = np.array([[2.0, 0, 0.5], [0, 2, 0.5]])
    size = (2 * SIDE, 2 * SIDE)
    both = np.dstack([parsing.labels, parsing.owners])
    seen = images.warp(both, images.compose(double, matrix), size, "black", nearest=True)
    number = _number(parsing, face)
    labels = seen[..., 0]
    if number:
        labels = np.where((seen[..., 1] == number) | (seen[..., 1] == 0), labels, 0)
    return np.ascontiguousarray(labels)


def _number(parsing: Parsing, face: Face) -> int:
    """The face's number in the parsing, counted from 1: the nearest by its box; 0 when the parsing knows no faces."""
    if not parsing.faces:
        return 0
    return 1 + int(np.argmin([np.abs(known.box - face.box).sum() for known in parsing.faces]))


def _share(parts: np.ndarray, *names: str) -> np.ndarray:
    """(S, S) float32: how much of each canvas pixel these parts cover."""
    table = np.zeros(256, np.float32)
    table[[INDEX[name] for name in names]] = 1
    return cv2.resize(table[parts], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _masks(points: np.ndarray, parts: np.ndarray | None) -> dict[str, np.ndarray]:
    eyes, mouth = shapes.openings(points, SIDE), shapes.mouth(points, SIDE, UNIT)
    whole = shapes.oval(points, SIDE, 0.45 * UNIT if parts is not None else 0.1 * UNIT)
    clear = np.ones_like(whole)
    if parts is not None:
        clear = _clear(parts)
        eyes = np.maximum(eyes, _share(parts, "image_left_eye", "image_right_eye") * shapes.soft(_grown(eyes, 0.1), 1))
        mouth = np.maximum(mouth, _share(parts, "mouth"))
    keep = clear * (1 - shapes.soft(eyes, 0.4)) * (1 - shapes.soft(mouth, 0.4))
    lip, both = shapes.lips(points, SIDE, UNIT), [*shapes.brows(points, SIDE, UNIT)]
    if parts is not None:
        lip = _seen(lip, _share(parts, "upper_lip", "lower_lip"), 0.05, 0.012)
        seen = _share(parts, "image_left_brow", "image_right_brow")
        both = [_whole(one, seen, clear) for one in both]
    brow = np.maximum(*both)
    face = shapes.soft(whole, 0.06 * UNIT) * whole * keep
    bare = (1 - lip) * (1 - shapes.nostrils(points, SIDE, UNIT))
    skin = whole * keep * bare * (1 - brow)
    drawn = {
        "foundation": shapes.soft(whole, 0.09 * UNIT) * whole * bare * (1 - 0.6 * brow),
        "contour": shapes.contour(points, SIDE, UNIT) * face * (1 - lip) * (1 - brow),
        "blush": shapes.blush(points, SIDE, UNIT) * face * (1 - lip),
        "highlight": shapes.highlight(points, SIDE, UNIT) * face * (1 - lip) * (1 - brow),
        "shadow": shapes.shadow(points, SIDE, UNIT) * (1 - brow),
        "liner": shapes.liner(points, SIDE, UNIT),
        "brow": brow,
        "lip": lip,
    }
    masks = {name: drawn[name] * keep for name in _REGIONS}
    worn = np.zeros_like(whole) if parts is None else shapes.soft(_grown(_share(parts, "eyeglasses"), RIM), 0.05 * UNIT)
    masks |= {"skin": skin, "eyes": eyes, "face": face, "glasses": worn}
    return {name: np.ascontiguousarray(np.clip(mask, 0, 1), np.float32) for name, mask in masks.items()}


def _clear(parts: np.ndarray) -> np.ndarray:
    """(S, S) float32: where the face itself is seen, with an edge of about a pixel that lies on the face's side."""
    seen = shapes.soft(_share(parts, *_FACE), 0.9)
    return np.clip(2 * seen - 1, 0, 1)


def _grown(mask: np.ndarray, units: float) -> np.ndarray:
    """The mask, wider by so many inter-ocular distances."""
    reach = 2 * round(units * UNIT) + 1
    flat = cv2.dilate((mask * 255).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return flat.astype(np.float32) / 255


def _seen(drawn: np.ndarray, seen: np.ndarray, reach: float, feather: float) -> np.ndarray:
    """A region as parsed, where it agrees with the mesh, and nothing else: parsers call hands skin, and lips drawn by
    the mesh would be painted on the fingers before them."""
    return shapes.soft(seen * shapes.soft(_grown(drawn, reach), 0.5), feather * UNIT)


def _whole(drawn: np.ndarray, seen: np.ndarray, clear: np.ndarray) -> np.ndarray:
    """One brow: nothing where hair or a hand covers much of it, for half a painted brow looks like a mistake; as parsed
    where the parser saw it whole; otherwise as drawn too, for pale brows are often taken for skin."""
    full = drawn.sum()
    if (drawn * clear).sum() < BROW_SHOWN * full:
        return np.zeros_like(drawn)
    near = seen * shapes.soft(_grown(drawn, 0.06), 0.5)
    made = shapes.soft(near, 0.02 * UNIT)
    if near.sum() < 0.5 * full:
        return drawn
    return made if near.sum() >= BROW_SEEN * full else np.maximum(made, drawn)
