"""Verdicts on raters: each check by hand, and that nothing is silent."""

import numpy as np
import pandas as pd
import pytest

from tests.labeling.judged import judged
from workbench.labeling.statistics import checks, quality, simulation
from workbench.labeling.study.study import Exclusion
from workbench.metrics.roc import wilson

RULES = Exclusion()


def made(table, name, rater="r", rules=RULES):
    return next(v for v in quality.assess(table, rules) if v.rater == rater).check(name)


def answers(n, answer="same_1", rater="r"):
    return [(f"i{i:03d}", rater, answer) for i in range(n)]


def varied(n, rater="r"):
    keys = ("same_1", "different_2", "same_3", "different_1", "same_2", "different_3", "different_1")
    rng = np.random.default_rng(0)
    return [(f"i{i:03d}", rater, keys[rng.integers(7)]) for i in range(n)]


def gold(right, wrong):
    return judged(varied(right + wrong), is_gold=True, correct=[True] * right + [False] * wrong)


@pytest.mark.parametrize(
    ("right", "wrong", "state"),
    [(6, 4, "passed"), (5, 5, "doubtful"), (1, 9, "failed"), (1, 1, "not checked"), (0, 4, "failed")],
)
def test_gold_is_judged_by_its_wilson_interval(right, wrong, state):
    found = made(gold(right, wrong), "gold")
    assert found.state == state
    assert found.found == wilson(right, right + wrong)
    assert f"{right} of {right + wrong} gold items right; the rule asks for 60 %" in found.words


def test_without_gold_nothing_is_held_against_the_rater():
    found = quality.assess(judged(varied(30)), RULES)[0]
    assert found.check("gold").state == "not checked"
    assert any(words.startswith("Gold not checked: No gold item") for words in found.unchecked)
    assert found.verdict == "ok"


@pytest.mark.parametrize(("fast", "state"), [(2, "passed"), (4, "doubtful"), (15, "failed")])
def test_answers_under_the_floor_are_counted(fast, state):
    found = made(judged(varied(20), response_ms=[399.0] * fast + [400.0] * (20 - fast)), "speed")
    assert found.state == state
    assert f"{fast} of 20 answers came in under 400 ms; the rule allows 10 %." in found.words


def test_one_answer_all_the_time_is_straight_lining():
    table = judged(answers(60, "same_3") + varied(60, "s") + varied(60, "t"))
    found = made(table, "pattern")
    assert found.state == "failed"
    assert "60 of 60 answers are 'same_3'" in found.words
    assert made(table, "pattern", "s").state == "passed"


@pytest.mark.parametrize("period", [2, 3, 4])
def test_answers_in_a_fixed_rhythm_are_found(period):
    keys = ("same_1", "different_2", "same_3", "different_1")[:period]
    table = judged([(f"i{i:03d}", "r", keys[i % period]) for i in range(60)] + varied(60, "s"))
    found = made(table, "pattern")
    assert found.state == "failed"
    assert f"answers repeat the one {period} before" in found.words


def test_a_rhythm_is_looked_for_in_the_order_of_answering_not_of_the_rows():
    table = judged([(f"i{i:03d}", "r", ("same_1", "different_2")[i % 2]) for i in range(60)])
    shuffled = table.sample(frac=1, random_state=0)
    assert made(shuffled, "pattern").state == "failed"


def test_where_everyone_gives_one_answer_it_is_no_straight_lining():
    cells = [(f"i{i:03d}", r, "none" if i % 25 or r == "r" else "glasses") for r in "rstu" for i in range(60)]
    assert made(judged(cells, "category"), "pattern").state != "failed"


def sided(left, right, **columns):
    return judged(
        [(f"i{i:03d}", "r", "image_2" if i < left else "image_3") for i in range(left + right)], "triplet", **columns
    )


@pytest.mark.parametrize(
    ("left", "right", "state"),
    [(22, 18, "passed"), (33, 11, "passed"), (32, 8, "doubtful"), (40, 0, "failed"), (2, 1, "not checked")],
)
def test_a_side_is_tested_against_chance(left, right, state):
    assert made(sided(left, right), "side").state == state


def test_a_face_that_is_always_closer_is_no_side_bias_when_it_was_shown_on_both():
    found = made(sided(40, 0, swapped=[i % 2 == 0 for i in range(40)]), "side")
    assert (found.state, found.found.value) == ("passed", 0.5)


