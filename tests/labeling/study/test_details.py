"""Answers that say more than a class have one spelling each, and what says something else is refused in words."""

import numpy as np
import pytest

from workbench.errors import BadRequest, StudyError
from workbench.labeling.study import details
from workbench.labeling.study.details import Feeling, check_detail
from workbench.labeling.study.study import asked_of, parse_study

STUDY = """
[study]
name = "s"
title = "S"
instructions = "i"
task = "{task}"
{more}
[consent]
version = "1"
text = "c"
[items]
csv = "items.csv"
"""


@pytest.mark.parametrize("seed", range(4))
def test_what_was_drawn_is_read_back_cell_by_cell(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((rng.integers(1, 65), rng.integers(1, 65))) < rng.choice([0.02, 0.5, 0.98])
    mask[0, 0] = True
    answer = details.drawing("drawn", mask)
    check_detail("attention", (), answer)
    assert (details.drawn(answer) == mask).all()


def test_an_empty_mask_is_a_correction_and_no_look():
    empty = np.zeros((3, 5), bool)
    assert details.drawing("corrected", empty) == "corrected#5x3:15"
    assert not details.drawn("corrected#5x3:15").any()
    with pytest.raises(BadRequest, match="not empty"):
        check_detail("attention", (), details.drawing("drawn", empty))


def test_the_parts_of_an_answer():
    assert details.feeling("happy#4,3,-1") == Feeling(4, 3, -1)
    assert details.units("coded#1,12,25") == (1, 12, 25)
    assert details.units("none") == ()
    assert details.points("placed#5000,2500;-") == [(0.5, 0.25), None]


@pytest.mark.parametrize(
    ("form", "asked", "answer"),
    [
        ("", (), "same_1#2"),
        ("expression", (), "happy"),
        ("expression", (), "happy#0,1,1"),
        ("expression", (), "neutral#1,0,0"),
        ("expression", (), "happy#3,5,0"),
        ("expression", (), "happy#3,-0,0"),
        ("expression", (), "happy#3,1,1 "),
        ("expression", (), "happy#３,1,1"),
        ("points", ("nose",), "placed#٣,4"),
        ("points", ("nose",), "placed#00003,4"),
        ("mask", (), "corrected#2x2:٤"),
        ("units", ("1", "12"), "coded#"),
        ("units", ("1", "12"), "coded#12,1"),
        ("units", ("1", "12"), "coded#1,1"),
        ("units", ("1", "12"), "coded#2"),
        ("units", ("1", "12"), "none#1"),
        ("points", ("a", "b"), "placed#1,2"),
        ("points", ("a", "b"), "placed#1,2;10001,0"),
        ("points", ("a", "b"), "placed#1,2;-1,0"),
        ("mask", (), "fine#2x2:4"),
        ("mask", (), "corrected#2x2:5"),
        ("mask", (), "corrected#2x2:2 0 2"),
        ("mask", (), "corrected#257x1:257"),
        ("mask", (), "corrected#2x2:1 x"),
        ("attention", (), "drawn#65x1:1 64"),
        ("attention", (), "drawn#" + "9" * 150_000),
    ],
    ids=lambda value: str(value)[:24],
)
def test_another_spelling_is_refused(form, asked, answer):
    with pytest.raises(BadRequest, match="answer: "):
        check_detail(form, asked, answer)


def test_a_study_names_its_points_or_units(tmp_path):
    def read(task, more):
        return parse_study(STUDY.format(task=task, more=more), tmp_path)

    assert asked_of(read("points", 'choices = ["nose", "chin"]'))[1] == {"name": "chin", "title": "chin", "key": "2"}
    assert [one["title"] for one in asked_of(read("action_units", 'choices = ["12", "4"]'))] == [
        "Brow lowerer",
        "Lip corner puller",
    ]
    assert len(asked_of(read("action_units", ""))) == 12
    assert read("expression", "").answer("happy#4,3,-1").key == "happy"
    assert read("expression", "").is_correct("happy#4,3,-1", "happy|surprise")
    for task, more, sentence in (
        ("points", "", "name the points"),
        ("action_units", 'choices = ["3"]', "no action unit '3'"),
        ("expression", 'choices = ["x", "y"]', "its own answers"),
    ):
        with pytest.raises(StudyError, match=sentence):
            read(task, more)
