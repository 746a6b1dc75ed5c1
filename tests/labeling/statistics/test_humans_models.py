"""Humans beside recognisers: figures by hand, paired bootstrap, and what is left out is told."""

import numpy as np
import pandas as pd
import pytest

from tests.labeling.judged import judged
from workbench.errors import StudyError
from workbench.labeling.statistics import crowds, humans_models, simulation
from workbench.labeling.statistics.judgements import counted
from workbench.metrics import roc as metrics

LEVELS = {-3: "different_3", -2: "different_2", -1: "different_1", 1: "same_1", 2: "same_2", 3: "same_3"}


def study_of(n=300, seed=0):
    rng = np.random.default_rng(seed)
    items = pd.DataFrame(
        {
            "item": [f"p{i:03d}" for i in range(n)],
            "same": np.arange(n) % 2 == 0,
            "group": np.where(np.arange(n) % 4 < 2, "x", "y"),
        }
    )
    rows = counted(simulation.simulate(items, simulation.make_raters(25, seed=seed), seed=seed))
    strong = rng.normal(0, 1, n) + 3 * items["same"]
    weak = rng.normal(0, 1, n) + np.where(items["group"] == "x", 2.5, 0.3) * items["same"]
    return rows, items, pd.DataFrame({"item": items["item"], "strong": strong, "weak": weak})


@pytest.fixture(scope="module")
def parts():
    return study_of()


@pytest.fixture(scope="module")
def comparison(parts):
    return humans_models.compare(*parts)


def test_a_comparison_by_hand():
    rows = judged([("a", "r", "same_3"), ("a", "s", "different_1"), ("a", "t", "same_1"), ("b", "r", "different_2")])
    items = pd.DataFrame({"item": ["a", "b", "c"], "same": [True, None, False], "group": ["x", "y", "x"]})
    scores = pd.DataFrame({"item": ["a", "b"], "net": [0.5, 0.1]})
    found = humans_models.compare(rows, items, scores)
    assert found.table.loc["a", ["humans", "votes", "majority", "same", "net"]].tolist() == [1.0, 3, 1.0, 1.0, 0.5]
    assert found.table.loc["a", "chance"] == pytest.approx(3 / 5)
    assert np.isnan(found.table.loc["b", "same"])
    assert found.table.loc["b", "majority"] == 0
    assert found.left_out == {"no judgement": 1}
    assert found.known("truth").index.tolist() == ["a"]


def test_pairs_without_a_score_are_left_out_for_everybody_and_counted(parts):
    rows, items, scores = parts
    holes = scores.assign(weak=scores["weak"].where(np.arange(len(scores)) >= 10))
    found = humans_models.compare(rows, items, holes)
    lost = found.left_out["no score of weak"]
    assert 0 < lost <= 10
    assert len(found.table) == rows["item"].nunique() - lost


def test_when_nothing_is_left_it_says_so(parts):
    rows, items, _ = parts
    with pytest.raises(StudyError, match="no pair has judgements"):
        humans_models.compare(rows, items, pd.DataFrame({"item": ["elsewhere"], "net": [0.5]}))
    with pytest.raises(StudyError, match="may not be called"):
        humans_models.compare(rows, items, pd.DataFrame({"item": ["p001"], "humans": [0.5]}))


def test_performance_is_the_metrics_of_each_part(comparison):
    found = humans_models.performance(comparison, rounds=20).set_index(["who", "group"])
    for who in ("humans", "strong", "weak"):
        for group in ("all", "x", "y"):
            part = comparison.table if group == "all" else comparison.table[comparison.table["group"] == group]
            assert found.loc[(who, group), "auc"] == pytest.approx(metrics.auc(part[who], part["same"]))
            assert found.loc[(who, group), "eer"] == pytest.approx(metrics.eer(part[who], part["same"]))
            assert found.loc[(who, group), "tar@0.01"] == pytest.approx(
                metrics.tar_at_far(part[who], part["same"], 0.01)
            )
            assert found.loc[(who, group), "same"] + found.loc[(who, group), "different"] == len(part)


