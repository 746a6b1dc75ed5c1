"""Figures of an evaluation's page, drawn with colours that follow the page's theme."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from workbench.evaluation import boxes, landmarks, parsing
from workbench.evaluation import labels as classes
from workbench.evaluation.measuring import Measured
from workbench.evaluation.recognition import Verified
from workbench.evaluation.weighing import Draws
from workbench.labeling.report.palette import PAGE, Look, draw, explain, name_axes
from workbench.metrics.roc import Interval, Roc, roc
from workbench.parts import title

Rates = Mapping[str, tuple[Interval, Interval, int, int]]
"""Group → false match rate, false non-match rate, different and same pairs, as `Verified.rates` gives them."""


def drawn(measured: Measured, look: Look = PAGE, rates: Rates | None = None) -> dict[str, Figure]:
    """What can be drawn of one model, by name. rates: error rates per group."""
    found = measured.found
    if isinstance(found, parsing.Parsed):
        figures = {"parts": _parts(found, look)}
    elif isinstance(found, classes.Classified):
        figures = {
            "confusion": _confusion(found, look),
            "reliability": _reliability(found, look),
            "risk": _risk(found, look),
        }
    elif isinstance(found, landmarks.Landmarks):
        figures = {"errors": _errors(found, look)}
    elif isinstance(found, boxes.Boxes):
        figures = {}
    else:
        figures = {"roc": _roc(found, look), "scores": _scores(found, look)}
        if (curve := roc(found.similarity, found.same)).far[curve.tar < 1].any():
            figures["det"] = _det(curve, look)
        if rates:
            figures["gaps"] = _gaps(rates, look)
    if measured.groups:
        figures["groups"] = _ranges({name: g.inside for name, g in measured.groups.items()}, measured.headline, look)
    return figures


def _gaps(rates: Rates, look: Look) -> Figure:
    """Both error rates per group at one threshold, as NIST IR 8280 (Grother et al. 2019) sets them beside each other: a
    group to the right is taken for others more often, one higher up is missed more often."""
    figure, axes = draw(look)
    least = min(0.5 / different for _, _, different, _ in rates.values())
    for name, (match, miss, _, _) in rates.items():
        x, low, high = (max(value, least) for value in (match.value, match.low, match.high))
        axes.plot([low, high], [miss.value] * 2, color=look.series[0], linewidth=1.5)
        axes.plot([x] * 2, [miss.low, miss.high], color=look.series[0], linewidth=1.5)
        axes.plot(x, miss.value, "o", color=look.series[0], markersize=4)
        axes.annotate(name, (x, miss.value), xytext=(5, 4), textcoords="offset points", fontsize=8, color=look.ink)
    axes.set_xscale("log")
    name_axes(axes, look, "False match rate", "False non-match rate")
    return figure


def _parts(found: parsing.Parsed, look: Look) -> Figure:
    rows = found.parts(Draws.over([""] * len(found.pictures), 200))
    return _ranges({title(part): row["F1"] for part, row in rows.items()}, "F1", look)


def _ranges(values: dict[str, Interval], what: str, look: Look) -> Figure:
    figure, axes = draw(look, max(1.6, 0.24 * len(values) + 0.7))
    names = list(values)[::-1]
    for place, name in enumerate(names):
        value = values[name]
        axes.plot([value.low, value.high], [place, place], color=look.series[0], linewidth=2)
        axes.plot(value.value, place, "o", color=look.series[0], markersize=4)
    axes.set_yticks(range(len(names)), names)
    name_axes(axes, look, what, "")
    return figure


def _errors(found: landmarks.Landmarks, look: Look) -> Figure:
    means = np.concatenate([photo.means for photo in found.photos])
    seen = np.sort(means[np.isfinite(means)])
    figure, axes = draw(look)
    axes.step([0.0, *seen], np.arange(len(seen) + 1) / max(len(means), 1), where="post", color=look.series[0])
    axes.axvline(landmarks.FAILED, color=look.series[1], linewidth=1, linestyle=":")
    axes.set_xlim(0, 2 * landmarks.FAILED)
    axes.set_ylim(0, 1)
    name_axes(axes, look, "Normalised mean error of a face", "Share of faces with no more")
    return figure


def _confusion(found: classes.Classified, look: Look) -> Figure:
    table = found.confusion().astype(float)
    here = np.flatnonzero(table.sum(1) + table.sum(0))
    shares = table[np.ix_(here, here)] / np.maximum(table[here].sum(1, keepdims=True), 1)
    names = [found.labels[i] for i in here]
    figure, axes = draw(look)
    axes.grid(False)
    for row in range(len(here)):
        for column in range(len(here)):
            share = shares[row, column]
            axes.plot(column, row, "s", color=look.series[0], alpha=max(0.04, float(share)), markersize=24)
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=8, color=look.ink)
    axes.set_xticks(range(len(here)), names, rotation=35, ha="right")
    axes.set_yticks(range(len(here)), names)
    axes.set_xlim(-0.6, len(here) - 0.4)
    axes.set_ylim(len(here) - 0.4, -0.6)
    name_axes(axes, look, "Answer, % of the row", "True label")
    return figure


def _reliability(found: classes.Classified, look: Look) -> Figure:
    figure, axes = draw(look)
    said, happened, cases = (np.array(column) for column in zip(*found.reliability(), strict=True))
    axes.plot([0, 1], [0, 1], color=look.muted, linewidth=1, label="keeps its word")
    axes.plot(said, happened, color=look.series[0], linewidth=1.4)
    axes.scatter(said, happened, s=6 + 90 * cases / cases.max(), color=look.series[0], label="bins, by size")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    name_axes(axes, look, "Confidence", "Share that was right")
    explain(axes, look, "upper left")
    return figure


def _risk(found: classes.Classified, look: Look) -> Figure:
    figure, axes = draw(look)
    coverage, risk = found.risk()
    axes.plot(coverage, risk, color=look.series[0], linewidth=1.7)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, None)
    name_axes(axes, look, "Coverage: share of photos answered, surest first", "Share wrong")
    return figure


def _roc(found: Verified, look: Look) -> Figure:
    figure, axes = draw(look)
    curve = roc(found.similarity, found.same)
    least = 1 / max(int((~found.same).sum()), 1)
    axes.step(np.maximum(curve.far, least / 2), curve.tar, where="post", color=look.series[0], linewidth=1.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.set_xlim(least / 2, 1)
    axes.set_ylim(0, 1.02)
    name_axes(axes, look, "Different pairs accepted (FAR)", "Same pairs accepted (TAR)")
    return figure


def _det(curve: Roc, look: Look) -> Figure:
    """Where no error of one kind is without an error of the other there is nothing to draw on logarithmic axes."""
    figure, axes = draw(look)
    inside = (curve.far > 0) & (curve.tar < 1)
    axes.plot(curve.far[inside], 1 - curve.tar[inside], color=look.series[0], linewidth=1.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    name_axes(axes, look, "False match rate", "False non-match rate")
    return figure


def _scores(found: Verified, look: Look) -> Figure:
    figure, axes = draw(look)
    bins = np.linspace(float(found.similarity.min()), float(found.similarity.max()), 40)
    for same, word, place in ((True, "same person", 2), (False, "two people", 1)):
        axes.hist(found.similarity[found.same == same], bins.tolist(), density=True, histtype="step", color=look.series[place],  # noqa: E501
                  label=word, linewidth=1.6)  # fmt: skip
    if found.threshold is not None:
        axes.axvline(found.threshold, color=look.muted, linewidth=1, linestyle="--", label="threshold")
    name_axes(axes, look, "Similarity", "Density")
    explain(axes, look)
    return figure
