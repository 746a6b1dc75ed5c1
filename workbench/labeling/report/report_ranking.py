"""The report's section on rankings: who is preferred, how surely, ties and the pull of a place."""

from html import escape

from matplotlib.figure import Figure

from workbench.labeling.report import page, plots
from workbench.labeling.report.page import card, figure, section, table
from workbench.labeling.report.palette import LIGHT, Look, draw, name_axes
from workbench.labeling.statistics.preference import Ranking
from workbench.metrics.roc import Interval

SHOWN = 25
"""Candidates in the figure; all are in the table."""


def ranking_figure(found: Ranking, look: Look = LIGHT) -> Figure:
    """Strengths with intervals, best on top."""
    rows = found.table.head(SHOWN)
    drawn, axes = draw(look, 0.9 + 0.32 * len(rows))
    values = [Interval(row.strength, row.low, row.high) for row in rows.itertuples()]
    plots.forest(axes, look, [str(name)[-32:] for name in rows["candidate"]], values, look.colour(0))
    axes.axvline(0, color=look.muted, linewidth=1, linestyle=(0, (4, 2)))
    name_axes(axes, look, "Strength (log odds) and 95 % interval", "")
    return drawn


def ranking_section(found: Ranking, drawn: dict[str, Figure]) -> str:
    """Words, figure, table and what ties and places did."""
    columns = {
        "candidate": "Candidate",
        "strength": "Strength",
        "low": "Low",
        "high": "High",
        "wins": "Beats another",
        "first": "First in",
        "comparisons": "Shown",
    }
    shown = found.table.assign(candidate=found.table["candidate"].astype(str))
    parts = [
        page.paragraphs(f"{escape(found.words())} {found.judgements:,} judgements of {found.raters:,} raters."),
        page.grid([figure(drawn, "ranking", "Preference"), card(table(shown, columns))]),
        page.facts(_facts(found)),
    ]
    if 2 <= len(found.beats) <= 12:
        head = ["Preferred to", *map(str, found.beats.columns)]
        rows = [
            [escape(str(name)), *(f"{count:g}" if name != other else "–" for other, count in row.items())]
            for name, row in found.beats.iterrows()
        ]
        parts.append(
            page.folded("How often each was preferred to each", page.raw_table([escape(h) for h in head], rows))
        )
    return section("Preference", "".join(parts))


def _facts(found: Ranking) -> list[tuple[str, str]]:
    facts = [("Ties", _percent(found.ties))] if found.ties else []
    facts += [("Choices of the leftmost place", f"{_percent(found.leftmost)}; by chance {1 / found.places:.0%}")]
    if found.place is not None:
        facts += [("Pull of the left place, log odds", f"{found.place} (taken out of the strengths)")]
    return facts


def _percent(share: Interval) -> str:
    return f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]"
