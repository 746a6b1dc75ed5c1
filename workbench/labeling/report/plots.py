"""Figures of a study: coverage, response times, raters, answers, agreement. Each returns a matplotlib figure; none
knows of a page."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from workbench.labeling.report.palette import LIGHT, Look, draw, explain, name_axes
from workbench.labeling.statistics.agreement import Ceiling, SplitHalf
from workbench.labeling.study.tasktypes import Answer
from workbench.metrics.roc import Interval

MARKS = {"ok": "o", "flag": "^", "exclude": "X"}


def coverage(counts: np.ndarray, wanted: int, look: Look = LIGHT) -> Figure:
    """How many items have how many judgements. counts: (items,) judgements of every item. wanted: the study's
    number."""
    figure, axes = draw(look, 2.7)
    levels = np.bincount(np.asarray(counts, dtype=int), minlength=wanted + 1)
    bars = axes.bar(
        np.arange(len(levels)),
        levels,
        width=0.72,
        color=[look.flag if n < wanted else look.colour(0) for n in range(len(levels))],
    )
    axes.bar_label(bars, [str(n) if n else "" for n in levels], color=look.ink, fontsize=8.5, padding=2)
    axes.grid(False, axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(y=0.12)
    name_axes(axes, look, f"Judgements per item (wanted: {wanted})", "Items")
    return figure


def times(milliseconds: np.ndarray, floor_ms: int, look: Look = LIGHT) -> Figure:
    """Response times on a log scale, with the rule's floor; NaN where none is known."""
    figure, axes = draw(look, 2.7)
    known = np.asarray(milliseconds, dtype=float)
    seconds = np.maximum(known[np.isfinite(known)], 10) / 1000
    edges = np.geomspace(min(0.2, seconds.min(initial=0.2)), max(20.0, seconds.max(initial=20.0)), 36)
    axes.hist(seconds, bins=list(edges), color=look.colour(0))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([0.2, 0.5, 1, 2, 5, 10, 20, 60]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(floor_ms / 1000, color=look.bad, linewidth=1.4, linestyle=(0, (4, 2)))
    axes.annotate(
        f"floor {floor_ms} ms",
        (floor_ms / 1000, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, -9),
        textcoords="offset points",
        color=look.bad,
        fontsize=8.5,
    )
    axes.grid(False, axis="x")
    name_axes(axes, look, "Response time, seconds (log scale)", "Answers")
    return figure


def raters(verdicts: pd.DataFrame, rule: float, look: Look = LIGHT) -> Figure:
    """Raters by speed and agreement, marked by verdict. verdicts: the table of `quality.as_table`. rule: lowest
    accepted agreement."""
    figure, axes = draw(look)
    colours = {"ok": look.ok, "flag": look.flag, "exclude": look.bad}
    for verdict, mark in MARKS.items():
        part = verdicts[(verdicts["verdict"] == verdict) & verdicts["agreement"].notna()]
        if len(part):
            label = f"{verdict} ({len(part)})"
            axes.scatter(
                part["seconds"], part["agreement"], s=34, marker=mark, color=colours[verdict], linewidths=0, label=label
            )
    axes.axhline(rule, color=look.muted, linewidth=1, linestyle=(0, (4, 2)))
    name_axes(axes, look, "Median response time, seconds", "Agreement with the others")
    axes.margins(0.08)
    explain(axes, look)
    return figure


def answers(rows: pd.DataFrame, offered: tuple[Answer, ...], look: Look = LIGHT) -> Figure:
    """How often each answer was given, as shares of all."""
    figure, axes = draw(look, 0.9 + 0.3 * len(offered))
    share = rows["answer"].value_counts(normalize=True)
    values = [100 * float(share.get(answer.key, 0.0)) for answer in offered]
    bars = axes.barh(np.arange(len(offered)), values, height=0.66, color=look.colour(0))
    axes.bar_label(bars, [f"{value:.0f} %" for value in values], color=look.ink, fontsize=8.5, padding=3)
    axes.set_yticks(np.arange(len(offered)), [answer.title for answer in offered], color=look.ink)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.margins(x=0.14)
    name_axes(axes, look, "Share of answers, %", "")
    return figure


def agreement(alphas: Mapping[str, Interval], ceiling: Ceiling, halves: SplitHalf, look: Look = LIGHT) -> Figure:
    """Alpha at each level, split-half and noise ceiling as points with intervals."""
    rows = [(f"alpha, {level}", found) for level, found in alphas.items()]
    rows += [("split half", halves.halves), *([("stepped up", halves.full)] if halves.full else [])]
    rows += [("ceiling, lower", ceiling.lower), ("ceiling, upper", ceiling.upper)]
    figure, axes = draw(look, 0.8 + 0.3 * len(rows))
    forest(axes, look, [name for name, _ in rows], [found for _, found in rows], look.colour(0))
    axes.set_xlim(min(0.0, *(found.low for _, found in rows if np.isfinite(found.low)), 0.0), 1.02)
    name_axes(axes, look, "Value and 95 % interval", "")
    return figure


def forest(
    axes: Axes, look: Look, names: list[str], found: list[Interval], colour: str, shift: float = 0.0, label: str = ""
) -> None:
    """Points with intervals, one row per name, the first on top."""
    place = np.arange(len(names)) + shift
    values = np.array([[one.value, one.low, one.high] for one in found], dtype=float).T
    axes.hlines(place, values[1], values[2], color=colour, linewidth=1.6)
    axes.plot(values[0], place, "o", color=colour, markersize=5, label=label or None)
    axes.set_yticks(np.arange(len(names)), names, color=look.ink)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(False, axis="y")
