"""A good photo is called good, and one that was spoilt in one way is called poor for that reason."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from workbench.errors import FaceTooSmall
from workbench.tasks.quality import assess, face_grey, sharpness
from workbench.values import Face, Finding, Pose, Quality


@pytest.fixture(scope="module")
def face() -> Face:
    """The astronaut's face, by hand: these tests need no detector."""
    points = np.array([(203, 109), (246, 107), (227, 134), (209, 152), (245, 151)], np.float32)
    return Face(np.array([180, 70, 270, 180], np.float32), points, 0.9, pose=Pose(0, 0, 2))


def test_a_good_photo_is_called_good_without_a_word_of_warning(astronaut: np.ndarray, face: Face) -> None:
    quality = assess(astronaut, face)

    assert quality.verdict == "good"
    assert quality.words == "A good photo of this face."


def _blurred(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), 3.0)


def _dark(image: np.ndarray) -> np.ndarray:
    return (image * 0.08).astype(np.uint8)


def _bright(image: np.ndarray) -> np.ndarray:
    return np.clip(200.0 + image * 0.2, 0, 255).astype(np.uint8)


def _foggy(image: np.ndarray) -> np.ndarray:
    return (120 + image * 0.1).astype(np.uint8)


def _half_lit(image: np.ndarray) -> np.ndarray:
    return np.where(np.arange(512)[None, :, None] < 227, image // 6, image).astype(np.uint8)


def _burnt(image: np.ndarray) -> np.ndarray:
    return np.where(image > 140, 255, image).astype(np.uint8)


@pytest.mark.parametrize(
    ("spoil", "name", "words"),
    [
        (_blurred, "sharpness", "blurred"),
        (_dark, "light", "too dark"),
        (_bright, "light", "too bright"),
        (_foggy, "contrast", "little contrast"),
        (_half_lit, "evenness", "in shadow"),
        (_burnt, "clipped", "pure black or white"),
    ],
)
def test_a_spoilt_photo_is_told_what_is_wrong(astronaut: np.ndarray, face: Face, spoil, name: str, words: str) -> None:
    quality = assess(spoil(astronaut), face)

    assert quality.verdict != "good"
    assert words in quality.words
    assert next(finding for finding in quality.findings if finding.name == name).grade < 0.75


def test_a_turned_lowered_cut_or_small_face_is_told(astronaut: np.ndarray, face: Face) -> None:
    assert "turned 70° to the side" in assess(astronaut, replace(face, pose=Pose(-70, 0, 0))).words
    assert "lowered by 50°" in assess(astronaut, replace(face, pose=Pose(0, -50, 0))).words
    assert (
        "50% of the face is in the picture"
        in assess(astronaut, replace(face, box=np.array([-90, 70, 90, 180], np.float32))).words
    )
    small = cv2.resize(astronaut, (128, 128), interpolation=cv2.INTER_AREA)
    shrunk = Face(face.box / 4, ((face.points + 0.5) / 4 - 0.5).astype(np.float32), 0.9)
    assert "small (11 pixels" in assess(small, shrunk).words
    assert assess(small, shrunk).verdict == "poor"


def test_a_face_without_pixels_is_refused(astronaut: np.ndarray, face: Face) -> None:
    with pytest.raises(FaceTooSmall, match="eyes are 3"):
        assess(astronaut, Face(face.box / 16, face.points / 13, 0.9))


def test_more_blur_is_never_called_sharper(astronaut: np.ndarray, face: Face) -> None:
    values = [sharpness(face_grey(cv2.GaussianBlur(astronaut, (0, 0), sigma), face)) for sigma in (0.4, 1, 2, 3, 5)]

    assert values == sorted(values, reverse=True)
    assert values[0] > 2 * values[-1]


def test_a_network_is_asked_and_its_number_told(astronaut: np.ndarray, face: Face) -> None:
    class Doubtful:
        low = 0.5

        def score(self, image: np.ndarray, face: Face) -> float:
            return 0.2

    quality = assess(astronaut, face, Doubtful())

    assert (quality.model, quality.model_score, quality.verdict) == ("Doubtful", 0.2, "poor")
    assert "0.20; 0.50" in quality.words


def test_a_photo_is_as_good_as_its_worst_side() -> None:
    quality = Quality(
        (Finding("a", 1, "", 0.9), Finding("b", 1, "", 0.1, "B is bad."), Finding("c", 1, "", 0.6, "C is so-so."))
    )

    assert quality.score == 0.1
    assert quality.words == "A poor photo of this face. B is bad. C is so-so."
