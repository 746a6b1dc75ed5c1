"""Rankings find who is better, say how surely, and are not fooled by ties and places."""

import itertools

import choix
import numpy as np
import pandas as pd
import pytest

from tests.labeling.judged import judged
from workbench.errors import StudyError
from workbench.labeling.statistics import preference
from workbench.labeling.statistics.preference import rank
from workbench.labeling.statistics.simulation import simulate_preferences

RATERS = [f"r{n}" for n in range(30)]


def items_of(members, fixed=0):
    pictures = [
        [(f"{item}-original.png", "")] * fixed + [(f"{item}-{n}.png", "", name) for n, name in enumerate(names)]
        for item, names in members.items()
    ]
    return pd.DataFrame({"item": list(members), "pictures": pictures})


def pairs_of(names, count=60):
    couples = list(itertools.combinations(names, 2))
    return {f"i{n}": couples[n % len(couples)] for n in range(count)}


def test_strengths_of_plain_comparisons_are_choix_s():
    rng = np.random.default_rng(1)
    members = pairs_of("abcd", 40)
    won = [(item, int(rng.integers(2))) for item in members]
    both_ways = [(item, f"r{side}", f"image_{place + 1}") for item, place in won for side in (0, 1)]
    rows = judged(both_ways, "more_of_two", swapped=[bool(n % 2) for n in range(2 * len(won))])
    found = rank(rows, items_of(members), rounds=5).table.set_index("candidate")["strength"]
    data = [("abcd".index(members[item][place]), "abcd".index(members[item][1 - place])) for item, place in won * 2]
    theirs = choix.opt_pairwise(4, data, alpha=preference.SHRINKAGE)
    np.testing.assert_allclose(found[list("abcd")], theirs - theirs.mean(), atol=2e-3)


@pytest.mark.parametrize("task", ["better_of_two", "better_with_original", "more_of_two", "best_worst"])
def test_the_better_candidates_are_found_with_intervals(task):
    strengths = {"good": 0.9, "middling": 0.0, "poor": -0.9, "worse": -1.2}
    members = {f"i{n}": tuple(strengths) for n in range(40)} if task == "best_worst" else pairs_of(strengths, 90)
    ties = 0.3 if "better" in task else 0.0
    rows = simulate_preferences(members, strengths, RATERS, task, ties=ties, left=0.0, seed=3)
    found = rank(rows, items_of(members, int(task == "better_with_original")), rounds=100)
    table = found.table.set_index("candidate")
    assert list(table.index[:2]) == ["good", "middling"]
    centre = np.mean(list(strengths.values()))
    inside = [table.loc[n, "low"] - 0.05 <= s - centre <= table.loc[n, "high"] + 0.05 for n, s in strengths.items()]
    assert sum(inside) >= 3
    assert table.loc["good", "first"] > 0.95
    assert (found.ties is not None) == ("better" in task)
    assert found.words().startswith("good is preferred")


def test_a_pull_to_the_left_does_not_move_the_ranking_and_is_told():
    members = {f"i{n}": ("a", "b") for n in range(120)}
    rows = simulate_preferences(members, {"a": 0.0, "b": 0.0}, RATERS, "better_of_two", ties=0.2, left=1.0, seed=5)
    found = rank(rows, items_of(members), rounds=100)
    assert found.place.low > 0.5
    assert found.leftmost.low > 0.55
    row = found.table.iloc[0]
    assert row["low"] < 0.15
    assert abs(row["strength"]) < 0.2
    assert found.ties.value > 0.05


def test_faces_without_a_source_are_ranked_by_their_files():
    rows = judged([("i", "r1", "image_1"), ("i", "r2", "image_1")], "more_of_two", swapped=[False, True])
    items = pd.DataFrame({"item": ["i"], "pictures": [[("x.png", ""), ("y.png", "")]]})
    found = rank(rows, items, rounds=5)
    assert found.table["candidate"].tolist() == ["x.png", "y.png"]
    assert found.beats.loc["x.png", "y.png"] == 2
    with pytest.raises(StudyError, match="a task that compares"):
        rank(judged([("i", "r1", "same_1")]), items)


def test_equal_candidates_stand_by_name_however_the_sides_fell():
    members = {f"i{n}": ("B.png", "A.png") for n in range(12)}
    for swapped in itertools.chain([[False] * 12, [True] * 12], (np.random.default_rng(0).random((6, 12)) < 0.5)):
        rows = judged([(item, "r", "tie") for item in members], "better_of_two", swapped=list(map(bool, swapped)))
        found = rank(rows, items_of(members), rounds=10)
        assert found.table["candidate"].tolist() == ["A.png", "B.png"]
        assert found.table["first"].tolist() == [0.5, 0.5]
        assert found.words() == "Nobody is preferred: A.png, B.png come out equal at the top."


def test_what_a_fit_leaves_does_not_order_and_a_real_gap_does():
    strengths = np.array([0.2, 1.0, 1.0 + 1e-9, 0.2 - 1e-9, -2.4])
    assert preference.by_strength(strengths, ["d", "b", "a", "c", "e"]) == [2, 1, 3, 0, 4]
    assert preference.leading(np.array([[0.0, 1.0, 1.0 + 1e-9], [2.0, 0.0, 0.0]])).tolist() == [
        [0, 0.5, 0.5],
        [1, 0, 0],
    ]
