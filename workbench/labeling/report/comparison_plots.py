"""Figures of humans beside recognisers: ROC, groups, gaps, crowds, scatter, calibration. Each returns a matplotlib
figure."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from workbench.labeling.report.palette import DASHES, LIGHT, Look, draw, explain, name_axes
from workbench.labeling.report.plots import forest
from workbench.labeling.statistics.humans_models import HUMANS, PEOPLE, TRUTH, Comparison
from workbench.metrics import roc as metrics
from workbench.metrics.calibration import Reliability
from workbench.metrics.roc import Interval

POINTS = 1500
"""More points than this are thinned out, evenly over the table, before they are drawn."""


def _colour(comparison: Comparison, who: str, look: Look) -> str:
    return look.ink if who == HUMANS else look.colour(comparison.recognisers.index(who))


def _dash(comparison: Comparison, who: str) -> object:
    return (
        "-"
        if who == HUMANS
        else DASHES[(comparison.recognisers.index(who) // 6 + comparison.recognisers.index(who)) % len(DASHES)]
    )


def roc(comparison: Comparison, against: str = TRUTH, look: Look = LIGHT) -> Figure:
    """ROC curves of humans and recognisers, FAR on a log scale, where verification is decided."""
    figure, axes = draw(look)
    table = comparison.known(against)
    outcome = table["same" if against == TRUTH else PEOPLE].to_numpy(dtype=bool)
    least = 1 / max(int((~outcome).sum()), 1)
    for who in comparison.who if against == TRUTH else comparison.recognisers:
        curve = metrics.roc(table[who].to_numpy(), outcome)
        label = f"{who}, AUC {metrics.auc(table[who].to_numpy(), outcome):.3f}"
        width = 2.2 if who == HUMANS else 1.7
        axes.step(
            np.maximum(curve.far, least / 2),
            curve.tar,
            where="post",
            color=_colour(comparison, who, look),
            linestyle=_dash(comparison, who),
            linewidth=width,
            label=label,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.set_xlim(least / 2, 1)
    axes.set_ylim(0, 1.02)
    name_axes(axes, look, "False accept rate (log scale)", "True accept rate")
    explain(axes, look, "lower right")
    return figure


def by_group(comparison: Comparison, figures: pd.DataFrame, look: Look = LIGHT) -> Figure:
    """AUC and interval per group. figures: from `humans_models.performance`."""
    groups = [group for group in ("all", *comparison.groups) if group in set(figures["group"])]
    judges = [who for who in comparison.who if who in set(figures["who"])]
    figure, axes = draw(look, 1.0 + len(groups) * (0.22 + 0.14 * len(judges)))
    for place, who in enumerate(judges):
        mine = figures[figures["who"] == who].set_index("group")
        found = [Interval(*(float(mine.loc[group, name]) for name in ("auc", "low", "high"))) for group in groups]
        shift = (place - (len(judges) - 1) / 2) * 0.7 / max(len(judges), 1)
        forest(axes, look, groups, found, _colour(comparison, who, look), shift, who)
    name_axes(axes, look, "AUC and 95 % interval", "")
    _legend_above(figure, axes, look, len(judges))
    return figure


def gaps(comparison: Comparison, found: pd.DataFrame, look: Look = LIGHT) -> Figure:
    """AUC in a group minus AUC in the rest, per judge. found: from `humans_models.gaps`."""
    names = [f"{group} − {rest}" for group, rest in dict.fromkeys(zip(found["group"], found["rest"], strict=True))]
    judges = list(dict.fromkeys(found["who"]))
    figure, axes = draw(look, 1.0 + max(len(names), 1) * (0.22 + 0.14 * len(judges)))
    axes.axvline(0, color=look.muted, linewidth=1)
    for place, who in enumerate(judges):
        mine = found[found["who"] == who]
        intervals = [Interval(row.gap, row.low, row.high) for row in mine.itertuples()]
        shift = (place - (len(judges) - 1) / 2) * 0.7 / max(len(judges), 1)
        forest(axes, look, names, intervals, _colour(comparison, who, look), shift, who)
    name_axes(axes, look, "Gap in AUC and 95 % interval", "")
    _legend_above(figure, axes, look, len(judges))
    return figure


def crowds(comparison: Comparison, sizes: pd.DataFrame, look: Look = LIGHT) -> Figure:
    """AUC of the mean answer of 1, 2, … raters beside each recogniser's. sizes: from `crowds.crowd_sizes`."""
    figure, axes = draw(look)
    axes.fill_between(sizes["raters"], sizes["low"], sizes["high"], color=look.ink, alpha=0.13, linewidth=0)
    axes.plot(sizes["raters"], sizes["auc"], "o-", color=look.ink, markersize=4, label="humans, mean of n")
    table = comparison.known(TRUTH)
    for who in comparison.recognisers:
        value = metrics.auc(table[who].to_numpy(), table["same"].to_numpy())
        axes.axhline(
            value, color=_colour(comparison, who, look), linestyle=_dash(comparison, who), linewidth=1.6, label=who
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    name_axes(axes, look, "Raters averaged", "AUC")
    _legend_above(figure, axes, look, 2)
    return figure


def scatter(comparison: Comparison, who: str, look: Look = LIGHT) -> Figure:
    """People's mean answer against a recogniser's score, same and different apart."""
    figure, axes = draw(look)
    table = comparison.table.iloc[:: max(1, len(comparison.table) // POINTS)]
    nudge = np.random.default_rng(0).uniform(-0.06, 0.06, len(table))
    kinds = {
        "same person": (table["same"] == 1, "o", look.colour(0)),
        "different people": (table["same"] == 0, "x", look.colour(1)),
    }
    kinds |= {"identity unknown": (table["same"].isna(), ".", look.muted)}
    for label, (inside, mark, colour) in kinds.items():
        if inside.any():
            x, y = table[who][inside], table[HUMANS][inside] + nudge[inside.to_numpy()]
            axes.scatter(
                x, y, s=13, marker=mark, color=colour, alpha=0.65, linewidths=0 if mark == "o" else 0.9, label=label
            )
    name_axes(axes, look, f"Score of {who}", "People's mean answer")
    explain(axes, look)
    return figure


def calibration(found: dict[str, Reliability], comparison: Comparison, look: Look = LIGHT) -> Figure:
    """Reliability diagram: how often it was the same person when a calibrated score said so. found: judge →
    reliability, out of fold."""
    figure, axes = draw(look)
    axes.plot([0, 1], [0, 1], color=look.muted, linewidth=1, linestyle=(0, (1, 2)))
    for who, kept in found.items():
        axes.plot(
            kept.said,
            kept.happened,
            "o",
            color=_colour(comparison, who, look),
            linestyle=_dash(comparison, who),
            markersize=4,
            linewidth=1.5,
            label=f"{who}, error {kept.error:.3f}",
        )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    name_axes(axes, look, "P(same) said", "Share that was the same")
    explain(axes, look, "upper left")
    return figure


def _legend_above(figure: Figure, axes, look: Look, columns: int) -> None:  # type: ignore[no-untyped-def]
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        frameon=False,
        fontsize=8.5,
        labelcolor=look.ink,
        ncols=min(columns, 3),
    )