def test_against_the_majority_people_are_the_measure_not_the_measured(comparison):
    found = humans_models.performance(comparison, "majority", rounds=20)
    assert set(found["who"]) == {"strong", "weak"}
    part = comparison.table[comparison.table["majority"].notna()]
    assert found["auc"][0] == pytest.approx(metrics.auc(part["strong"], part["majority"]))
    with pytest.raises(StudyError, match="truth or majority"):
        humans_models.performance(comparison, "vibes")


def test_a_group_of_one_kind_has_no_figures_and_breaks_nothing(parts):
    rows, items, scores = parts
    lone = items.assign(group=["only" if i == 4 else "x" for i in range(len(items))])
    found = humans_models.compare(rows, lone, scores)
    figures = humans_models.performance(found, rounds=10).set_index(["who", "group"])
    assert np.isnan(figures.loc[("strong", "only"), "auc"])
    assert humans_models.gaps(found, rounds=10)["gap"].isna().all()


def test_the_gap_is_the_difference_of_group_aucs_and_beyond_the_difference_of_gaps(comparison):
    figures = humans_models.performance(comparison, rounds=10).set_index(["who", "group"])["auc"]
    found = humans_models.gaps(comparison, rounds=200).set_index("who")
    for who in comparison.who:
        assert found.loc[who, "gap"] == pytest.approx(figures[who, "x"] - figures[who, "y"])
        assert found.loc[who, "low"] < found.loc[who, "gap"] < found.loc[who, "high"]
    assert found.loc["weak", "beyond"] == pytest.approx(found.loc["weak", "gap"] - found.loc["humans", "gap"])
    assert np.isnan(found.loc["humans", "beyond"])


def test_a_recogniser_unfair_to_a_group_is_found_and_a_fair_one_is_not_blamed(comparison):
    found = humans_models.gaps(comparison, rounds=300).set_index("who")
    assert found.loc["weak", "low"] > 0.1
    assert found.loc["weak", "beyond_low"] > 0
    assert found.loc["strong", "low"] < 0 < found.loc["strong", "high"]


def test_a_recogniser_that_copies_people_has_no_gap_beyond_theirs(parts):
    rows, items, _ = parts
    mean = rows.groupby("item")["value"].mean()
    found = humans_models.compare(rows, items, pd.DataFrame({"item": mean.index, "copy": mean.to_numpy()}))
    copy = humans_models.gaps(found, rounds=100).set_index("who").loc["copy"]
    assert (copy["beyond"], copy["beyond_low"], copy["beyond_high"]) == (0, 0, 0)


def test_three_groups_are_each_compared_with_the_rest(parts):
    rows, items, scores = parts
    found = humans_models.gaps(
        humans_models.compare(rows, items.assign(group=[f"g{i % 3}" for i in range(len(items))]), scores), rounds=20
    )
    assert found[found["who"] == "strong"]["group"].tolist() == ["g0", "g1", "g2"]
    assert set(found["rest"]) == {"rest"}


def test_errors_by_group_are_counts_at_one_threshold(comparison):
    found = humans_models.errors_by_group(comparison, far=0.05).set_index(["who", "group"])
    table = comparison.table
    threshold = metrics.threshold_at_far(table["weak"], table["same"], 0.05)
    for group in ("x", "y"):
        part = table[table["group"] == group]
        assert found.loc[("weak", group), "far"] == pytest.approx((part["weak"][part["same"] == 0] >= threshold).mean())
        assert found.loc[("weak", group), "frr"] == pytest.approx((part["weak"][part["same"] == 1] < threshold).mean())
        assert found.loc[("humans", group), "far"] == pytest.approx((part["humans"][part["same"] == 0] > 0).mean())
    assert found.loc[("weak", "all"), "far"] <= 0.05


def test_likeness_is_spearman_s_and_falls_within_a_kind(comparison):
    found = humans_models.likeness(comparison).set_index("who").loc["strong"]
    table = comparison.table
    assert found["all"] == pytest.approx(table[["strong", "humans"]].corr("spearman").iloc[0, 1])
    assert found["within_same"] == pytest.approx(
        table[table["same"] == 1][["strong", "humans"]].corr("spearman").iloc[0, 1]
    )
    assert abs(found["within_same"]) < found["all"]


