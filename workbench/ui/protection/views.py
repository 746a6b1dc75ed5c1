"""What a protection looks like on the screen: close-ups, the verdict, every recogniser's scores, the heatmap. No models
here."""

import html
from typing import Any

import cv2
import numpy as np

from workbench import drawing, images
from workbench.values import Face, Protection, Reading

CLOSE = 1.05
"""Half of a close-up's side, in face sizes."""
SIDE = 768
"""A close-up is shown at most this large, in pixels."""
SMALLEST = 480
"""A close-up of a small face is enlarged to this."""

TITLES = {
    "protected": ("Protected from the judge", "good"),
    "not protected": ("Not protected", "bad"),
    "face lost": ("No figure: the face was lost", "open"),
    "not judged": ("Not judged: every recogniser was attacked", "open"),
    "not needed": ("Left as it is", "plain"),
}

STYLE = """<style>
.verdict { --tone: #64748b; border-inline-start: 6px solid var(--tone); padding: 8px 12px; border-radius: 6px;
  background: color-mix(in srgb, var(--tone) 12%, transparent); }
.verdict b { font-size: 1.1rem; }
.verdict.good { --tone: #166534; } .verdict.bad { --tone: #b91c1c; } .verdict.open { --tone: #92400e; }
.verdict:not(.plain) b, .readings .good, .readings .bad, .readings .open { color: var(--tone); }
.sideways { overflow-x: auto; }
.readings { border-collapse: collapse; width: 100%; font-size: .86rem; }
.readings th, .readings td { text-align: start; padding: 3px 7px !important; white-space: nowrap; }
.readings .good { --tone: #166534; font-weight: 600; } .readings .bad { --tone: #b91c1c; font-weight: 600; }
.readings .open { --tone: #92400e; }
.dark .good { --tone: #4ade80 !important; } .dark .bad { --tone: #f87171 !important; } .dark .open { --tone: #fbbf24 !important; }
.small { opacity: .8; font-size: .85em; }
</style>"""  # noqa: E501

HONEST = (
    "**What this does not do.** It works against the recognisers it was searched on, and against others only as far "
    "as the judge's row "
    "shows: a newer or larger recogniser may still know you, and protection decays as recognisers change. Photos of "
    "you that are already "
    "published stay readable, and one clear photo is enough. People who know you still do. Screenshots, filters and "
    "re-compression can "
    "wear the protection off (the columns on the right show how far). Stronger is more visible: the curve shows what "
    "each step buys on this photo."
)


