"""Simulated raters do what they were made to do, so that statistics can be tested on them."""

import numpy as np
import pandas as pd
import pytest

from workbench.errors import StudyError
from workbench.labeling.statistics import simulation
from workbench.labeling.statistics.judgements import check_table


@pytest.fixture(scope="module")
def items():
    return pd.DataFrame(
        {
            "item": [f"p{i:03d}" for i in range(200)],
            "same": np.arange(200) % 2 == 0,
            "group": np.repeat(["x", "y"], 100),
        }
    )


@pytest.fixture(scope="module")
def table(items):
    return simulation.simulate(items, simulation.make_raters(16, 4, seed=1), seed=1)


def test_every_ordinary_item_gets_exactly_its_number_of_different_raters(items, table):
    ordinary = table[~table["is_gold"] & ~table["is_repeat"]]
    assert (ordinary.groupby("item")["rater"].nunique() == 5).all()
    assert not ordinary.duplicated(["item", "rater"]).any()
    assert ordinary["item"].nunique() + table[table["is_gold"]]["item"].nunique() >= 0.98 * len(items)


def test_the_load_is_even(table):
    load = table[~table["is_gold"] & ~table["is_repeat"]].groupby("rater").size()
    assert load.max() - load.min() <= 1


def test_the_table_has_every_column_and_unique_labels(table):
    assert not check_table(table)["label"].duplicated().any()
    assert set(table["group"]) == {"x", "y"}


def test_gold_alone_is_marked_right_or_wrong(items, table):
    truth = items.set_index("item")["same"]
    gold = table[table["is_gold"]]
    assert table[~table["is_gold"]]["correct"].isna().all()
    assert (gold["correct"].astype(bool) == ((gold["value"] > 0) == truth[gold["item"]].to_numpy()).to_numpy()).all()


def test_accuracy_is_that_of_the_signal_detection_model(items):
    raters = [simulation.SimulatedRater(f"r{i}", sensitivity=2.0) for i in range(10)]
    plan = simulation.Plan(per_item=10, hardness=0.0, repeats=0.0, gold=0.01)
    many = pd.concat([items.assign(item=items["item"] + str(k)) for k in range(5)], ignore_index=True)
    table = simulation.simulate(many, raters, plan, seed=2)
    truth = many.set_index("item")["same"]
    right = ((table["value"] > 0).to_numpy() == truth[table["item"]].to_numpy()).mean()
    assert right == pytest.approx(0.8413, abs=0.01)  # Phi(d' / 2)


def test_random_raters_are_right_half_the_time_and_one_answer_raters_give_one(items):
    raters = simulation.make_raters(0, 10, seed=0, one_answer=3)
    table = simulation.simulate(items, raters, simulation.Plan(per_item=13), seed=0)
    kind = table["rater"].map({rater.name: rater.kind for rater in raters})
    truth = items.set_index("item")["same"][table["item"]].to_numpy()
    assert ((table["value"] > 0).to_numpy() == truth)[kind == "random"].mean() == pytest.approx(0.5, abs=0.04)
    assert table[kind == "one_answer"]["answer"].nunique() == 1


def test_one_seed_gives_one_study(items):
    raters = simulation.make_raters(8, seed=4)
    first, again, other = (simulation.simulate(items, raters, seed=seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_too_few_raters_and_unknown_kinds_are_refused(items):
    with pytest.raises(StudyError, match="at least 5 raters, got 3"):
        simulation.simulate(items, simulation.make_raters(3))
    with pytest.raises(StudyError, match="unknown kinds of rater: sleepy"):
        simulation.make_raters(3, sleepy=1)


def test_choices_follow_luce_s_rule():
    places = {"a": np.array([0.0]), "b": np.array([1.0]), "c": np.array([2.0])}
    table = simulation.simulate_choices(
        {f"t{i}": ("a", "b", "c") for i in range(800)}, places, simulation.make_raters(20), noise=1.0
    )
    assert (table["answer"] == "image_2").mean() == pytest.approx(1 / (1 + np.exp(-1)), abs=0.02)
