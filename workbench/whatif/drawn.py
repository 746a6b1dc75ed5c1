"""A curve as a small drawing (SVG) and a study as one page to hand on. Both load nothing and run nothing."""

import base64
import html
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from workbench import images
from workbench.whatif.changes import OUT_OF_REACH
from workbench.whatif.curves import Curve
from workbench.whatif.readers import Reading
from workbench.whatif.study import Study, sentence

COLOURS = ("#4f46e5", "#c2410c")
KEPT, LOST = "#15803d", "#b91c1c"
LEFT, RIGHT, TOP, BOTTOM, WIDE = 46, 14, 26, 46, 360
WAYS = {"sliders": "By sliders", "blur": "By blurred parts", "fill": "By filled parts", "swap": "By swapped parts"}

Scale = Callable[[float], float]
"""From a value to its place on the drawing."""

STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2rem auto; padding: 0 1rem;
 color: #1e293b; background: #fff; } img { max-width: 100%; border-radius: 8px; }
 .row { display: flex; flex-wrap: wrap; gap: 1rem; } figure { flex: 1 1 260px; max-width: 340px; margin: 0; }
 figcaption { font-size: .9rem; }"""


def curve_svg(found: Curve, here: float = 0.0, high: int = 210) -> str:
    """One slider's curve: a line per reader, a dashed line where its decision flips, a dot where the slider stands, and
    a strip that says where it still is the same person. Scores where all readers have one unit, else margins."""
    shared = len(set(found.units)) == 1
    rows = found.scores if shared else found.margins
    low, top = _limits(rows, found.units[0] if shared else "")
    across = _scale(float(found.at[0]), float(found.at[-1]), LEFT, WIDE - RIGHT)
    down = _scale(low, top, high - BOTTOM, TOP)
    title = html.escape(found.words(here))
    drawn = [_frame(found, low, top, high, found.units[0] if shared else "margin (below 0: flipped)", across, down)]
    for number, row in enumerate(rows):
        drawn.append(_line(found, number, row, across, down, high))
    drawn.append(_strip(found, across, high))
    place = across(float(np.clip(here, found.at[0], found.at[-1])))
    for number, row in enumerate(rows):
        at = down(float(np.interp(here, found.at, np.nan_to_num(row))))
        drawn.append(f'<circle cx="{place:.1f}" cy="{at:.1f}" r="5" fill="{COLOURS[number]}"/>')
    return (
        f'<svg role="img" aria-label="{title}" viewBox="0 0 {WIDE} {high}" style="width:100%;max-width:480px;'
        f'height:auto;font:13px system-ui,sans-serif">{"".join(drawn)}</svg>'
    )


def _limits(rows: np.ndarray, unit: str) -> tuple[float, float]:
    if unit == "probability":
        return 0.0, 1.0
    low, high = float(np.nanmin(rows, initial=0.0)), float(np.nanmax(rows, initial=0.0))
    if unit == "years":
        low, high = float(np.nanmin(rows)) - 1, float(np.nanmax(rows)) + 1
    return low, high if high > low else low + 1.0


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (end - start) * (value - low) / (high - low)


def _frame(found: Curve, low: float, top: float, high: int, unit: str, across: Scale, down: Scale) -> str:
    base = high - BOTTOM
    ends = [found.at[0], 0.0, found.at[-1]] if found.at[0] < 0 else [found.at[0], found.at[-1]]
    marks = "".join(
        f'<text x="{across(float(at)):.1f}" y="{base + 16}" text-anchor="middle" fill="currentColor">{at:g}</text>'
        for at in ends
    )
    levels = "".join(
        f'<text x="{LEFT - 6}" y="{down(v) + 4:.1f}" text-anchor="end" fill="currentColor">{v:.2g}</text>'
        for v in (low, top)
    )
    return (
        f'<text x="{LEFT}" y="14" fill="currentColor">{html.escape(found.slider.title)}: {html.escape(unit)}</text>'
        f'<path d="M{LEFT} {TOP}V{base}H{WIDE - RIGHT}" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
        f"{marks}{levels}"
    )


def _line(found: Curve, number: int, row: np.ndarray, across: Scale, down: Scale, high: int) -> str:
    points = " ".join(f"{across(float(x)):.1f},{down(float(y)):.1f}" for x, y in zip(found.at, row, strict=True))
    colour = COLOURS[number]
    drawn = [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>']
    for at in found.flips(number):
        x = across(at)
        side, word = ("end", x - 4) if x > 0.7 * WIDE else ("start", x + 4)
        drawn.append(
            f'<path class="flip" d="M{x:.1f} {TOP}V{high - BOTTOM}" stroke="{colour}" stroke-dasharray="4 3"/>'
            f'<text x="{word:.1f}" y="{TOP + 12 + 14 * number}" text-anchor="{side}" fill="{colour}">'
            f"flips at {at:+.2g}</text>"
        )
    return "".join(drawn)


def _strip(found: Curve, across: Scale, high: int) -> str:
    """Green where identity is kept, red where it is lost; nothing where nobody watches."""
    if not np.isfinite(found.kept).any():
        return ""
    places = [float(found.at[0]), *found.lost, float(found.at[-1])]
    drawn = []
    for start, end in pairwise(places):
        kept = float(np.interp((start + end) / 2, found.at, found.kept)) >= 0
        x, wide = across(start), across(end) - across(start)
        drawn.append(
            f'<rect x="{x:.1f}" y="{high - 22}" width="{max(wide, 0):.1f}" height="6" fill="{KEPT if kept else LOST}"/>'
        )
    word = "same person" if not found.lost else f"same person (green), another (red) from {found.lost[0]:+.2g}"
    return "".join(drawn) + f'<text x="{LEFT}" y="{high - 3}" fill="currentColor">{word}</text>'


def bars(names: Sequence[str], rest: Sequence[Reading], now: Sequence[Reading], units: Sequence[str]) -> str:
    """What every reader said at rest and says now, as bars and words."""
    blocks = []
    for number, (name, before, after, unit) in enumerate(zip(names, rest, now, units, strict=True)):
        flipped = np.isfinite(after.margin) and (before.margin >= 0) != (after.margin >= 0)
        word = f" · <b>flipped: {html.escape(before.says)} → {html.escape(after.says)}</b>" if flipped else ""
        width = 100 * min(max(after.score if unit == "probability" else after.margin, 0.0), 1.0)
        mark = 100 * min(max(before.score if unit == "probability" else before.margin, 0.0), 1.0)
        blocks.append(
            f"<p style='margin:8px 0 2px'><b>{html.escape(name)}</b> {after.score:.2f} "
            f"(at rest {before.score:.2f}); it says {html.escape(after.says)}{word}</p>"
            f"<div style='position:relative;height:12px;background:rgba(148,163,184,.3);border-radius:4px'>"
            f"<div style='height:12px;width:{width:.1f}%;background:{COLOURS[number]};border-radius:4px'></div>"
            f"<div style='position:absolute;left:{mark:.1f}%;top:-2px;width:2px;height:16px;background:currentColor'>"
            "</div></div>"
        )
    return "".join(blocks)


def page(found: Study, title: str = "What if") -> str:
    """A study as HTML, its pictures inside it."""
    tiles = [_figure(found.image, "As it is: " + "; ".join(
        f"{name}: {each.says} ({each.score:.2f})" for name, each in zip(found.names, found.before, strict=True)
    ))]  # fmt: skip
    for way, each in found.smallest.items():
        tiles.append(_figure(each.view.image, f"{WAYS[way]}: {sentence(each, found.names, way)}"))
    curves = "".join(f"<figure>{curve_svg(each)}</figure>" for each in found.curves)
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in (*found.left_out, OUT_OF_REACH))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1><p>{html.escape(', '.join(found.names))}. "
        f'Edited pictures, no photos.</p><h2>The smallest changes found</h2><div class="row">{"".join(tiles)}</div>'
        f'<h2>Every slider</h2><div class="row">{curves}</div><h2>Left out</h2><ul>{notes}</ul></html>'
    )


def _figure(image: np.ndarray, words: str) -> str:
    data = base64.b64encode(images.encode_jpeg(image, 88)).decode()
    text = html.escape(words)
    return f'<figure><img alt="{text}" src="data:image/jpeg;base64,{data}"><figcaption>{text}</figcaption></figure>'


def told(found: Study) -> dict[str, str]:
    """A sentence per search, by its title."""
    return {WAYS[way]: sentence(each, found.names, way) for way, each in found.smallest.items()}
