"""What was found, drawn over the photo in the browser: lines and dots as thick on any screen, switches, names on hover.

Vector graphics over the photo; nothing is drawn into its pixels. Knows no models and no gradio.
"""

import base64
from collections.abc import Iterator, Sequence
from html import escape

import cv2
import numpy as np

from workbench.geometry import turn
from workbench.images import encode_jpeg, shrink
from workbench.mesh import LIPS_INNER, REGIONS
from workbench.tasks.analysis import FaceAnalysis
from workbench.tasks.analysis.eyes import IRIS
from workbench.tasks.analysis.layouts import GROUPS_68

SCREEN = 1600
"""The photo's longer side in the page; the lines over it are in the photo's own pixels."""

LAYERS = {
    "box": ("Boxes", True),
    "mesh": ("478 points", True),
    "p68": ("68 points", False),
    "p98": ("98 points", False),
    "pose": ("Head", True),
    "gaze": ("Gaze", True),
    "open": ("Eyes and mouth", False),
    "model": ("Models' points", False),
}
"""What can be switched: its word, and whether it shows at first."""

CROWD = 24
"""Of so many faces each point has its name; in a larger crowd points are dots without names, to keep the page light."""


def view(image: np.ndarray, faces: Sequence[FaceAnalysis]) -> str:
    """HTML: switches and the photo with everything over it."""
    height, width = image.shape[:2]
    small, _ = shrink(image, SCREEN)
    photo = data_url(encode_jpeg(small, 88), "image/jpeg")
    shown = [name for name in LAYERS if name != "model" or any(s.points is not None for f in faces for s in f.signs)]
    switches = "".join(_switch(name, *LAYERS[name]) for name in shown)
    size = max(width, height) / 45
    layers = "".join(f'<g class="l-{name}">{_layer(name, faces, size)}</g>' for name in shown)
    words = f"{len(faces)} face{'s' if len(faces) != 1 else ''} with what was found of each"
    return (
        f'<div class="fa"><div class="fa-bar" role="group" aria-label="What is drawn">{switches}</div>'
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{words}">'
        f'<image href="{photo}" width="{width}" height="{height}" preserveAspectRatio="none"/>{layers}</svg></div>'
    )


def _switch(name: str, words: str, on: bool) -> str:
    return f'<label><input type="checkbox" class="t-{name}"{" checked" if on else ""}> {words}</label>'


def _layer(name: str, faces: Sequence[FaceAnalysis], size: float) -> str:
    draw = {"box": _box, "mesh": _mesh, "p68": _p68, "p98": _p98, "pose": _pose, "gaze": _gaze, "open": _open}
    if name == "model":
        return "".join(_model(found) for found in faces)
    if name == "box":
        return "".join(_box(found, size) for found in faces)
    return "".join(draw[name](found, len(faces)) for found in faces)  # type: ignore[operator]


def _box(found: FaceAnalysis, size: float) -> str:
    left, top, right, bottom = (float(side) + 0.5 for side in found.face.box)
    about = f"Face {found.number}, found with {found.face.score:.0%}"
    label = min(size, max(0.3 * found.face.size, 0.35 * size))
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"><title>{about}'
        f'</title></rect><text x="{left:.1f}" y="{top - 0.3 * label:.1f}" font-size="{label:.1f}">{found.number}</text>'
    )


def _mesh(found: FaceAnalysis, count: int) -> str:
    mesh = found.points()
    return "" if mesh is None else _dots(mesh[:468])


def _p68(found: FaceAnalysis, count: int) -> str:
    points = found.points("68")
    if points is None:
        return ""
    return _dots(points) if count > CROWD else "".join(_named(points, _names_68()))


def _p98(found: FaceAnalysis, count: int) -> str:
    points = found.points("98")
    if points is None:
        return ""
    return _dots(points) if count > CROWD else "".join(_named(points, (f"WFLW {n}" for n in range(len(points)))))


def _model(found: FaceAnalysis) -> str:
    return "".join(
        "".join(_named(signs.points, (f"{signs.model} {number}" for number in range(len(signs.points)))))
        for signs in found.signs
        if signs.points is not None
    )


