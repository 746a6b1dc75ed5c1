"""People beside models that give labels: figures by hand, ceilings, groups, and the words of a wrong column."""

import numpy as np
import pandas as pd
import pytest

from tests.labeling.judged import judged
from workbench.errors import StudyError
from workbench.evaluation.item_labels import label_items
from workbench.images import encode_png
from workbench.labeling.report.report import report
from workbench.labeling.statistics.analysis import analyse
from workbench.labeling.statistics.labels_models import PEOPLE, compare
from workbench.labeling.statistics.scores import read_labels
from workbench.labeling.study.study import parse_study

STUDY = """
[study]
name = "faces"
title = "Faces"
task = "category"
attribute = "which expression"
choices = ["happy", "sad", "neutral"]
instructions = "Choose."
[consent]
version = "1"
text = "c"
[items]
folder = "faces"
"""


def rows_of(answers: dict[str, str]) -> pd.DataFrame:
    """h, s and n for each rater of an item."""
    words = {"h": "happy", "s": "sad", "n": "neutral"}
    return judged([(i, f"r{n}", words[c]) for i, text in answers.items() for n, c in enumerate(text)], "category")


def items_of(names, groups=None) -> pd.DataFrame:
    groups = groups or [""] * len(names)
    return pd.DataFrame({"item": names, "group": groups, "truth": "", "is_gold": False})


def test_accuracy_against_the_majority_and_against_soft_labels():
    rows = rows_of({"a": "hhhs", "b": "ssss", "c": "hhss"})
    said = pd.DataFrame({"item": ["a", "b", "c"], "m": ["happy", "happy", "sad"]})
    found = compare(rows, items_of(["a", "b", "c"]), said, rounds=200).table.set_index("who")
    assert found.loc["m", "accuracy"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert found.loc["m", "soft"] == pytest.approx((0.75 + 0 + 0.5) / 3)
    assert found.loc["m", "low"] <= found.loc["m", "accuracy"] <= found.loc["m", "high"]
    # one more person: a: three of four meet the others' happy; b: all; c: each meets two others of the other kind
    assert found.loc[PEOPLE, "accuracy"] == pytest.approx((0.75 + 1 + 0) / 3)
    assert found.loc[PEOPLE, "soft"] == pytest.approx(((3 * 2 / 3) / 4 + 1 + 1 / 3) / 3)


def test_groups_have_figures_of_their_own_and_missing_answers_are_counted():
    names = [f"i{n:02d}" for n in range(24)]
    rows = rows_of(dict.fromkeys(names, "hhs"))
    said = pd.DataFrame({"item": names, "m": ["happy"] * 12 + ["sad"] * 11 + [""]})
    found = compare(rows, items_of(names, ["old"] * 12 + ["young"] * 12), said, rounds=50)
    table = found.table[found.table["who"] == "m"].set_index("group")
    assert (table.loc["old", "accuracy"], table.loc["young", "accuracy"]) == (1.0, 0.0)
    assert found.left_out == {"m": 1}
    assert table.loc["", "items"] == 23


def test_a_model_that_doubts_where_people_doubt_is_told_from_one_that_does_not():
    names = [f"i{n:02d}" for n in range(20)]
    rows = rows_of({name: "hhhh" if n < 10 else "hhss" for n, name in enumerate(names)})
    said = pd.DataFrame({"item": names, "wise": "happy", "wise certainty": [0.9] * 10 + [0.5] * 10})
    said = said.assign(**{"other": "happy", "other certainty": [0.5] * 10 + [0.9] * 10})
    table = compare(rows, items_of(names), said, rounds=20).table.set_index("who")["doubt"]
    assert table["wise"] > 0.99
    assert table["other"] < -0.99


def test_labels_in_other_words_than_the_study_s_are_refused(tmp_path):
    rows = rows_of({"a": "hh"})
    with pytest.raises(StudyError, match=r"m says Freude; people were asked happy"):
        compare(rows, items_of(["a"]), pd.DataFrame({"item": ["a"], "m": ["Freude"]}))
    (tmp_path / "l.csv").write_text("item,m,m certainty\na,happy,0.5\nb,,\n")
    read = read_labels(tmp_path / "l.csv")
    assert read["m"].tolist() == ["happy", ""]
    assert read["m certainty"].iloc[0] == 0.5
    (tmp_path / "l.csv").write_text("item,m,m certainty\na,happy,much\n")
    with pytest.raises(StudyError, match="finite number"):
        read_labels(tmp_path / "l.csv")


def test_an_expression_model_labels_a_study_s_pictures_and_stands_in_its_report(tmp_path, bench, astronaut):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces/a.png").write_bytes(encode_png(astronaut))
    (tmp_path / "faces/b.png").write_bytes(encode_png(np.zeros((64, 64, 3), np.uint8)))
    study = parse_study(STUDY, tmp_path)
    items = items_of(["a", "b"]).assign(pictures=[[("faces/a.png", "")], [("faces/b.png", "")]])
    model = bench.first("expression").id
    labels, notes = label_items(study, items, [model], bench)
    assert labels[model].tolist() == ["happy", ""]
    assert 0.3 < labels[f"{model} certainty"].iloc[0] <= 1
    assert len(notes) == 1
    found = analyse(study, rows_of({"a": "hhh", "b": "sns"}), items, rounds=50, predictions=labels)
    page = report(found)
    assert "People and models: labels" in page.html
    assert page.tables["labels"].set_index("who").loc[model, "accuracy"] == 1.0
