"""Which rows of a table of judgements count, and what they mean."""

import pytest

from tests.labeling.judged import judged
from workbench.errors import StudyError
from workbench.labeling.statistics.judgements import check_table, counted, given, kinds, latest, one_task, places
from workbench.labeling.study.tasktypes import display_order, find_task


def test_a_missing_column_is_named():
    with pytest.raises(StudyError, match="missing: flags, supersedes"):
        check_table(judged([("a", "r", "same_1")]).drop(columns=["flags", "supersedes"]))


def test_an_undone_row_is_gone_and_its_successor_stays():
    table = judged([("a", "r", "same_1"), ("a", "r", "different_1"), ("b", "r", "same_3")], supersedes=["", "j0", ""])
    assert latest(table)["label"].tolist() == ["j1", "j2"]


def test_an_undone_undo_leaves_only_the_last():
    table = judged([("a", "r", "same_1"), ("a", "r", "different_1"), ("a", "r", "same_3")], supersedes=["", "j0", "j1"])
    assert latest(table)["label"].tolist() == ["j2"]


def test_superseding_without_ids_is_an_error_not_a_guess():
    table = judged([("a", "r", "same_1"), ("a", "r", "same_2")], supersedes=["", "j0"])
    with pytest.raises(StudyError, match="column label"):
        latest(table.drop(columns="label"))


@pytest.mark.parametrize("flags", ["known", "blur,known", "broken, blur", ["broken"]])
def test_flagged_pictures_and_skips_say_nothing(flags):
    table = judged([("a", "r", "same_1"), ("b", "r", "skip"), ("c", "r", "same_1")], flags=["", "", ""])
    table.at[2, "flags"] = flags
    assert given(table)["item"].tolist() == ["a"]


def test_other_flags_do_not_void_an_answer():
    assert len(given(judged([("a", "r", "same_1")], flags="blur,late_focus"))) == 1


def test_what_counts_leaves_out_repeats_gold_and_excluded_raters():
    rows = [("a", "r", "same_1"), ("a", "r", "same_2"), ("g", "r", "same_1"), ("a", "bad", "same_1")]
    table = judged(rows, is_repeat=[False, True, False, False], is_gold=[False, False, True, False])
    assert counted(table, {"bad"})["label"].tolist() == ["j0"]
    assert counted(table, {"bad"}, gold=True)["label"].tolist() == ["j0", "j2"]


def test_levels_of_confidence_collapse_to_same_and_different():
    assert kinds(judged([("a", "r", "same_1"), ("b", "r", "different_3")])).tolist() == ["same", "different"]
    assert kinds(judged([("a", "r", "3")], "similarity_5")).tolist() == ["3"]


def test_two_tasks_in_one_table_are_refused():
    table = judged([("a", "r", "same_1"), ("b", "r", "same_1")], task_type=["same_different", "triplet"])
    with pytest.raises(StudyError, match="one task type, got 2"):
        one_task(table)


def test_places_undo_the_swap():
    triplet = judged(
        [("a", "r", "image_2"), ("b", "r", "image_2"), ("c", "r", "image_3")], "triplet", swapped=[False, True, True]
    )
    assert places(triplet)[0].tolist() == [0, 1, 0]
    odd = judged(
        [("a", "r", "image_1"), ("b", "r", "image_1"), ("c", "r", "image_2")],
        "odd_one_out",
        swapped=[False, True, True],
    )
    assert places(odd)[0].tolist() == [0, 2, 1]
    assert places(odd)[1] == 3


@pytest.mark.parametrize("task", ["triplet", "odd_one_out"])
def test_places_follow_the_seed_the_screen_was_drawn_from(task):
    shape = find_task(task)
    for seed in range(20):
        order = display_order(shape, seed)
        for image in range(shape.fixed, 3):
            row = judged([("a", "r", f"image_{image + 1}")], task, seed=seed, swapped=order != [0, 1, 2])
            assert order[shape.fixed + places(row)[0][0]] == image


def test_same_and_different_have_no_place():
    assert places(judged([("a", "r", "same_1")]))[1] == 0
