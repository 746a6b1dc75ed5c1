"""Judges a photo that was protected elsewhere: by a phone's app, by Fawkes or LowKey, by hand. Nothing is searched.

Both photos are needed: what a recogniser reads is compared with the photo as it was (or with another one of the same
person), and how plainly the change is seen can only be said beside it.
"""

import time
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from workbench.errors import BadRequest
from workbench.makeup.canvas import check_face
from workbench.protection.judge import Reader, name, vectors
from workbench.protection.outcome import measured
from workbench.protection.scene import make_scene
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser
from workbench.values import Face, Parsing, Protection

ALIKE = 0.02
"""How far the two photos' shapes may differ, as a share: a cropped photo cannot be laid over the other."""


def judge_elsewhere(
    before: np.ndarray,
    face: Face,
    after: np.ndarray,
    judges: Sequence[FaceRecogniser],
    finder: FaceFinder,
    parsing: Parsing | None = None,
    other: tuple[np.ndarray, Face] | None = None,
) -> Protection:
    """What every recogniser reads of a changed photo, and how plainly its change is seen; none was attacked here. The
    value holds no file.

    before: the photo as it was, (H, W, 3), and its face. after: the same as it is now. parsing: of `before`.
    other: another photo of the person and its face; None: scores compare with `before`, which is stricter. Raises
    BadRequest for photos of two shapes, no judge, or one without a threshold; FaceTooSmall.
    """
    started = time.perf_counter()
    check_face(face)
    if not judges:
        raise BadRequest("Expected at least one recogniser to judge by.")
    shapes = [photo.shape[1] / photo.shape[0] for photo in (before, after)]
    if abs(shapes[1] / shapes[0] - 1) > ALIKE:
        raise BadRequest(
            f"The two photos have different shapes ({before.shape[1]} × {before.shape[0]} and {after.shape[1]} × "
            f"{after.shape[0]} pixels). Give the whole photo before and after, neither of them cropped or turned."
        )
    scene = make_scene([before], [face], [parsing])
    reader = Reader(judges, finder, face.box, before.shape[1::-1], vectors(*(other or (before, face)), judges))
    size = before.shape[1::-1]
    way = cv2.INTER_AREA if after.shape[1] > size[0] else cv2.INTER_CUBIC
    laid = after if after.shape == before.shape else cv2.resize(after, size, interpolation=way)
    return Protection(
        photo=b"",
        aim="dodge",
        against="the other photo" if other else "the photo as it came",
        readings=reader.read(before, after, [name(model) for model in judges]),
        **measured(before, laid, scene),
        change=np.abs(laid.astype(np.int16) - before).max(axis=2).astype(np.uint8),
        seconds=time.perf_counter() - started,
    )


def words(found: Protection, titles: Mapping[str, str] | None = None) -> str:
    """The outcome as a sentence: who still matches, with score and threshold. titles: of recognisers by id."""
    kept = [
        f"{(titles or {}).get(one.model, one.model)} ({one.beside(score)})"
        for one in found.readings
        if (score := one.survival["JPEG 75"]) is not None and one.matches(score)
    ]
    lost = sum(one.survival["JPEG 75"] is None for one in found.readings)
    if lost:
        return "The face is no longer found in the changed photo. That is not counted as protection."
    failing = len(found.readings) - len(kept)
    still = f" Still matched by {' and '.join(kept)}." if kept else ""
    return (
        f"{failing} of {len(found.readings)} recognisers no longer take it for the same person as {found.against}, "
        f"also after JPEG 75.{still} Visibility {found.visibility:.1f}: {seen(found.visibility)}."
    )


def seen(visibility: float) -> str:
    """What a visibility means to somebody who looks."""
    steps = (
        (1.0, "hardly seen even beside the original"),
        (1.5, "seen beside the original"),
        (2.5, "seen by who looks for it"),
    )
    return next((told for most, told in steps if visibility <= most), "plain to see")