def test_a_false_alarm_of_the_side_test_is_rare():
    rng = np.random.default_rng(0)
    rows = judged([(f"i{i:05d}", "r", f"image_{1 + rng.integers(3)}") for i in range(10_000)], "odd_one_out")
    states = [
        checks.check_side(checks.by_rater(rows[start : start + 50])["r"], RULES).state for start in range(0, 10_000, 50)
    ]
    assert states.count("passed") >= 198


def repeated(first, second, task="same_different"):
    n = len(first)
    cells = [(f"i{i:03d}", "r", key) for i, key in enumerate(first)] + [
        (f"i{i:03d}", "r", key) for i, key in enumerate(second)
    ]
    return judged(cells, task, is_repeat=[False] * n + [True] * len(second))


def test_repeats_agree_when_the_class_is_the_same_whatever_the_confidence():
    found = made(
        repeated(
            ["same_1", "same_1", "different_3", "same_2"] * 3, ["same_3", "different_1", "different_1", "same_2"] * 3
        ),
        "consistency",
    )
    assert found.found.value == 0.75
    assert "9 of 12 repeated items answered alike" in found.words


def test_on_a_scale_one_step_apart_is_alike():
    found = made(
        repeated(["1", "4", "7", "2", "3", "5"], ["2", "6", "7", "2", "4", "1"], "similarity_7"), "consistency"
    )
    assert found.found.value == pytest.approx(4 / 6)


def test_a_repeat_is_compared_by_repeat_of_when_it_has_an_item_of_its_own():
    table = repeated(["same_1"], [])
    again = judged([("copy", "r", "different_1")], is_repeat=True, repeat_of="i000")
    assert made(pd.concat([table, again], ignore_index=True), "consistency").found.value == 0


def crowd(rng, own, n=40, others=4, right=0.9):
    truth = rng.random(n) < 0.5
    cells = [
        (f"i{i:03d}", f"s{r}", "same_1" if same == (rng.random() < right) else "different_1")
        for i, same in enumerate(truth)
        for r in range(others)
    ]
    return judged(cells + [(f"i{i:03d}", "r", own(same)) for i, same in enumerate(truth)])


def test_agreement_is_cohen_s_kappa_with_the_others_majority():
    table = crowd(np.random.default_rng(0), lambda same: "same_1" if same else "different_1")
    pairs = []
    for item, group in table.groupby("item"):
        votes = (group[group["rater"] != "r"]["answer"] == "same_1").mean()
        if votes != 0.5:
            pairs.append(((group[group["rater"] == "r"]["answer"].iloc[0] == "same_1"), votes > 0.5))
        assert len(group) == 5, item
    mine, theirs = np.array(pairs).T
    observed = (mine == theirs).mean()
    chance = mine.mean() * theirs.mean() + (1 - mine.mean()) * (1 - theirs.mean())
    assert made(table, "agreement").found.value == pytest.approx((observed - chance) / (1 - chance))


def test_a_rater_who_says_same_to_everything_agrees_no_better_than_chance_however_common_same_is():
    cells = [(f"i{i:03d}", f"s{r}", "same_1" if i % 10 else "different_1") for i in range(60) for r in range(4)]
    found = made(judged(cells + answers(60)), "agreement")
    assert found.found.value == pytest.approx(0, abs=1e-9)


def test_a_guesser_fails_and_the_sentence_says_why():
    rng = np.random.default_rng(1)
    table = crowd(rng, lambda same: "same_1" if rng.random() < 0.5 else "different_1", n=60)
    found = made(table, "agreement")
    assert found.state == "failed"
    assert "Guessing explains them" in found.words


def test_few_answers_do_not_exclude():
    rng = np.random.default_rng(2)
    table = crowd(rng, lambda same: "same_1" if rng.random() < 0.5 else "different_1", n=60)
    few = pd.concat([table[table["rater"] != "r"], table[table["rater"] == "r"].head(8)])
    assert made(few, "agreement").state in ("doubtful", "passed")
    assert made(table, "agreement").state == "failed"


