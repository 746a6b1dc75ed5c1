"""The report: complete, self-contained, escaped, and truthful about what it could not compute."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.labeling.judged import judged
from workbench.labeling.report import palette as looks
from workbench.labeling.report.datasheet import datasheet
from workbench.labeling.report.report import report
from workbench.labeling.statistics import simulation
from workbench.labeling.statistics.analysis import analyse
from workbench.labeling.study.study import parse_study

STUDY = """
[study]
name = "t"
title = "Faces <script>alert(1)</script> & friends"
instructions = "Look."
{more}
[consent]
version = "2"
text = "Yes."
[items]
csv = "items.csv"
[demographics]
Age = ["under 40", "40 and over"]
"""


def study_of(task="same_different", more=""):
    return parse_study(STUDY.format(more=f'task = "{task}"\n{more}'), Path())


class Outside(HTMLParser):
    """Collects addresses a browser would open, and the balance of tags."""

    def __init__(self):
        super().__init__()
        self.addresses, self.open = [], []

    def handle_starttag(self, tag, attributes):
        self.addresses += [
            value
            for name, value in attributes
            if name in ("src", "href", "xlink:href") and not value.startswith(("data:", "#"))
        ]
        if tag not in ("meta", "img", "br", "link", "use", "path", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    n = 100
    items = pd.DataFrame(
        {
            "item": [f"p{i:03d}" for i in range(n)],
            "same": np.arange(n) % 2 == 0,
            "group": np.where(np.arange(n) % 4 < 2, "x", "y<b>"),
        }
    )
    raters = simulation.make_raters(14, 2, seed=1)
    table = simulation.simulate(items, raters, seed=1)
    facts = items.assign(
        truth=np.where(items["same"], "same", "different"), is_gold=items["item"].isin(table[table["is_gold"]]["item"])
    )
    scores = pd.DataFrame({"item": items["item"], "net & co": rng.normal(0, 1, n) + 2 * items["same"]})
    people = pd.DataFrame({"rater": [r.name for r in raters], "Age": ["under 40", "40 and over"] * 8})
    return study_of(), table, facts, scores, people


@pytest.fixture(scope="module")
def found(pairs):
    return analyse(*pairs, rounds=50)


@pytest.fixture(scope="module")
def written(found):
    return report(found, lambda item: [np.full((80, 60, 3), 200, np.uint8)] * 2, note="All <made> up.")


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script(written):
    page = Outside()
    page.feed(written.html)
    assert page.addresses == []
    assert page.open == []
    assert "<script" not in written.html
    assert not re.search(r"url\((?!#)", written.html)
    assert "@import" not in written.html


def test_titles_groups_and_recognisers_are_escaped(written):
    assert "Faces &lt;script&gt;alert(1)&lt;/script&gt; &amp; friends" in written.html
    assert "y&lt;b&gt;" in written.html
    assert "<b>y" not in written.html
    assert "net &amp; co" in written.html
    assert "All &lt;made&gt; up." in written.html


@pytest.mark.parametrize(
    "heading",
    [
        "The study",
        "Coverage",
        "Raters",
        "Agreement",
        "Aggregation",
        "Humans and recognisers",
        "Calibration",
        "Where they disagree",
        "Datasheet",
    ],
)
def test_every_section_is_there(written, heading):
    assert f"<h2>{heading}</h2>" in written.html


def test_the_figures_in_the_page_are_the_ones_handed_out(written):
    drawn = written.html.count("<svg role=")
    once = {"coverage", "times", "raters", "answers", "agreement", "crowds", "calibration", "scatter_net & co"}
    once |= {"session-time", "session-agrees", "break-time", "break-agrees"}
    twice = {f"{name}_{against}" for name in ("roc", "groups", "gaps") for against in ("truth", "majority")}
    assert set(written.figures()) == once | twice
    assert drawn == 18


def test_figures_take_their_colours_from_the_page_so_that_both_themes_can_be_read(written):
    assert "prefers-color-scheme:dark" in written.html
    for placeholder in (
        looks.PAGE.ink,
        looks.PAGE.muted,
        looks.PAGE.grid,
        *looks.PAGE.series,
        looks.PAGE.ok,
        looks.PAGE.bad,
    ):
        assert placeholder not in written.html
    colours = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", written.html))
    assert colours <= {"#ffffff"}


def test_no_two_figures_share_an_id(written):
    ids = re.findall(r'\bid="([^"]+)"', written.html)
    assert len(ids) == len(set(ids))


def test_a_figure_can_be_had_as_pixels(written):
    pixels = looks.as_pixels(written.figures(looks.DARK)["coverage"], dpi=50)
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    assert pixels.std() > 10


def test_faces_are_shown_only_when_a_function_gives_them(found, written):
    assert written.html.count("data:image/jpeg") == 2 * len(found.versus.disagreements["net & co"])
    assert "data:image" not in report(found).html


def test_the_head_counts_what_the_table_holds(pairs, found):
    _, table, facts, *_ = pairs
    counts = found.counts
    assert counts["judgements"] == len(table)
    assert counts["items"] == (~facts["is_gold"]).sum()
    assert counts["complete"] == counts["items"]
    assert (
        counts["aggregated"] == (~table["is_gold"] & ~table["is_repeat"] & ~table["rater"].isin(found.excluded)).sum()
    )


def test_excluded_raters_are_named_with_their_reason(found, written):
    assert found.excluded
    for verdict in found.verdicts:
        if verdict.verdict == "exclude":
            assert verdict.rater in written.html
            assert verdict.reasons[0].split("'")[0] in written.html


def test_raters_are_compared_by_their_own_answers(found):
    assert set(found.demographics["answer"]) == {"under 40", "40 and over"}
    assert set(found.demographics["group"]) == {"all", "x", "y<b>"}


def test_a_study_without_judgements_has_a_report_that_says_so():
    found = analyse(
        study_of(), judged([]), pd.DataFrame({"item": ["a"], "group": [""], "truth": [""], "is_gold": [False]})
    )
    assert "nothing to aggregate" in report(found).html
    assert found.counts["items"] == 1


def test_one_judgement_is_enough_for_a_report():
    items = pd.DataFrame({"item": ["a"], "group": [""], "truth": ["same"], "is_gold": [False]})
    found = analyse(
        study_of(), judged([("a", "r", "same_1")]), items, pd.DataFrame({"item": ["a"], "net": [0.3]}), rounds=5
    )
    assert any("agreement is unknown" in words for words in found.missing)
    assert any("not measured against truth" in words for words in found.missing)
    written = report(found)
    assert "agreement is unknown" in written.html
    assert "raters" not in written.figures(), "an empty figure of raters says nothing"
    assert "Raters: speed" not in written.html


@pytest.mark.parametrize(
    ("task", "more", "answers"),
    [
        ("similarity_7", "", ("2", "5", "6")),
        ("rating_5", 'attribute = "kind"', ("1", "4", "5")),
        ("category", 'attribute = "eyewear"\nchoices = ["none", "glasses"]', ("none", "glasses", "none")),
        ("triplet", "", ("image_2", "image_3", "image_2")),
        ("odd_one_out", "", ("image_1", "image_3", "image_2")),
    ],
)
def test_every_task_type_has_a_report(task, more, answers):
    rng = np.random.default_rng(0)
    cells = [(f"i{i}", f"r{r}", answers[rng.integers(3)]) for i in range(12) for r in range(4)]
    items = pd.DataFrame({"item": [f"i{i}" for i in range(12)], "group": "", "truth": "", "is_gold": False})
    items["pictures"] = [[(f"a{i}.png", ""), (f"b{i}.png", ""), ("c.png", "")] for i in range(12)]
    found = analyse(study_of(task, more), judged(cells, task), items, rounds=20)
    page = report(found)
    assert "<h2>Agreement</h2>" in page.html
    assert ("strengths" in page.tables) == (task in ("triplet", "odd_one_out"))


def test_the_datasheet_is_a_pure_function_of_study_and_counts():
    study = study_of()
    counts = {"judgements": 1234, "raters": 60, "excluded": 3}
    sheet = dict(datasheet(study, counts))
    assert "1,234 judgements by 60 raters" in sheet["Composition"]
    assert "3 raters are marked as excluded" in sheet["Cleaning"]
    assert "version 2" in sheet["Collection"]
    assert "Age (under 40, 40 and over)" in sheet["Collection"]
    assert "Not stated in the study file." in sheet["Motivation"]
    assert datasheet(study, counts) == datasheet(study, counts)


def everybody(raters, answer):
    return [(f"p{n}", f"r{r}", answer(n, r)) for n in range(12) for r in range(raters)]


FEW = {
    "one": [("p0", "r0", "same_3")],
    "all the same": everybody(3, lambda n, r: "same_3"),
    "one rater": everybody(1, lambda n, r: "same_1" if n % 2 else "different_2"),
    "no item twice": [(f"p{n}", f"r{n}", "same_3" if n % 2 else "different_3") for n in range(12)],
    "never agreed": everybody(2, lambda n, r: ("same_3", "different_3")[(n + r) % 2]),
    "skips": everybody(2, lambda n, r: "skip"),
}
SCORES = {
    "no scores": None,
    "equal scores": pd.DataFrame({"item": [f"p{n}" for n in range(12)], "net": 1.0}),
    "no faces": pd.DataFrame({"item": [f"p{n}" for n in range(12)], "net": np.nan}),
    "other items": pd.DataFrame({"item": ["elsewhere"], "net": [0.5]}),
}


@pytest.mark.parametrize("scores", SCORES)
@pytest.mark.parametrize("answers", FEW)
def test_what_cannot_be_computed_is_a_dash_and_never_nan(answers, scores):
    """A tile said "nan" where everybody had given one answer."""
    items = pd.DataFrame(
        {
            "item": [f"p{n}" for n in range(12)],
            "group": [f"g{n % 2}" for n in range(12)],
            "truth": ["same" if n % 3 else "different" for n in range(12)],
            "is_gold": False,
        }
    )
    page = report(analyse(study_of(), judged(FEW[answers], group="g0"), items, SCORES[scores], rounds=50)).html
    words = re.sub(r"data:[^\"']*", "", page)
    assert re.findall(r".{40}(?<![a-z])(?:nan|inf)(?![a-z]).{20}", words, re.IGNORECASE | re.DOTALL) == []


@pytest.mark.parametrize("question", ["group", "right", "item", "answer", "value"])
def test_a_question_called_like_a_column_of_ours_does_not_end_the_report(question):
    study = parse_study(STUDY.format(more='task = "same_different"').replace("Age =", f"{question} ="), Path())
    items = pd.DataFrame({"item": [f"p{n}" for n in range(12)], "group": "g", "truth": "same", "is_gold": False})
    people = pd.DataFrame({"rater": ["r0", "r1"], question: ["under 40", "40 and over"]})
    table = judged(everybody(2, lambda n, r: "same_3" if r else "different_3"), group="g")
    found = analyse(study, table, items, None, people, rounds=20).demographics
    assert found.set_index(["answer", "group"])["accuracy"].to_dict() == {
        ("40 and over", "all"): 1.0,
        ("40 and over", "g"): 1.0,
        ("under 40", "all"): 0.0,
        ("under 40", "g"): 0.0,
    }