def frame(face: Face, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of the surroundings of a face in a photo of `shape`."""
    centre, reach = (face.box[:2] + face.box[2:]) / 2, CLOSE * face.size
    low = np.clip(np.floor(centre - reach).astype(int), 0, shape[1::-1])
    high = np.clip(np.ceil(centre + reach).astype(int), 0, shape[1::-1])
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def close_up(image: np.ndarray, face: Face) -> np.ndarray:
    """The surroundings of a face: what a person wants to see of a large photo."""
    return _sized(np.ascontiguousarray(image[frame(face, image.shape)]))


def _sized(crop: np.ndarray) -> np.ndarray:
    crop = images.limit(crop, SIDE)
    scale = SMALLEST / max(crop.shape[:2])
    return crop if scale <= 1 else cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def heat_view(image: np.ndarray, change: np.ndarray, face: Face) -> np.ndarray:
    """Where a photo changed, over a pale copy of it. change: (H, W) uint8, the largest change of a channel."""
    rows = frame(face, image.shape)
    seen = _sized(np.ascontiguousarray(image[rows]))
    values = _sized(np.ascontiguousarray(np.repeat(change[rows][..., None], 3, axis=2)))[..., 0]
    grey = np.repeat(seen.mean(axis=2, keepdims=True), 3, axis=2)
    return drawing.heat((0.4 * grey + 150).clip(0, 255).astype(np.uint8), values.astype(np.float32), 0.9)


def verdict_html(protection: Protection, titles: dict[str, str], more: str = "") -> str:
    """The outcome in a coloured box: green only when a judge that the search never saw is passed, also after JPEG 75.
    titles: of recognisers by id. more: HTML of ours under the words."""
    title, tone = TITLES[protection.state]
    return box(title, protection.said(titles), tone, protection.state, more)


def box(title: str, words: str, tone: str, state: str, more: str = "") -> str:
    """A box with a coloured edge. tone: good, bad, open or plain. more: HTML of ours under the words."""
    return (
        f"{STYLE}<div class='verdict {tone}' data-state='{html.escape(state)}'>"
        f"<b>{html.escape(title)}</b><div>{html.escape(words)}</div>{more}</div>"
    )


def table_html(protection: Protection, titles: dict[str, str]) -> str:
    """Every recogniser's scores before and after, and after what happens to photos; red where it fails, with a sign for
    who sees no red."""
    kinds = list(protection.readings[0].survival) if protection.readings else []
    heads = "".join(f"<th>{html.escape(head)}</th>" for head in ("Recogniser", "Before", "Saved file", *kinds))
    rows = "".join(_row(reading, kinds, titles, protection.aim) for reading in protection.readings)
    signs = (
        ("taken for the made-up person", "not")
        if protection.aim == "impersonate"
        else ("not taken for the same person", "still is")
    )
    same = (
        " (the hardest test: usually a recogniser has another photo)"
        if protection.against == "the photo as it came"
        else ""
    )
    return (
        f"{STYLE}<div class='sideways'><table "
        f"class='readings'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"<p class='small'>Compared with {html.escape(protection.against)}{same}; thresholds at a false accept rate "
        f"of 1 %. ✓ {signs[0]}, "
        f"✗ {signs[1]}. Under each name: its role, and from where on two faces are one person to it. The search never "
        f"saw a judge.</p>"
    )


def _row(reading: Reading, kinds: list[str], titles: dict[str, str], aim: str) -> str:
    unit = {"cosine": "cos", "distance": "dist"}[reading.metric.word]
    role = {"judge": "<b>judge</b>", "surrogate": "attacked"}[reading.role]
    bound = f"<span class='small'>{role} · {unit} {reading.metric.sign} {reading.threshold:.3f}</span>"
    name = f"{html.escape(titles.get(reading.model, reading.model))}<br>{bound}"
    before = "" if reading.before != reading.before else f"{reading.before:.3f}"
    marks = [_mark(reading, score, aim) for score in (reading.after, *(reading.survival[kind] for kind in kinds))]
    return (
        f"<tr data-model='{html.escape(reading.model)}' "
        f"data-role='{reading.role}'><td>{name}</td><td>{before}</td>{''.join(marks)}</tr>"
    )


def _mark(reading: Reading, score: float | None, aim: str) -> str:
    if score is None:
        return "<td class='open'>face lost</td>"
    good = reading.matches(score) == (aim == "impersonate")
    return f"<td class='{'good' if good else 'bad'}'>{score:.3f} {'✓' if good else '✗'}</td>"


def figures_markdown(protection: Protection) -> str:
    """How visible the change is, and what it took, in a line."""
    return (
        f"Looks of the saved file: visibility {_seen(protection)} SSIM {protection.ssim:.3f} inside the face, PSNR {protection.psnr:.1f} dB, skin ΔE00 "  # noqa: E501
        f"{protection.skin_change:.1f} (chroma {protection.skin_tint:.1f}), patchiness {protection.patchiness:.2f} "
        f"(above 1 patches show). "
        f"{protection.steps} steps, {protection.seconds:.1f} s."
    )


def _seen(protection: Protection) -> str:
    """The visibility and what it means."""
    if protection.visibility != protection.visibility:
        return "not measured,"
    return f"{protection.visibility:.2f} just noticeable differences at the worst place, makeup not counted;"


def plain_table_html(rows: list[dict[str, Any]]) -> str:
    """Rows of equal keys as a table."""
    if not rows:
        return ""
    heads = "".join(f"<th>{html.escape(str(key))}</th>" for key in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in row.values()) + "</tr>" for row in rows
    )
    return f"{STYLE}<div class='sideways'><table class='readings'><tr>{heads}</tr>{body}</table></div>"
