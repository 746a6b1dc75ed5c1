"""One self-contained HTML page about a study: facts, coverage, raters, agreement, aggregation, humans beside
recognisers, datasheet.

No script, no font and no picture from elsewhere; readable in light and dark, on a phone and on paper. It shows faces
only when it is handed a function that gives them.
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from workbench.errors import WorkbenchError
from workbench.images import decode, limit
from workbench.labeling.report import page, plots
from workbench.labeling.report.datasheet import datasheet
from workbench.labeling.report.definitions import DEFINITIONS
from workbench.labeling.report.page import Pictures, card, figure, section, table, tiles
from workbench.labeling.report.palette import LIGHT, PAGE, Look
from workbench.labeling.report.report_adjudication import adjudication_section
from workbench.labeling.report.report_forms import fooled_section, form_figures, form_section
from workbench.labeling.report.report_labels import labels_figure, labels_section
from workbench.labeling.report.report_ranking import ranking_figure, ranking_section
from workbench.labeling.report.report_sessions import session_figures, session_section
from workbench.labeling.report.report_versus import versus_figures, versus_sections
from workbench.labeling.statistics import quality
from workbench.labeling.statistics.analysis import Analysis
from workbench.labeling.statistics.judgements import given, is_imported, kinds, milliseconds
from workbench.labeling.statistics.quality import Verdict
from workbench.labeling.study.items import inside
from workbench.labeling.study.study import Study
from workbench.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """html: the page. tables: name → DataFrame, as printed but unrounded. analysis: what it was written from."""

    html: str
    tables: dict[str, pd.DataFrame]
    analysis: Analysis

    def figures(self, look: Look = LIGHT) -> dict[str, Figure]:
        """The page's figures by name, drawn anew in a look."""
        return figures(self.analysis, look)

    def save(self, path: Path) -> Path:
        """Write the page as UTF-8."""
        path.write_text(self.html, encoding="utf-8")
        return path


def report(found: Analysis, pictures: Pictures | None = None, note: str = "") -> Report:
    """Write up an analysis. pictures: for the gallery of disagreements. note: printed on top, for example that raters
    were simulated."""
    drawn = figures(found, PAGE)
    sections = [
        _head(found, note),
        _facts(found),
        _editions(found),
        _coverage(found, drawn),
        _raters(found, drawn),
        session_section(found, drawn),
        _agreement(found, drawn),
        _aggregation(found),
        *([adjudication_section(found.adjudicated, found.study.adjudication)] if found.adjudicated else []),
        *([labels_section(found.labelled, drawn)] if found.labelled else []),
        *([form_section(found.formed, drawn, pictures)] if found.formed else []),
        *([fooled_section(found.fooled)] if len(found.fooled) else []),
        *([ranking_section(found.ranking, drawn)] if found.ranking else []),
        *(versus_sections(found.versus, drawn, pictures) if found.versus else []),
        _missing(found),
        section("Datasheet", page.definitions(datasheet(found.study, found.counts))),
        section("How the figures are computed", page.definitions(DEFINITIONS)),
    ]
    return Report(page.page(found.study.title, "".join(sections)), tables(found), found)


def pictures_of(study: Study, items: pd.DataFrame) -> Pictures:
    """The pictures of a study's items as models get them, at most 400 pixels wide or high; none where a file is gone.

    items: column pictures, as `Store.items` gives it. Who gets the page sees the faces: ask for them on purpose only.
    """
    settings = Settings(cache=Path(), data=Path())
    files = {
        str(item): [picture[0] for picture in pictures]
        for item, pictures in zip(items["item"], items["pictures"], strict=True)
    }

    def pictures(item: str) -> list[np.ndarray]:
        try:
            return [limit(decode(inside(study.folder, file), settings), 400) for file in files.get(item, [])]
        except (WorkbenchError, OSError):
            return []

    return pictures


def figures(found: Analysis, look: Look = LIGHT) -> dict[str, Figure]:
    """Every figure that the analysis supports, by name."""
    said = given(found.judgements)
    made: dict[str, Figure] = {}
    if len(said):
        per_item = (
            found.rows.groupby("item")
            .size()
            .reindex(found.items[~found.items["is_gold"].astype(bool)]["item"].astype(str))
            .fillna(0)
        )
        made["coverage"] = plots.coverage(per_item.to_numpy(), found.study.assigning.raters_per_item, look)
        made["times"] = plots.times(milliseconds(said), found.study.exclusion.floor_ms, look)
        verdicts = quality.as_table(found.verdicts)
        if verdicts[["agreement", "seconds"]].notna().all(axis=1).any():  # drawn answers agree in another way
            made["raters"] = plots.raters(verdicts, found.study.exclusion.agreement, look)
        if found.study.answers and not found.study.task.choose_image:
            made["answers"] = plots.answers(
                said.assign(answer=kinds(said)) if found.formed else said, found.study.answers, look
            )
    if found.ceiling and found.halves:
        made["agreement"] = plots.agreement(found.alphas, found.ceiling, found.halves, look)
    if found.labelled:
        made["labels"] = labels_figure(found.labelled, look)
    if found.course:
        made |= session_figures(found.course, look)
    if found.formed:
        made |= form_figures(found.formed, look)
    if found.ranking:
        made["ranking"] = ranking_figure(found.ranking, look)
    return made | (versus_figures(found.versus, look) if found.versus else {})


