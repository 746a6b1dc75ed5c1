"""The curve of one photo: how plainly each protection is seen, against what every judge still reads of it; a person
picks a point."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from workbench.bench import Workbench
from workbench.marks import kept
from workbench.protection.summary import record
from workbench.ui.protection import views
from workbench.ui.protection.parts import Ready, pair
from workbench.values import Face, Protection, Reading

WIDTH, HEIGHT, LEFT, FOOT = 460, 190, 46, 34
"""Of the drawing, and of its margins for words, in pixels."""
TONES = ("#2563eb", "#c2410c", "#7c3aed", "#0f766e", "#be185d", "#4d7c0f")

WORDS = {1.0: "hardly seen", 1.5: "light", 2.0: "medium", 3.0: "seen", 5.0: "strong"}
"""What a level is called beside its number."""

NEXT = (
    "<ol class='next'><li><b>Stronger:</b> pick a higher point of the curve, or protect again at Strong.</li>"
    "<li>{photo}</li><li><b>Hide the face instead:</b> blur, mosaic or silhouette.</li></ol>"
)
SECOND = (
    "<b>A second photo of you:</b> recognisers usually have another one than this; comparing with it is the fairer "
    "test."
)
THIRD = "<b>A third photo of you:</b> put it in the place of the second; the answer may be another one."


@dataclass(frozen=True, slots=True, eq=False)
class Climbed:
    """What one search found, as it waits in the session: the photo, the face, a protection per level, the roles. first:
    the level that was asked for."""

    waiting: Ready
    face: Face
    levels: tuple[float, ...]
    found: tuple[Protection, ...]
    sides: tuple[list[str], list[str]]
    first: float

    def at(self, level: Any) -> int:
        """The number of the level, or of the next higher one that is left; the last for what is no number."""
        try:
            asked = float(level)
        except (TypeError, ValueError):
            return len(self.found) - 1
        return next((n for n, level in enumerate(self.levels) if level > asked - 0.01), len(self.found) - 1)


def title(level: float) -> str:
    """A level as the choice shows it."""
    return f"{level:g} · {WORDS[level]}" if level in WORDS else f"{level:g}"


def curve_html(climbed: Climbed, chosen: int, titles: dict[str, str]) -> str:
    """The drawing: one line per judge, what is left of its margin after JPEG 75 against visibility; below the line it
    no longer takes the face for the same."""
    judges = [reading.model for reading in climbed.found[0].judges]
    if len(climbed.found) < 2 or not judges:
        return ""
    most = max(climbed.levels)
    rows = {name: [_left(_of(one, name)) for one in climbed.found] for name in judges}
    known = [left for row in rows.values() for left in row if left is not None]
    low, high = min([*known, -0.3]), max([*known, 0.3])

    def x(level: float) -> float:
        return LEFT + (WIDTH - LEFT - 12) * level / most

    def y(left: float) -> float:
        return 10 + (HEIGHT - FOOT - 10) * (high - left) / max(high - low, 1e-6)

    lines = [_line(rows[name], climbed.levels, x, y, TONES[n % len(TONES)]) for n, name in enumerate(judges)]
    ticks = "".join(
        f"<text x='{x(level):.0f}' y='{HEIGHT - 18}' text-anchor='middle'>{level:g}</text>" for level in climbed.levels
    )
    mark = f"<line x1='{x(climbed.levels[chosen]):.1f}' x2='{x(climbed.levels[chosen]):.1f}' y1='4' y2='{HEIGHT - FOOT}' class='chosen'/>"  # noqa: E501
    bound = f"<line x1='{LEFT}' x2='{WIDTH - 8}' y1='{y(0):.1f}' y2='{y(0):.1f}' class='bound'/>"
    keys = " ".join(
        f"<span><b style='color:{TONES[n % len(TONES)]}'>●</b> {html.escape(titles.get(name, name))}</span>"
        for n, name in enumerate(judges)
    )
    failing = [sum(left is not None and left < 0 for left in (rows[name][n] for name in judges)) for n in _all(climbed)]
    told = "; ".join(f"{title(climbed.levels[n])}: {failing[n]} of {len(judges)}" for n in _all(climbed))
    return (
        f"{STYLE}<div class='curve'><svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='Judges that no longer "
        f"match, by visibility: {html.escape(told)}'>{bound}{mark}{''.join(lines)}{ticks}"
        f"<text x='{LEFT - 4}' y='{y(0) + 4:.0f}' text-anchor='end'>bound</text>"
        f"<text x='{LEFT - 4}' y='18' text-anchor='end'>same</text>"
        f"<text x='{(LEFT + WIDTH) / 2:.0f}' y='{HEIGHT - 3}' text-anchor='middle'>visibility (1: just noticed)</text>"
        f"</svg><p class='small'>{keys}<br>Judges that no longer match: {html.escape(told)}.</p></div>"
    )


STYLE = """<style>.curve svg { width: 100%; max-width: 520px; font-size: 11px; fill: currentColor; }
.curve .bound { stroke: currentColor; opacity: .5; stroke-dasharray: 5 4; }
.curve .chosen { stroke: currentColor; opacity: .25; stroke-width: 10; }
@media (max-width: 640px) { .curve svg { font-size: 15px; } } /* drawn smaller there */
.verdict .next { margin: 6px 0 0 1.2em; list-style: decimal; }</style>"""


def _all(climbed: Climbed) -> range:
    return range(len(climbed.found))


def _of(found: Protection, model: str) -> Reading:
    return next(reading for reading in found.readings if reading.model == model)


def _left(reading: Reading) -> float | None:
    """What is left of the margin after JPEG 75; for impersonation, what is gained, turned over."""
    score = reading.survival.get("JPEG 75")
    return None if score is None else float(reading.metric.margin(score, reading.threshold))


def _line(row: Sequence[float | None], levels: Sequence[float], x: Any, y: Any, tone: str) -> str:
    points = [(x(level), y(left)) for level, left in zip(levels, row, strict=True) if left is not None]
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    dots = "".join(f"<circle cx='{px:.1f}' cy='{py:.1f}' r='3.5' fill='{tone}'/>" for px, py in points)
    return f"<polyline points='{path}' fill='none' stroke='{tone}' stroke-width='2'/>{dots}"


def shown(bench: Workbench, climbed: Climbed, chosen: int) -> tuple[Any, ...]:
    """Everything the screen shows of one level; its picture is the saved file, opened again. As `one.protect`."""
    from workbench.protection.judge import opened

    waiting, found = climbed.waiting, climbed.found[chosen]
    folder = f"{climbed.levels[chosen]:g}"  # one for every point: a browser may keep what one address gave before
    photo, figures = waiting.file(f"{found.word}.jpg", folder), waiting.file("protection.json", folder)
    photo.write_bytes(kept(found.photo, waiting.found.photo.source))
    told = record(found) | {"curve": [_point(one) for one in climbed.found]}
    figures.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    titles = {spec.id: spec.title for spec in bench.specs("recognition")}
    return (
        pair(waiting.folder, waiting.image, opened(found.photo), climbed.face, f"after-{chosen}"),
        views.verdict_html(found, titles, next_steps(found)),
        views.table_html(found, titles),
        views.figures_markdown(found),
        views.heat_view(waiting.image, found.change, climbed.face),
        str(photo),
        str(figures),
        (found.ssim, *climbed.sides),
        curve_html(climbed, chosen, titles),
    )


def next_steps(found: Protection) -> str:
    """HTML of three ways on where a protection has failed, "" where it has not. Whoever compared with a second photo is
    not asked for one."""
    if found.state != "not protected":
        return ""
    return NEXT.format(photo=SECOND if found.against == "the photo as it came" else THIRD)


def _point(found: Protection) -> dict[str, Any]:
    """One point of the curve for the file of figures."""
    failing = sum((left := _left(reading)) is not None and left < 0 for reading in found.judges)
    visible = None if found.visibility != found.visibility else round(found.visibility, 3)
    return {"visibility": visible, "outcome": found.state, "judges": len(found.judges), "no longer match": failing}


def choice(climbed: Climbed | None) -> Any:
    """The levels to pick from; hidden while there is no curve."""
    if climbed is None or len(climbed.found) < 2:
        return gr.Radio(choices=[], value=None, visible=False)
    rows = [(title(level), f"{level:g}") for level in climbed.levels]
    return gr.Radio(choices=rows, value=f"{climbed.levels[climbed.at(climbed.first)]:g}", visible=True)


def pick(bench: Workbench, climbed: Climbed | None, level: Any) -> tuple[Any, ...]:
    """Another point of the curve, as it was saved and read; nothing is searched again."""
    if climbed is None or level is None:
        return (gr.skip(),) * 9
    return shown(bench, climbed, climbed.at(level))


def stronger(climbed: Climbed | None, level: Any) -> Any:
    """The next higher level, chosen."""
    if climbed is None:
        return gr.skip()
    above = min(climbed.at(level) + 1, len(climbed.found) - 1)
    return gr.Radio(value=f"{climbed.levels[above]:g}")
