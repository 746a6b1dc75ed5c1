"""What a protection looks like on the screen: close-ups, the verdict, every recogniser's scores, the heatmap. No models here."""

import html
from typing import Any

import numpy as np

from workbench import drawing, images
from workbench.values import Face, Protection, Reading

CLOSE = 1.05
"""Half of a close-up's side, in face sizes."""
SIDE = 768
"""A close-up is shown at most this large, in pixels."""
RED, GREEN, AMBER, GREY = "#dc2626", "#16a34a", "#d97706", "#64748b"

TITLES = {
    "protected": ("Protected from the judge", GREEN),
    "not protected": ("Not protected", RED),
    "face lost": ("No figure: the face was lost", AMBER),
    "not judged": ("Not judged: every recogniser was attacked", AMBER),
    "not needed": ("Left as it is", GREY),
}

HONEST = (
    "**What this does not do.** It works against the recognisers it was searched on, and against others only as far as the judge's row "
    "shows: a newer or larger recogniser may still know you, and protection decays as recognisers change. Photos of you that are already "
    "published stay readable, and one clear photo is enough. People recognise you as before. Screenshots, filters and re-compression can "
    "wear the protection off (the columns on the right show how far). Stronger protection is more visible."
)


def frame(face: Face, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of the surroundings of a face in a photo of `shape`."""
    centre, reach = (face.box[:2] + face.box[2:]) / 2, CLOSE * face.size
    low = np.clip(np.floor(centre - reach).astype(int), 0, shape[1::-1])
    high = np.clip(np.ceil(centre + reach).astype(int), 0, shape[1::-1])
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def close_up(image: np.ndarray, face: Face) -> np.ndarray:
    """The surroundings of a face: what a person wants to see of a large photo."""
    return images.limit(np.ascontiguousarray(image[frame(face, image.shape)]), SIDE)


def heat_view(image: np.ndarray, change: np.ndarray, face: Face) -> np.ndarray:
    """Where a photo changed, over a pale copy of it. change: (H, W) uint8, the largest change of a channel."""
    rows = frame(face, image.shape)
    seen = images.limit(np.ascontiguousarray(image[rows]), SIDE)
    values = images.limit(np.ascontiguousarray(np.repeat(change[rows][..., None], 3, axis=2)), SIDE)[..., 0]
    grey = np.repeat(seen.mean(axis=2, keepdims=True), 3, axis=2)
    return drawing.heat((0.4 * grey + 150).clip(0, 255).astype(np.uint8), values.astype(np.float32), 0.9)


def verdict_html(protection: Protection) -> str:
    """The outcome in a coloured box: green only when a judge that the search never saw is passed, also after JPEG 75."""
    title, color = TITLES[protection.state]
    return box(title, protection.words, color, protection.state)


def box(title: str, words: str, color: str, state: str) -> str:
    """A box with a coloured edge."""
    return (
        f"<div class='verdict' data-state='{html.escape(state)}' style='border-left:6px solid {color};padding:8px 12px;"
        f"background:color-mix(in srgb,{color} 10%,transparent);border-radius:6px'>"
        f"<b style='color:{color};font-size:1.1rem'>{html.escape(title)}</b>"
        f"<div style='margin-top:2px'>{html.escape(words)}</div></div>"
    )


def table_html(protection: Protection, titles: dict[str, str]) -> str:
    """Every recogniser's scores before and after, and after what happens to photos; red where it still matches."""
    kinds = list(protection.readings[0].survival) if protection.readings else []
    heads = ["Recogniser", "Role", "Threshold", "Before", "Saved file", *kinds]
    rows = "".join(_row(reading, kinds, titles, protection.aim) for reading in protection.readings)
    cells = "".join(f"<th style='text-align:left;padding:4px 8px;white-space:nowrap'>{html.escape(head)}</th>" for head in heads)
    wanted = "counts as the made-up person" if protection.aim == "impersonate" else "no longer counts as the same person"
    return (
        f"<div style='overflow-x:auto'><table class='readings' style='border-collapse:collapse;width:100%;font-size:.9rem'>"
        f"<thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"<p style='opacity:.8;margin:4px 2px;font-size:.85rem'>Compared with {html.escape(protection.against)}. Thresholds at a false "
        f"accept rate of 1 %. Green: {wanted}; red: it does not. cos: more is nearer; dist: less is nearer.</p>"
    )


def _row(reading: Reading, kinds: list[str], titles: dict[str, str], aim: str) -> str:
    unit = "cos" if reading.metric == "cosine" else "dist"
    sign = "≥" if reading.metric == "cosine" else "≤"
    role = {"judge": "<b>judge</b>, never attacked", "surrogate": "attacked"}[reading.role]
    name = html.escape(titles.get(reading.model, reading.model))
    cells = [name, role, f"{unit} {sign} {reading.threshold:.3f}", "" if reading.before != reading.before else f"{reading.before:.3f}"]
    marks = [_mark(reading, score, aim) for score in (reading.after, *(reading.survival[kind] for kind in kinds))]
    plain = "".join(f"<td style='padding:4px 8px;white-space:nowrap'>{cell}</td>" for cell in cells)
    return f"<tr data-model='{html.escape(reading.model)}' data-role='{reading.role}'>{plain}{''.join(marks)}</tr>"


def _mark(reading: Reading, score: float | None, aim: str) -> str:
    if score is None:
        return f"<td style='padding:4px 8px;color:{AMBER};white-space:nowrap'>face lost</td>"
    good = reading.matches(score) == (aim == "impersonate")
    color = GREEN if good else RED
    return f"<td style='padding:4px 8px;color:{color};white-space:nowrap;font-weight:600'>{score:.3f} {'✓' if good else '✗'}</td>"


def figures_markdown(protection: Protection) -> str:
    """How visible the change is, and what it took, in a line."""
    return (
        f"Looks of the saved file: SSIM {protection.ssim:.3f} inside the face, PSNR {protection.psnr:.1f} dB, skin ΔE00 "
        f"{protection.skin_change:.1f} (chroma {protection.skin_tint:.1f}), patchiness {protection.patchiness:.2f} (above 1 patches show). "
        f"{protection.steps} steps, {protection.seconds:.1f} s."
    )


def plain_table_html(rows: list[dict[str, Any]]) -> str:
    """Rows of equal keys as a table."""
    if not rows:
        return ""
    heads = "".join(f"<th style='text-align:left;padding:4px 8px'>{html.escape(str(key))}</th>" for key in rows[0])
    body = "".join(
        "<tr>"
        + "".join(f"<td style='padding:4px 8px;white-space:nowrap'>{html.escape(str(value))}</td>" for value in row.values())
        + "</tr>"
        for row in rows
    )
    return f"<div style='overflow-x:auto'><table style='border-collapse:collapse;font-size:.9rem'><tr>{heads}</tr>{body}</table></div>"
