"""What an explanation looks like: bars of an answer, curves against chance, shares of the parts, knobs, trees. No
models here."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import drawing
from workbench.images import warp
from workbench.parts import title
from workbench.values import Face, Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, PALE, WARM = "#334155", "#94a3b8", "#dc2626"
EVIDENCE, CHANCE, NOTHING = "✅", "⚪", "⚫"


def answer_html(scores: Sequence[tuple[str, Scores]], notes: Sequence[str] = ()) -> str:
    """What the models say, before any heatmap: bars for labels that share one probability, plain words for numbers;
    beside each its question, "happy 99.7 % – why?", to press (`WHY`)."""
    blocks = []
    for name, found in scores:
        said = found.as_dict()
        if not found.exclusive:
            asked = " ".join(_why(found.model, label, f"{label} {value:.0f}") for label, value in said.items())
            blocks.append(f"<p style='margin:6px 0'><b>{html.escape(name)}</b>: {asked}</p>")
            continue
        rows = "".join(_bar(label, value) for label, value in said.items())
        asked = _why(found.model, found.top, f"{found.top} {100 * said[found.top]:.1f} %")
        blocks.append(f"<p style='margin:8px 0 2px'><b>{html.escape(name)}</b> {asked}</p>{rows}")
    blocks += [f"<p style='margin:6px 0;opacity:.8'>{html.escape(note)}</p>" for note in notes]
    return f"<div class='answer'>{''.join(blocks)}</div>"


WHY = """element.addEventListener('click', event => {
  const button = event.target.closest('[data-why]');
  if (button) trigger('select', {model: button.dataset.model, label: button.dataset.why});
});"""
"""What the answer does in the browser: a press on a question is a `select` with its model and label."""

BADGE = """words => { const found = /^### (.+)$/m.exec(words || '');
  return {__type__: 'update', label: found ? 'Heatmap: ' + found[1] : 'Heatmap'}; }"""
"""The verdict's head as a badge on the heatmap, in the browser; without a verdict none."""


def _why(model: str, label: str, words: str) -> str:
    told = f"data-model='{html.escape(model, True)}' data-why='{html.escape(label, True)}'"
    return f"<button type='button' class='why' {told}>{html.escape(words)} – why?</button>"


def _bar(label: str, value: float) -> str:
    width = max(round(100 * value, 1), 0.5)
    return (
        "<div style='display:flex;align-items:center;gap:8px;font-size:.9rem'>"
        f"<span style='width:84px;text-align:end'>{html.escape(label)}</span>"
        f"<span style='flex:1;background:rgba(148,163,184,.25);border-radius:4px'>"
        f"<span style='display:block;height:12px;width:{width}%;background:#6366f1;border-radius:4px'></span></span>"
        f"<span style='width:58px;white-space:nowrap'>{100 * value:.1f} %</span></div>"
    )


def verdict_markdown(proof: Any, extra: dict[str, Any]) -> str:
    """The verdict in words, then what else was checked."""
    sign = {"evidence": EVIDENCE, "no evidence": NOTHING}.get(proof.verdict.word, CHANCE)
    lines = [f"### {sign} {proof.verdict.word.capitalize()}", proof.verdict.sentence]
    if proof.randomisation is not None:
        lines.append(("✅ " if proof.randomisation.passed else "⚠️ ") + proof.randomisation.sentence)
    if proof.human is not None:
        h = proof.human
        lines.append(
            f"Against what people look at for “{h.expression}”: cosine with its action units {h.cam_cos:.2f} "
            f"(CAM-COS; ordinary "
            f"networks reach about 0.55 in its paper), overlap with the Friesen–Ekman regions {h.iou:.2f} "
            f"({h.chance:.2f} by chance), correlation {h.correlation:.2f}."
        )
    if proof.more is not None:
        lines.append(
            f"More tests: ROAD {proof.more.road:+.3f} (above 0: the hottest pixels matter more than the coldest), "
            f"{proof.more.unexplained:.0%} of the score's changes unexplained (infidelity), the map moves by "
            f"{proof.more.sensitivity:.0%} when the face is nudged (sensitivity)."
        )
    if proof.shares:
        lines.append(shares_sentence(proof.shares))
    if "gap" in extra:
        lines.append(f"The map sums to the score's rise of {extra['rise']:.3g}, and misses it by {extra['gap']:.2g}.")
    return "\n\n".join(lines)


def shares_sentence(shares: Sequence[Any]) -> str:
    """Which parts hold most of the heat, in words."""
    hot = [share for share in shares if share.heat > 0.02][:4]
    if not hot:
        return "No part holds any heat."
    words = ", ".join(
        f"{title(share.part).lower()} {share.heat:.0%} (of {share.area:.0%} of the area)" for share in hot
    )
    return f"Where the heat is: {words}."


