"""Says whether a photo is good enough to judge a face from, without any weights, so that every result can carry a
warning.

Bounds come from photos that were blurred, shrunk and darkened on purpose (docs/hub_models.md), not from a standard.
"""

from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np

from workbench import images
from workbench.errors import FaceTooSmall
from workbench.geometry import ARCFACE_112, face_unit, similarity
from workbench.tasks.model_id import model_id
from workbench.values import Face, Finding, Quality, check_image

SHARPEST = 48.0
"""Eye distance in pixels at which sharpness is measured; finer detail than this no recogniser here sees."""

_UNREADABLE = 4.0


class QualityModel(Protocol):
    """A network that gives one number for a face, more being better. low: below it the photo is called poor; None: not
    known."""

    low: float | None

    def score(self, image: np.ndarray, face: Face) -> float:
        """The number of one face."""


def assess(image: np.ndarray, face: Face, model: QualityModel | None = None) -> Quality:
    """How well this face can be judged: sharpness, size, pose, light, contrast and whether it is all in the picture.

    model: also ask this network. Raises BadRequest for an array that is no photo, FaceTooSmall below four pixels
    between the eyes.
    """
    check_image(image)
    unit = face_unit(face)
    if unit < _UNREADABLE:
        raise FaceTooSmall(
            f"The eyes are {unit:.1f} pixels apart; at least {_UNREADABLE:.0f} are needed. Use a larger photo.",
            pixels=unit,
            least=_UNREADABLE,
        )
    grey = face_grey(image, face)
    findings = [
        _size(unit),
        _sharpness(grey),
        _light(grey),
        _contrast(grey),
        _clipped(grey),
        _evenness(grey),
        _inside(image, face),
    ]
    findings += _pose(face)
    if model is None:
        return Quality(tuple(findings))
    value, told = ask(image, face, model)
    return Quality((*findings, *told), model_id(model), value)


def ask(image: np.ndarray, face: Face, model: QualityModel) -> tuple[float, tuple[Finding, ...]]:
    """What a network says of one face, and the finding in it: none where nobody knows which number is low."""
    value = float(model.score(image, face))
    if model.low is None:
        return value, ()
    words = f"A quality network finds it hard to recognise ({value:.2f}; {model.low:.2f} is usual for press photos)."
    return value, (graded("network", value, "", value, (model.low / 2, model.low), words),)


def face_grey(image: np.ndarray, face: Face) -> np.ndarray:
    """The face upright, from brows to chin, in grey: (h, w) float32, 0..255, eyes at most 48 pixels apart, never
    enlarged."""
    side = max(12, round(3 * min(SHARPEST, face_unit(face))))
    chip = images.warp(image, similarity(face.points, ARCFACE_112 * side / 112), (side, side))
    grey = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return grey[side // 8 : side - side // 8, side // 6 : side - side // 6]


def sharpness(grey: np.ndarray) -> float:
    """Detail finer than a blur of one pixel over all contrast: about 0.15 for a sharp portrait, 0.05 once blurred by 4
    % of the eye distance.
    """
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1.0)
    return float(fine.std() / max(float(grey.std()), 1.0))


def graded(name: str, value: float, unit: str, measure: float, bounds: tuple[float, float], words: str) -> Finding:
    """A finding whose grade rises from 0.2 at the first bound to 0.8 at the second and tells its words below 0.75."""
    bad, good = bounds
    grade = float(np.clip(0.2 + 0.6 * (measure - bad) / (good - bad), 0, 1))
    return Finding(name, value, unit, grade, words if grade < 0.75 else "")


def _size(unit: float) -> Finding:
    return graded(
        "size", unit, "px between the eyes", unit, (12, 32), f"The face is small ({unit:.0f} pixels between the eyes)."
    )


def _sharpness(grey: np.ndarray) -> Finding:
    value = sharpness(grey)
    return graded("sharpness", value, "", value, (0.04, 0.08), f"It is blurred (sharpness {value:.2f}; 0.15 is usual).")


def _light(grey: np.ndarray) -> Finding:
    level = float(grey.mean())
    words = f"It is too {'dark' if level < 128 else 'bright'} (mean brightness {level:.0f} of 255)."
    return graded("light", level, "of 255", min(level, 255 - level), (25, 55), words)


def _contrast(grey: np.ndarray) -> Finding:
    value = float(grey.std())
    return graded(
        "contrast", value, "of 255", value, (8, 18), f"It has little contrast (deviation {value:.0f} of 255)."
    )


def _clipped(grey: np.ndarray) -> Finding:
    share = float(((grey < 4) | (grey > 251)).mean())
    words = f"{share:.0%} of the face is pure black or white."
    return graded("clipped", share, "of the face", -share, (-0.4, -0.15), words)


def _evenness(grey: np.ndarray) -> Finding:
    middle = grey.shape[1] // 2
    halves = sorted((float(grey[:, :middle].mean()) + 1, float(grey[:, -middle:].mean()) + 1))
    words = "One half of the face is in shadow."
    return graded(
        "evenness", halves[0] / halves[1], "of one half to the other", halves[0] / halves[1], (0.25, 0.45), words
    )


def _inside(image: np.ndarray, face: Face) -> Finding:
    height, width = image.shape[:2]
    left, top, right, bottom = (float(edge) for edge in face.box)
    seen = max(0.0, min(right, width) - max(left, 0)) * max(0.0, min(bottom, height) - max(top, 0))
    share = seen / ((right - left) * (bottom - top))
    return graded("inside", share, "of the face", share, (0.6, 0.9), f"Only {share:.0%} of the face is in the picture.")


def _pose(face: Face) -> list[Finding]:
    if face.pose is None:
        return []
    turns: tuple[tuple[str, float, tuple[float, float], Callable[[float], str]], ...] = (
        ("yaw", face.pose.yaw, (60, 35), lambda angle: f"The head is turned {abs(angle):.0f}° to the side."),
        (
            "pitch",
            face.pose.pitch,
            (45, 28),
            lambda angle: f"The head is {'raised' if angle > 0 else 'lowered'} by {abs(angle):.0f}°.",
        ),
    )
    return [
        graded(name, angle, "degrees", -abs(angle), (-bounds[0], -bounds[1]), words(angle))
        for name, angle, bounds, words in turns
    ]
