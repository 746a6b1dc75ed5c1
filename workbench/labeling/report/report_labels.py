"""The report's section on models that give labels, beside people."""

from html import escape

from matplotlib.figure import Figure

from workbench.labeling.report import page, plots
from workbench.labeling.report.page import card, figure, section, table
from workbench.labeling.report.palette import LIGHT, Look, draw, name_axes
from workbench.labeling.statistics.labels_models import PEOPLE, Labelled
from workbench.metrics.roc import Interval


def labels_figure(found: Labelled, look: Look = LIGHT) -> Figure:
    """Accuracy of every judge with intervals, of all items and per group."""
    rows = found.table
    drawn, axes = draw(look, 0.9 + 0.3 * len(rows))
    names = [f"{row.who}, {row.group}" if row.group else str(row.who) for row in rows.itertuples()]
    plots.forest(
        axes, look, names, [Interval(row.accuracy, row.low, row.high) for row in rows.itertuples()], look.colour(0)
    )
    axes.set_xlim(0, 1.02)
    name_axes(axes, look, "Share of items, 95 % interval", "")
    return drawn


def labels_section(found: Labelled, drawn: dict[str, Figure]) -> str:
    """Words, figure, table, and where each model and people part."""
    lost = "; ".join(f"{count} without an answer of {model}" for model, count in found.left_out.items() if count)
    words = (
        f"{found.items:,} items that people labelled{f' ({lost})' if lost else ''}. “{PEOPLE}” is each rater against "
        "the others: what a model can be asked to reach. Soft: the mean share of people who gave the judge’s label. "
        "Doubt: whether a model is less sure where people disagree (rank correlation)."
    )
    names = {"who": "Judge", "group": "Group", "items": "Items", "accuracy": "Majority", "low": "Low", "high": "High"}
    names |= {"soft": "Soft", "soft_low": "Low (soft)", "soft_high": "High (soft)", "doubt": "Doubt"}
    parts = [
        page.paragraphs(words),
        page.grid([figure(drawn, "labels", "People’s majority label"), card(table(found.table, names))]),
    ]
    for model, counts in found.confusion.items():
        head = ["People say", *map(str, counts.columns)]
        rows = [
            [escape(str(name)), *(f"{n:,}" for n in row)]
            for name, row in zip(counts.index, counts.to_numpy(), strict=True)
        ]
        parts.append(page.folded(f"{model}: its labels by people’s", page.raw_table([escape(h) for h in head], rows)))
    return section("People and models: labels", "".join(parts))