def _canvas(size: tuple[float, float]) -> "Figure":
    """An empty figure of this width and height in inches; matplotlib is imported when the first one is drawn, not when
    the app starts."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def curves_figure(proof: Any) -> "Figure":
    """Deletion and insertion of the map, of edges and of the random maps between their 5th and 95th percentile."""
    found = proof.curves
    figure = _canvas((4.6, 4.6))  # one above the other: the letters stay readable on a phone
    sides = zip(
        figure.subplots(2, 1, sharex=True), (found.deletion, found.insertion), ("Deletion", "Insertion"), strict=True
    )
    for axes, rows, name in sides:
        low, high = np.percentile(rows[3:], [5, 95], axis=0)
        axes.fill_between(found.share, low, high, color=PALE, alpha=0.35, label=f"{len(rows) - 3} random maps, 5–95 %")
        axes.plot(found.share, rows[1], color=PALE, linestyle="--", label="edges")
        axes.plot(found.share, rows[2], color=PALE, linestyle=":", label="blob in the middle")
        axes.plot(found.share, rows[0], color=WARM, linewidth=2, label="this map")
        axes.set_xlabel(f"share of pixels {'taken away' if name == 'Deletion' else 'shown'}", fontsize=8)
        axes.set_title(f"{name}: {'lower' if name == 'Deletion' else 'higher'} is better", fontsize=9, color=INK)
        axes.tick_params(labelsize=8)
        axes.set_ylabel(found.unit, fontsize=8)
    figure.axes[1].legend(fontsize=8, frameon=False)
    return figure


def shares_figure(shares: Sequence[Any], values: dict[str, float] | None = None) -> "Figure | None":
    """Bars: each part's share of the heat beside its share of the area; with Shapley values, these instead."""
    if values:
        rows = sorted(values.items(), key=lambda item: item[1])[-14:]
        figure = _canvas((4.6, 0.5 + 0.24 * len(rows)))
        axes = figure.subplots()
        axes.barh(
            [title(part) for part, _ in rows],
            [value for _, value in rows],
            color=[WARM if v > 0 else "#2563eb" for _, v in rows],
        )
        axes.set_title("Shapley value of each part", fontsize=9, color=INK)
    else:
        found = [share for share in shares if share.heat > 0.005 or share.area > 0.05][:12][::-1]
        if not found:
            return None
        figure = _canvas((4.6, 0.5 + 0.3 * len(found)))
        axes, places = figure.subplots(), np.arange(len(found))
        axes.barh(places + 0.2, [share.heat for share in found], 0.38, color=WARM, label="heat")
        axes.barh(places - 0.2, [share.area for share in found], 0.38, color=PALE, label="area")
        axes.set_yticks(places, [title(share.part) for share in found])
        axes.set_title("Share of heat and of area", fontsize=9, color=INK)
        axes.legend(fontsize=7, frameon=False)
    axes.tick_params(labelsize=8)
    return figure


def tree_figure(tree: Any) -> "Figure":
    """The dendrogram; the axis is one minus correlation."""
    from scipy.cluster.hierarchy import dendrogram

    figure = _canvas((6.4, 0.9 + 0.28 * len(tree.names)))
    axes = figure.subplots()
    dendrogram(
        tree.links, labels=list(tree.names), orientation="right", ax=axes, color_threshold=0, above_threshold_color=INK
    )
    axes.set_xlabel("unlikeness of the heatmaps (1 − correlation)", fontsize=8)
    axes.tick_params(labelsize=8)
    return figure


@dataclass(frozen=True, slots=True, eq=False)
class CloseUp:
    """The surroundings of a face and its heat, cut out of photo and map. seen: (side, side, 3) uint8. heat: (side,
    side) float32. signed: whether the whole map says anything against the target."""

    seen: np.ndarray
    heat: np.ndarray
    signed: bool

    def painted(self, opacity: float) -> np.ndarray:
        """(side, side, 3) uint8."""
        return drawing.heat(self.seen, self.heat, opacity, signed=self.signed)


def cut(image: np.ndarray, values: np.ndarray, face: Face, side: int = 420) -> CloseUp:
    """What a person wants to see of a large photo."""
    centre = (face.box[:2] + face.box[2:]) / 2
    reach = 0.85 * face.size
    scale = side / (2 * reach)
    matrix = np.array([[scale, 0, side / 2 - scale * centre[0]], [0, scale, side / 2 - scale * centre[1]]])
    seen, heat = warp(image, matrix, (side, side)), warp(values, matrix, (side, side), "black")
    return CloseUp(seen, heat.astype(np.float32), bool((values < 0).any()))


def close_up(image: np.ndarray, values: np.ndarray, face: Face, opacity: float, side: int = 420) -> np.ndarray:
    """The surroundings of a face with its heat, (side, side, 3) uint8."""
    return cut(image, values, face, side).painted(opacity)