def test_on_a_scale_agreement_is_the_correlation_with_the_others_mean():
    rng = np.random.default_rng(0)
    truth = rng.integers(1, 8, 40)
    cells = [
        (f"i{i:02d}", f"s{r}", str(int(np.clip(t + rng.integers(-1, 2), 1, 7))))
        for i, t in enumerate(truth)
        for r in range(4)
    ]
    own = [(f"i{i:02d}", "r", str(8 - int(t))) for i, t in enumerate(truth)]
    found = made(judged(cells + own, "similarity_7"), "agreement")
    assert found.found.value < -0.9
    assert found.state == "failed"
    assert -1 <= found.found.low < found.found.value < found.found.high < 0


def test_one_failed_check_excludes_one_doubt_flags_and_the_worst_come_first():
    table = pd.concat(
        [gold(1, 9).assign(rater="bad"), gold(5, 5).assign(rater="doubtful"), gold(9, 1).assign(rater="good")],
        ignore_index=True,
    )
    found = quality.assess(table, RULES)
    assert [(v.rater, v.verdict) for v in found] == [("bad", "exclude"), ("doubtful", "flag"), ("good", "ok")]
    assert quality.excluded(found) == {"bad"}
    assert found[0].reasons[0].startswith("Gold failed: 1 of 10")
    assert found[1].reasons[0].startswith("Gold doubtful: 5 of 10")
    assert found[2].reasons == ()


def test_a_rater_who_only_skipped_is_told_of():
    found = quality.assess(judged(answers(3, "skip") + varied(30, "s")), RULES)
    assert [(v.rater, v.verdict, v.skipped) for v in found] == [("r", "flag", 3), ("s", "ok", 0)]
    assert "3 skipped" in found[0].reasons[0]


def test_the_rules_of_the_study_are_the_ones_applied():
    assert made(gold(5, 5), "gold", rules=Exclusion(gold_accuracy=0.5)).state == "passed"
    assert made(judged(varied(20), response_ms=900.0), "speed", rules=Exclusion(floor_ms=1000)).state == "failed"


def test_an_empty_table_has_no_verdicts_and_an_empty_table_of_them_has_its_columns():
    assert quality.assess(judged([]), RULES) == []
    assert list(quality.as_table([]).columns[:3]) == ["rater", "verdict", "judged"]


def test_the_same_rater_twice_in_the_index_is_no_problem():
    table = pd.concat([judged(varied(20)), judged(varied(20, "s"))])
    assert [v.rater for v in quality.assess(table, RULES)] == ["r", "s"]


@pytest.fixture(scope="module")
def simulated():
    items = pd.DataFrame({"item": [f"p{i:03d}" for i in range(450)], "same": np.arange(450) % 2 == 0})
    raters = simulation.make_raters(28, 4, seed=5, one_answer=2, alternating=2, hasty=2)
    table = quality.as_table(
        quality.assess(simulation.simulate(items, raters, simulation.Plan(per_item=10), seed=5), RULES)
    )
    return table.assign(kind=table["rater"].map({rater.name: rater.kind for rater in raters}))


@pytest.mark.parametrize("kind", ["one_answer", "alternating", "hasty", "random"])
def test_every_kind_of_bad_rater_is_found_in_a_simulated_study(simulated, kind):
    assert (simulated[simulated["kind"] == kind]["verdict"] == "exclude").all()


def test_careful_raters_of_a_simulated_study_are_kept(simulated):
    careful = simulated[simulated["kind"] == "careful"]
    assert (careful["verdict"] == "exclude").sum() <= 1
    assert (careful["verdict"] == "ok").sum() >= 25


def test_a_side_taker_is_found_among_triplets():
    rng = np.random.default_rng(0)
    places = {f"f{i}": rng.normal(0, 1, 2) for i in range(12)}
    members = {f"t{i:03d}": tuple(str(n) for n in rng.choice(list(places), 3, replace=False)) for i in range(150)}
    raters = simulation.make_raters(9, seed=1, one_side=1)
    table = simulation.simulate_choices(members, places, raters, per_item=4, seed=1)
    found = {v.rater: v.check("side").state for v in quality.assess(table, RULES)}
    kind = {rater.name: rater.kind for rater in raters}
    assert {rater for rater, state in found.items() if state == "failed"} == {
        rater for rater in found if kind[rater] == "one_side"
    }


def test_the_odds_of_guessing_are_a_ratio_of_binomials():
    met = checks.Company(20, wilson(10, 20).__class__(0.0, -0.4, 0.4), chance=0.5)
    assert checks._guessing_odds(met, 0.6) == pytest.approx((0.5**20) / (0.8**10 * 0.2**10))