def _names_68() -> Iterator[str]:
    parts = (part for part, count in GROUPS_68 for _ in range(count))
    return (f"{number}: {part}" for number, part in enumerate(parts))


def _pose(found: FaceAnalysis, count: int) -> str:
    """From the nose tip: red to the image's right of the head, green up the face, blue where it points."""
    pose = found.face.pose
    if pose is None:
        return ""
    rotation, start, length = turn(pose), found.face.points[2].astype(float), 0.5 * found.face.size
    words = f"Head of face {found.number}: yaw {pose.yaw:+.0f}°, pitch {pose.pitch:+.0f}°, roll {pose.roll:+.0f}°"
    tips = {"x": (1, 0, 0), "y": (0, -1, 0), "z": (0, 0, -1)}
    return "".join(
        _line([start, start + length * (rotation @ np.array(axis, float))[:2]], f"axis-{name}", words)
        for name, axis in tips.items()
    )


def _gaze(found: FaceAnalysis, count: int) -> str:
    if found.gaze is None or found.face.mesh is None or found.face.eyes_open is None:
        return ""
    yaw, pitch = np.radians([found.gaze.yaw, found.gaze.pitch])
    ray = 0.45 * found.face.size * np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    words = f"Gaze of face {found.number}: yaw {found.gaze.yaw:+.0f}°, pitch {found.gaze.pitch:+.0f}°"
    out = []
    for first in IRIS:
        centre, rim = found.face.mesh[first, :2].astype(float), found.face.mesh[first + 1 : first + 5, :2]
        radius = float(np.hypot(*(rim - centre).T).mean())
        out.append(f'<circle cx="{centre[0] + 0.5:.1f}" cy="{centre[1] + 0.5:.1f}" r="{radius:.1f}"/>')
        out.append(_line([centre, centre + ray], "ray", words))
    return "".join(out)


def _open(found: FaceAnalysis, count: int) -> str:
    mesh = found.points()
    if mesh is None or found.face.eyes_open is None or found.face.mouth_open is None:
        return ""
    words = (*(f"Eye {gap:.2f} open" for gap in found.face.eyes_open), f"Mouth {found.face.mouth_open:.2f} open")
    paths = (REGIONS["image_left_eye"], REGIONS["image_right_eye"], LIPS_INNER)
    return "".join(
        _line([*mesh[list(path), :2], mesh[path[0], :2]], "edge", word) for path, word in zip(paths, words, strict=True)
    )


def _line(points: Sequence[np.ndarray], kind: str, words: str) -> str:
    way = " L".join(f"{float(x) + 0.5:.1f},{float(y) + 0.5:.1f}" for x, y in points)
    return f'<path class="{kind}" d="M{way}"><title>{escape(words)}</title></path>'


def _dots(points: np.ndarray) -> str:
    """Many dots as one path: strokes of no length with round ends."""
    return f'<path class="dots" d="{"".join(f"M{x + 0.5:.1f},{y + 0.5:.1f}h0" for x, y in points[:, :2].tolist())}"/>'


def _named(points: np.ndarray, names: Iterator[str]) -> Iterator[str]:
    for (x, y), name in zip(points[:, :2].tolist(), names, strict=True):
        yield f'<path class="dot" d="M{x + 0.5:.1f},{y + 0.5:.1f}h0"><title>{escape(name)}</title></path>'


def thumbnail(image: np.ndarray, found: FaceAnalysis, side: int = 96) -> str:
    """A data URL of the face with some room around it."""
    left, top, right, bottom = found.face.box
    half = 0.65 * found.face.size
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    matrix = np.array([[1, 0, -(middle[0] - half)], [0, 1, -(middle[1] - half)]]) * side / (2 * half)
    flags = cv2.INTER_AREA if 2 * half > side else cv2.INTER_LINEAR
    low, high = np.maximum(np.floor(middle - half), 0).astype(int), np.ceil(middle + half).astype(int) + 1
    part, scale = shrink(image[low[1] : high[1], low[0] : high[0]], 4 * side)
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ low
    moved[:, :2] /= scale
    chip = cv2.warpAffine(part, moved, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return data_url(encode_jpeg(chip, 85), "image/jpeg")


def data_url(data: bytes, kind: str) -> str:
    """A picture inside the page."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