@pytest.mark.parametrize("against", ["truth", "majority"])
@pytest.mark.parametrize("method", ["isotonic", "logistic"])
def test_a_better_recogniser_is_better_calibrated(comparison, against, method):
    strong = humans_models.calibration(comparison, "strong", against, method)[1]
    weak = humans_models.calibration(comparison, "weak", against, method)[1]
    assert strong.brier < weak.brier < 0.25


def test_disagreements_are_the_largest_gaps_on_both_sides(comparison):
    found = humans_models.disagreements(comparison, "weak", most=6)
    model = humans_models.calibration(comparison, "weak")[0](comparison.table["weak"].to_numpy())
    gap = pd.Series(model - comparison.table["chance"].to_numpy(), index=comparison.table.index)
    assert sorted(found["gap"]) == pytest.approx(sorted([*gap.nlargest(3), *gap.nsmallest(3)]))
    for _, row in found.iterrows():
        said = row["model"] > 0.5
        if said != (row["people"] > 0.5):
            assert row["right"] == ("model" if said == (row["same"] == 1) else "people")


def test_without_known_identity_people_are_the_reference_and_nobody_is_called_right(parts):
    rows, items, scores = parts
    found = humans_models.compare(rows, items.assign(same=None), scores)
    assert set(humans_models.disagreements(found, "weak", most=4)["right"]) == {""}


def test_each_rater_s_auc(parts):
    rows, items, _ = parts
    found = crowds.rater_aucs(rows, items)
    name = found["rater"][0]
    own = rows[rows["rater"] == name]
    truth = items.set_index("item")["same"][own["item"]].to_numpy()
    assert found["auc"][0] == pytest.approx(metrics.auc(own["value"], truth))
    assert found["auc"].is_monotonic_decreasing


def test_more_people_are_wiser_and_all_of_them_are_the_mean(parts, comparison):
    rows, items, _ = parts
    found = crowds.crowd_sizes(rows, items, draws=10)
    assert found["raters"].tolist() == [1, 2, 3, 4, 5]
    assert found["auc"].is_monotonic_increasing
    assert found["auc"].iloc[-1] == pytest.approx(metrics.auc(comparison.table["humans"], comparison.table["same"]))


def test_one_rater_of_a_crowd_is_a_random_one():
    cells = [
        (f"i{i:02d}", f"r{r}", "same_3" if (i % 2 == 0) == (r == 0) else "different_3")
        for i in range(20)
        for r in range(2)
    ]
    items = pd.DataFrame({"item": [f"i{i:02d}" for i in range(20)], "same": [i % 2 == 0 for i in range(20)]})
    found = crowds.crowd_sizes(judged(cells), items, draws=400).set_index("raters")["auc"]
    assert found[1] == pytest.approx(0.5, abs=0.02)  # one always right, one always wrong
    assert found[2] == 0.5


def test_the_ceiling_is_1_for_one_mind_and_half_for_guessing():
    rng = np.random.default_rng(0)
    keys = list(LEVELS.values())
    agreed = judged([(f"i{i:03d}", f"r{r}", keys[i % 6]) for i in range(60) for r in range(4)])
    guessed = judged([(f"i{i:03d}", f"r{r}", keys[rng.integers(6)]) for i in range(300) for r in range(4)])
    assert crowds.ceiling(agreed, splits=5).value == 1
    assert crowds.ceiling(guessed, splits=40).value == pytest.approx(0.5, abs=0.03)


def test_without_pairs_judged_twice_there_is_no_ceiling():
    found = crowds.ceiling(judged([("a", "r", "same_1"), ("b", "r", "different_1")]))
    assert np.isnan(found.value)


def test_a_similarity_study_is_compared_by_its_mean():
    rows = judged([("a", "r", "6"), ("a", "s", "4"), ("b", "r", "1"), ("c", "r", "3")], "similarity_7")
    items = pd.DataFrame({"item": list("abc"), "same": [None] * 3, "group": [""] * 3})
    found = humans_models.compare(rows, items, pd.DataFrame({"item": list("abc"), "net": [0.9, 0.1, 0.4]}))
    assert found.table["humans"].tolist() == [5, 1, 3]
    assert humans_models.likeness(found)["all"][0] == pytest.approx(1)