def tables(found: Analysis) -> dict[str, pd.DataFrame]:
    """Every table of the page, by name, unrounded."""
    made = {
        "raters": quality.as_table(found.verdicts),
        "accuracy": found.accuracy,
        "strengths": found.strengths,
        "demographics": found.demographics,
        "labels": found.labelled.table if found.labelled else pd.DataFrame(),
        "ranking": found.ranking.table if found.ranking else pd.DataFrame(),
        "measures": found.formed.measures if found.formed else pd.DataFrame(),
        "items": found.formed.per_item if found.formed else pd.DataFrame(),
        "fooled": found.fooled,
        "sessions": found.course.over if found.course else pd.DataFrame(),
        "shares": found.shares,
        "disputed": found.adjudicated.items if found.adjudicated else pd.DataFrame(),
        "deciders": found.adjudicated.who if found.adjudicated else pd.DataFrame(),
        "editions": found.editions,
        "ability": found.ability.raters if found.ability else pd.DataFrame(),
    }
    if found.versus:
        made |= {f"performance_{against}": measured for against, measured in found.versus.performance.items()}
        made |= {f"gaps_{against}": gaps for against, gaps in found.versus.gaps.items()}
        made |= {"errors": found.versus.errors, "likeness": found.versus.likeness, "alone": found.versus.alone}
        made |= {f"disagreements_{who}": pairs for who, pairs in found.versus.disagreements.items()}
    return {name: frame for name, frame in made.items() if len(frame)}


def _head(found: Analysis, note: str) -> str:
    counts = found.counts
    alpha = found.alphas.get("ordinal") or found.alphas.get("nominal")
    items = [
        (f"{counts['judgements']:,}", "judgements"),
        (
            f"{counts['complete']:,} of {counts['items']:,}",
            f"items with {found.study.assigning.raters_per_item} raters",
        ),
        (f"{counts['raters']:,}", f"raters, {counts['excluded']} excluded"),
        (page.number(alpha.value, 2) if alpha else "–", "Krippendorff’s alpha"),
    ]
    banner = f'<p class="note">{escape(note)}</p>' if note else ""
    return (
        f'<header><p class="kicker">Study report</p><h1>{escape(found.study.title)}</h1>{banner}{tiles(items)}</header>'
    )


def _facts(found: Analysis) -> str:
    study, counts = found.study, found.counts
    when = found.judgements["answered_at"].astype(str).str.replace("T", " ")
    brought = int(is_imported(found.judgements).sum())
    rows = [
        ("Question", study.question),
        ("Task", study.task.title),
        ("Answers", " · ".join(answer.title for answer in study.answers if study.task.picks == 1) or "two pictures"),
        ("Collected", f"{when.min()[:16]} to {when.max()[:16]}" if len(when) else "nothing yet"),
        (
            "Judgements",
            f"{counts['judgements']:,}, of these {counts['gold']:,} on gold items and {counts['repeats']:,} repeats",
        ),
        (
            "Set aside",
            f"{counts['skips']:,} skipped, {counts['void']:,} with the picture marked broken or the person known",
        ),
        *([("Imported", f"{brought:,} of the judgements come from another tool")] if brought else []),
        ("Aggregated", f"{counts['aggregated']:,} first answers of raters who are not excluded, without gold"),
        ("Study file", f"{study.name}, sha256 {study.sha256[:16]}…"),
    ]
    return section("The study", page.facts(rows))


def _editions(found: Analysis) -> str:
    if not len(found.editions):
        return ""
    words = (
        "The study was edited while it ran. Each answer belongs to the edition that was in force when its item was "
        "handed out; answers about an item as it was before its pictures changed are kept, and left out of every "
        "figure here."
    )
    names = {"number": "Edition", "since": "Since", "who": "By", "what": "Edited", "answers": "Answers"}
    return section("Editions", page.paragraphs(words) + card(table(found.editions, names | {"left_out": "Left out"})))


