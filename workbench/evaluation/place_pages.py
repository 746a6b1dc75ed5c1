"""The report's pieces for landmarks and boxes, and the gallery that every kind of truth uses."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image, ImageDraw

from workbench.decoding import decode
from workbench.evaluation import boxes, landmarks
from workbench.evaluation.truth import Case, Truth
from workbench.labeling.report import page as pieces
from workbench.labeling.report.page import number
from workbench.settings import Settings

THUMB = 260
"""Pixels of a gallery picture's longer side."""
LARGER = 420
TRUE, SAID, WRONG = (255, 255, 255), (64, 200, 120), (240, 70, 70)
DEFINITIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "landmarks": (
        ("NME", "Mean distance of the points over that between the eyes' outer corners (of five points: the eyes), "
                "over the faces found. Less is better."),
        ("Failure rate at 8 %", "Faces not found, or with an error above 0.08."),
        ("Faces found", "Faces of the truth near which the model put points: no farther off than the eyes are apart."),
    ),
    "boxes": (
        ("Recall", "True faces that a box overlaps by half or more (intersection over union), each box for one face."),
        ("Precision", "Boxes that do so. Boxes on a crowd (iscrowd) count neither way."),
    ),
}  # fmt: skip


def placed(found: landmarks.Landmarks | boxes.Boxes, truth: Truth, settings: Settings) -> str:
    """What is said of one model: parts of the face, sides, the worst photos."""
    by_id = {case.id: case for case in truth.cases}
    if isinstance(found, boxes.Boxes):
        cards = [_boxes(photo, by_id[photo.id], settings) for photo in found.worst() if photo.wrong]
        return (
            "<h3>Most missed or wrong: white true, green found, red on nothing</h3>" + gallery(cards) if cards else ""
        )
    rows = [[escape(name), number(value, 4)] for name, value in found.parts().items()]
    cards = [_points(photo, by_id[photo.id], settings) for photo in found.worst()]
    return (
        "<h3>Per part of the face</h3>" + pieces.raw_table(["Points of", "mean error"], rows)
        + sides(found.exchanged(), len(found.photos), "points")
        + "<h3>The worst photos: white true, green found</h3>" + gallery(cards)
    )  # fmt: skip


def sides(ids: Sequence[str], count: int, what: str) -> str:
    """A sentence where pictures agree better with left and right changed over."""
    if not ids:
        return ""
    return (
        f'<p class="note">{len(ids)} of {count} pictures agree better with left and right changed over: '
        f"the {what} or the photo is mirrored, or the model mixes up sides. Figures count them as they are. "
        f"{escape(', '.join(ids[:12]))}{' …' if len(ids) > 12 else ''}</p>"
    )


def _points(photo: landmarks.Traced, case: Case, settings: Settings) -> str:
    picture, scale = _shown(case, settings)
    draw = ImageDraw.Draw(picture)
    for truth, found in photo.pairs:
        for points, colour in ((truth, TRUE), (found, SAID)):
            for x, y in () if points is None else points * scale:
                draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=colour)
    missed = sum(found is None for _, found in photo.pairs)
    worst = np.nanmax(photo.means) if missed < len(photo.pairs) else float("nan")
    words = f"{missed} faces not found" if missed else f"error {worst:.3f}"
    return _card(picture, words, case)


def _boxes(photo: boxes.Located, case: Case, settings: Settings) -> str:
    picture, scale = _shown(case, settings)
    draw = ImageDraw.Draw(picture)
    rows = [(box, TRUE) for box in photo.truth]
    rows += [(box, SAID if hit else WRONG) for box, hit in zip(photo.found, photo.hits, strict=True)]
    for box, colour in rows:
        draw.rectangle([float(v) * scale for v in box], outline=colour, width=2)
    hits = int(photo.hits.sum())
    return _card(picture, f"{len(photo.truth) - hits} missed, {len(photo.found) - hits} on nothing", case)


def _shown(case: Case, settings: Settings) -> tuple[Image.Image, float]:
    image = Image.fromarray(decode(case.photo, settings))
    small = image.copy()
    small.thumbnail((LARGER, LARGER))
    return small, small.width / image.width


def _card(picture: Image.Image, words: str, case: Case) -> str:
    shown = f'<img src="{address(np.array(picture))}" alt="Truth and answer">'
    return f'<div class="pair"><div class="faces">{shown}</div><p><b>{escape(words)}</b> {escape(case.id)}</p></div>'


def gallery(shown: Sequence[str]) -> str:
    """Cards side by side."""
    wide = "grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));overflow-wrap:anywhere"
    return f'<div class="gallery" style="{wide}">{"".join(shown)}</div>'


def thumb(case: Case, settings: Settings) -> np.ndarray:
    """The photo as the models saw it, upright and in sRGB, small."""
    small = Image.fromarray(decode(case.photo, settings))
    small.thumbnail((THUMB, THUMB))
    return np.array(small)


def address(image: np.ndarray) -> str:
    """A picture as a page embeds it."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
