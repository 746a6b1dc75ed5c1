"""The part of a report that sets humans beside recognisers: figures and sections."""

from html import escape

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from workbench.labeling.report import comparison_plots, page
from workbench.labeling.report.page import Pictures, card, figure, gallery, section, table
from workbench.labeling.report.palette import LIGHT, Look
from workbench.labeling.statistics.analysis import Versus
from workbench.labeling.statistics.humans_models import PEOPLE

NAMES = {"who": "Judge", "group": "Group", "auc": "AUC", "low": "Low", "high": "High", "eer": "EER"} | {
    "same": "Same pairs",
    "different": "Different pairs",
    "tar@0.01": "TAR at FAR 1 %",
    "tar@0.1": "TAR at FAR 10 %",
}
AGAINST = {"truth": "true identity", "majority": "what most people said"}


def versus_figures(versus: Versus, look: Look = LIGHT) -> dict[str, Figure]:
    """Every figure that the comparison supports, by name."""
    made: dict[str, Figure] = {}
    for against, measured in versus.performance.items():
        made[f"roc_{against}"] = comparison_plots.roc(versus.comparison, against, look)
        if versus.comparison.groups:
            made[f"groups_{against}"] = comparison_plots.by_group(versus.comparison, measured, look)
    for against, gaps in versus.gaps.items():
        made[f"gaps_{against}"] = comparison_plots.gaps(versus.comparison, gaps, look)
    if len(versus.sizes):
        made["crowds"] = comparison_plots.crowds(versus.comparison, versus.sizes, look)
    if versus.calibration:
        made["calibration"] = comparison_plots.calibration(versus.calibration, versus.comparison, look)
    for who in versus.comparison.recognisers:
        made[f"scatter_{who}"] = comparison_plots.scatter(versus.comparison, who, look)
    return made


def versus_sections(versus: Versus, drawn: dict[str, Figure], pictures: Pictures | None) -> list[str]:
    """The sections of the page. drawn: figures for a page, by name. pictures: for the gallery."""
    lost = "; ".join(f"{count:,} pairs with {why}" for why, count in versus.comparison.left_out.items())
    words = f"{len(versus.comparison.table):,} pairs that people judged and every recogniser scored." + (
        f" Left out: {lost}." if lost else ""
    )
    parts = [page.paragraphs(words)]
    for against, measured in versus.performance.items():
        parts.append(f"<h3>Against {AGAINST[against]}</h3>" + (_ceiling(versus) if against == PEOPLE else ""))
        shown = [
            figure(drawn, f"roc_{against}", f"ROC against {AGAINST[against]}"),
            figure(drawn, f"groups_{against}", "AUC per group"),
        ]
        parts.append(page.grid([*shown, figure(drawn, f"gaps_{against}", "Gaps between groups")]))
        parts.append(card(table(measured, NAMES)))
        if against in versus.gaps:
            names = {"who": "Judge", "group": "Group", "rest": "Beside", "gap": "Gap", "low": "Low", "high": "High"}
            parts.append(
                card(
                    table(
                        versus.gaps[against],
                        names | {"beyond": "Beyond humans’", "beyond_low": "Low", "beyond_high": "High"},
                    )
                )
            )
    if len(versus.errors):
        parts.append(
            "<h3>One threshold for everybody</h3>"
            + page.paragraphs(
                "Recognisers at the threshold that keeps 1 % false accepts over all pairs; humans at the middle of "
                "their scale."
            )
        )
        names = {
            "who": "Judge",
            "group": "Group",
            "threshold": "Threshold",
            "far": "False accepts",
            "far_low": "Low",
            "far_high": "High",
        }
        parts.append(card(table(versus.errors, names | {"frr": "False rejects", "frr_low": "Low", "frr_high": "High"})))
    comparison = section("Humans and recognisers", "".join(parts))
    return [comparison, _together(versus, drawn), _calibration(versus, drawn), _gallery(versus, pictures)]


def _ceiling(versus: Versus) -> str:
    if not np.isfinite(versus.ceiling.value):
        return ""
    return page.paragraphs(
        f"One half of each pair’s raters predicts the majority of the other half with AUC {versus.ceiling.value:.3f} "
        f"(95 % of splits: "
        f"{versus.ceiling.low:.3f} to {versus.ceiling.high:.3f}). That is the human–human ceiling for so few raters."
    )


def _together(versus: Versus, drawn: dict[str, Figure]) -> str:
    best = versus.alone
    words = []
    if len(best):
        low, middle, high = best["auc"].min(), best["auc"].median(), best["auc"].max()
        words.append(f"Single raters range from AUC {low:.3f} to {high:.3f}, median {middle:.3f} ({len(best)} raters).")
    if not words and not len(versus.likeness):
        return ""
    body = page.grid([figure(drawn, "crowds", "Crowds of growing size")])
    names = {"who": "Recogniser", "all": "All pairs", "within_same": "Same only", "within_different": "Different only"}
    rank = page.paragraphs("Rank correlation (Spearman) of scores with people’s mean answer:") + card(
        table(versus.likeness, names)
    )
    return section("People alone and together", page.paragraphs(" ".join(words)) + body + rank)


def _calibration(versus: Versus, drawn: dict[str, Figure]) -> str:
    if not versus.calibration:
        return ""
    rows = [(who, kept.error, kept.brier) for who, kept in versus.calibration.items()]
    measured = card(
        table(
            pd.DataFrame(rows, columns=["who", "error", "brier"]),
            {"who": "Recogniser", "error": "Calibration error", "brier": "Brier score"},
        )
    )
    scatters = [
        figure(drawn, f"scatter_{who}", f"{who}: score beside people’s mean answer")
        for who in versus.comparison.recognisers
    ]
    return section(
        "Calibration",
        page.grid([figure(drawn, "calibration", "Score to P(same), measured out of fold"), *scatters]) + measured,
    )


def _gallery(versus: Versus, pictures: Pictures | None) -> str:
    parts = []
    for who, pairs in versus.disagreements.items():
        if len(pairs):
            parts.append(f"<h3>{escape(who)} and people</h3>" + gallery(pairs, pictures))
    return section("Where they disagree", "".join(parts)) if parts else ""
