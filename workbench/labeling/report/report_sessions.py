"""The report's section on sessions: how raters fare over time, pay, shares under adaptive choice, ability."""

import pandas as pd
from matplotlib.figure import Figure

from workbench.labeling.report import page
from workbench.labeling.report.page import card, figure, section, table
from workbench.labeling.report.palette import LIGHT, Look, draw, name_axes
from workbench.labeling.statistics.analysis import Analysis
from workbench.labeling.statistics.sessions import Course, Paid


def session_figures(found: Course, look: Look = LIGHT) -> dict[str, Figure]:
    """Time and agreement over the session and since the last break."""
    made = {
        "session-time": _line(found.over, "seconds", "Answers given so far", "Seconds an answer", look),
        "break-time": _line(found.within, "seconds", "Answers since the last break", "Seconds an answer", look),
    }
    if found.over["agrees"].notna().any():
        made["session-agrees"] = _line(found.over, "agrees", "Answers given so far", "Agreement with the others", look)
        made["break-agrees"] = _line(
            found.within, "agrees", "Answers since the last break", "Agreement with the others", look
        )
    return made


def session_section(found: Analysis, drawn: dict[str, Figure]) -> str:
    """Figures, what changed, time and pay, weighted shares, ability."""
    parts = []
    if found.course:
        parts.append(page.listing(found.course.words))
        names = ("session-time", "session-agrees", "break-time", "break-agrees")
        over, since = "over the session", "since the last break"
        captions = (f"Time {over}", f"Agreement {over}", f"Time {since}", f"Agreement {since}")
        parts.append(page.grid([figure(drawn, name, words) for name, words in zip(names, captions, strict=True)]))
    if found.paid:
        parts.append(page.facts(_pay(found.paid, found.study.crowd.currency)))
    if len(found.shares):
        parts.append(_weighted(found.shares))
    if found.ability:
        raters = found.ability.raters.assign(rater=found.ability.raters["rater"].str[:12])
        names_of = {"rater": "Rater", "answers": "Answers", "glad": "Ability (GLAD)", "mace": "Competence (MACE)"}
        parts.append(page.folded("Ability of raters", card(table(raters, names_of))))
        hardest = found.ability.items.head(20)
        parts.append(
            page.folded("Hardest items (GLAD)", card(table(hardest, {"item": "Item", "hardness": "Hardness"})))
        )
    return section("Sessions", "".join(parts)) if parts else ""


def _line(rows: pd.DataFrame, name: str, across: str, up: str, look: Look) -> Figure:
    drawn, axes = draw(look, 2.6)
    axes.fill_between(
        rows["step"], rows[f"{name}_low"], rows[f"{name}_high"], color=look.colour(0), alpha=0.25, linewidth=0
    )
    axes.plot(rows["step"], rows[name], "o-", color=look.colour(0), markersize=4, linewidth=1.6)
    low, high = axes.get_ylim()
    axes.set_ylim(min(0.0, low) if name == "seconds" else low, high)
    name_axes(axes, look, across, up)
    return drawn


def _pay(found: Paid, currency: str) -> list[tuple[str, str]]:
    facts = [("Time at work", f"{_range(found.minutes)} minutes, median of {found.raters} raters")]
    if found.hourly:
        money = f" {currency}" if currency else ""
        facts.append(
            ("Pay an hour", f"{_range(found.hourly)}{money}, median; a tenth had less than {found.least:.2f}{money}")
        )
    return facts


def _range(found: object) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"  # type: ignore[attr-defined]


def _weighted(found: pd.DataFrame) -> str:
    words = (
        "Items were chosen adaptively, so plain shares lean towards uncertain ones; weighted shares take the "
        f"stored propensity back. In effect {found.attrs.get('effective', float('nan')):.0f} judgements are left."
    )
    names = {"answer": "Answer", "plain": "Plain", "plain_low": "Low", "plain_high": "High", "weighted": "Weighted"}
    names |= {"weighted_low": "Low ", "weighted_high": "High "}
    return f"<h3>Shares of answers</h3>{page.paragraphs(words)}{card(table(found, names))}"