def _coverage(found: Analysis, drawn: dict[str, Figure]) -> str:
    parts = [
        figure(drawn, "coverage", "Judgements that aggregate, per item"),
        figure(drawn, "answers", "Answers given"),
    ]
    parts.append(figure(drawn, "times", "Response times of all answers, and the rule’s floor"))
    return section("Coverage", page.grid(parts))


def _raters(found: Analysis, drawn: dict[str, Figure]) -> str:
    told = [_doubted(verdict) for verdict in found.verdicts if verdict.verdict != "ok"]
    fine = [_row(verdict) for verdict in found.verdicts if verdict.verdict == "ok"]
    text = page.paragraphs(
        "Each rater passes six checks: gold, speed, patterns, sides, repeats, and agreement with the others. A failed "
        "check excludes a "
        "rater from aggregation, a doubtful one flags; a check that could not be made counts for nothing. Excluded "
        "answers stay."
    )
    listed = page.grid(told) if told else page.paragraphs("Nobody is flagged or excluded.")
    names = ["Rater", "Answers", "Seconds", "Gold", "Repeats alike", "Agreement"]
    others = page.folded(f"{len(fine)} raters without a doubt", page.raw_table(names, fine)) if fine else ""
    return section(
        "Raters", text + page.grid([figure(drawn, "raters", "Raters: speed, agreement and verdict")]) + listed + others
    )


def _doubted(verdict: Verdict) -> str:
    name, answers, seconds, *_ = _row(verdict)
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in verdict.reasons)
    return card(
        f"<p>{page.chip(verdict.verdict)} {name}, {answers} answers, median {seconds}&nbsp;s</p><ul>{reasons}</ul>"
    )


def _row(verdict: Verdict) -> list[str]:
    measured = [page.number(verdict.check(name).found.value, 2) for name in ("gold", "consistency", "agreement")]
    return [
        f"<code>{escape(verdict.rater[:12])}</code>",
        str(verdict.judged),
        page.number(verdict.seconds, 1),
        *measured,
    ]


def _agreement(found: Analysis, drawn: dict[str, Figure]) -> str:
    if not found.alphas or found.raw is None or found.ceiling is None or found.halves is None:
        return ""
    unit = "share of equal answers" if found.ceiling.unit == "agreement" else "correlation"
    rows = [(f"Krippendorff’s alpha, {level}", value) for level, value in found.alphas.items()]
    rows += [("Chance that two raters give the same class", found.raw)]
    rows += [(f"Split half ({found.halves.unit})", found.halves.halves)]
    rows += [("Split half, stepped up to all raters", found.halves.full)] if found.halves.full else []
    rows += [
        (f"Noise ceiling, lower ({unit})", found.ceiling.lower),
        (f"Noise ceiling, upper ({unit})", found.ceiling.upper),
    ]
    body = page.raw_table(
        ["Measure", "Value", "95 % interval"], [[escape(name), *page.interval_cells(value)] for name, value in rows]
    )
    return section("Agreement", page.grid([figure(drawn, "agreement", "Agreement between raters"), body]))


def _aggregation(found: Analysis) -> str:
    parts = []
    if len(found.majority):
        tied, unanimous = int(found.majority["tied"].sum()), int((found.majority["share"] == 1).sum())
        parts.append(
            page.paragraphs(
                f"{len(found.majority):,} items have an aggregate; {unanimous:,} are unanimous and {tied:,} are tied."
            )
        )
    if len(found.accuracy):
        known = found.accuracy["items"].iloc[0]
        parts.append(page.paragraphs(f"Of {known:,} items the truth is known. A tie counts as half right."))
        parts.append(
            card(
                table(
                    found.accuracy,
                    {
                        "method": "Method",
                        "accuracy": "Accuracy",
                        "low": "Low",
                        "high": "High",
                        "right": "Right",
                        "tied": "Tied",
                        "items": "Items",
                    },
                )
            )
        )
    if len(found.strengths):
        parts.append("<h3>Most alike pairs (Bradley–Terry)</h3>" + card(table(found.strengths.head(20))))
    if len(found.demographics):
        names = {
            "question": "Question",
            "answer": "Raters",
            "group": "Pairs of",
            "raters": "Raters (n)",
            "judged": "Judged",
            "accuracy": "Right",
        }
        parts.append(
            "<h3>Raters by their own answers</h3>"
            + card(table(found.demographics, names | {"low": "Low", "high": "High"}))
        )
    return section("Aggregation", "".join(parts)) if parts else ""


def _missing(found: Analysis) -> str:
    return section("Not computed", page.listing(found.missing)) if found.missing else ""
