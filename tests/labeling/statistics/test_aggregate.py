"""Aggregation against plain loops, another implementation, and closed forms."""

import numpy as np
import pandas as pd
import pytest
from crowdkit.aggregation import DawidSkene, MajorityVote, OneCoinDawidSkene

from tests.labeling.judged import judged
from workbench.errors import StudyError
from workbench.labeling.statistics import aggregate, simulation
from workbench.labeling.statistics.judgements import counted, kinds


def simulated(seed):
    items = pd.DataFrame({"item": [f"p{i:03d}" for i in range(300)], "same": np.arange(300) % 2 == 0})
    rows = counted(simulation.simulate(items, simulation.make_raters(25, 5, seed=seed), seed=seed))
    return rows, items.set_index("item")["same"].map({True: "same", False: "different"})


@pytest.fixture(scope="module")
def study():
    return simulated(3)


def crowd(rows):
    table = rows[["item", "rater"]].rename(columns={"item": "task", "rater": "worker"})
    return table.assign(label=kinds(rows))


def test_majority_by_hand_tells_ties():
    cells = [
        ("a", "r", "same_1"),
        ("a", "s", "same_3"),
        ("a", "t", "different_3"),
        ("b", "r", "same_1"),
        ("b", "s", "different_1"),
    ]
    found = aggregate.majority(judged(cells))
    assert found.loc["a"].tolist() == ["same", pytest.approx(2 / 3), 3, False]
    assert found.loc["b"].tolist() == [None, 0.5, 2, True]


def test_majority_is_crowd_kit_s(study):
    rows, _ = study
    ours = aggregate.majority(rows)
    theirs = MajorityVote().fit_predict(crowd(rows))
    assert not ours["tied"].any()
    assert (ours["label"] == theirs[ours.index]).all()


@pytest.mark.parametrize(
    ("own", "other"), [(aggregate.dawid_skene, DawidSkene), (aggregate.one_coin, OneCoinDawidSkene)]
)
def test_dawid_skene_is_crowd_kit_s(study, own, other):
    rows, _ = study
    ours = own(aggregate.votes(rows), rounds=60, tolerance=0, smoothing=1e-12)
    theirs = other(n_iter=60, tol=-10).fit(crowd(rows))
    probability = theirs.probas_["same"][list(ours.items)].to_numpy()
    assert (ours.labels() == theirs.labels_[list(ours.items)]).all()
    assert ours.probability("same").to_numpy() == pytest.approx(probability, abs=1e-6)


def looped_dawid_skene(cast, rounds, smoothing):
    n, k, r = len(cast.items), len(cast.classes), len(cast.raters)
    posterior = np.zeros((n, k))
    for i, a in zip(cast.item, cast.answer, strict=True):
        posterior[i, a] += 1
    posterior /= posterior.sum(axis=1, keepdims=True)
    for _ in range(rounds):
        confusion = np.full((r, k, k), smoothing)
        for i, w, a in zip(cast.item, cast.rater, cast.answer, strict=True):
            for t in range(k):
                confusion[w, t, a] += posterior[i, t]
        confusion /= confusion.sum(axis=2, keepdims=True)
        prior = posterior.mean(axis=0)
        joint = np.tile(prior, (n, 1))
        for i, w, a in zip(cast.item, cast.rater, cast.answer, strict=True):
            joint[i] *= confusion[w, :, a]
        posterior = joint / joint.sum(axis=1, keepdims=True)
    return posterior, confusion


def test_dawid_skene_is_its_definition_in_plain_loops():
    rng = np.random.default_rng(0)
    cells = [(f"i{i}", f"r{r}", f"image_{rng.integers(1, 4)}") for i in range(12) for r in range(4)]
    cast = aggregate.votes(judged(cells, "odd_one_out"))
    found = aggregate.dawid_skene(cast, rounds=7, tolerance=0, smoothing=0.3)
    posterior, confusion = looped_dawid_skene(cast, 7, 0.3)
    assert found.posterior == pytest.approx(posterior)
    assert found.confusion == pytest.approx(confusion)


def test_with_three_classes_one_coin_is_crowd_kit_s_too():
    rng = np.random.default_rng(0)
    cells = [
        (f"i{i}", f"r{r}", f"image_{i % 3 + 1 if rng.random() < 0.6 else rng.integers(1, 4)}")
        for i in range(30)
        for r in range(5)
    ]
    rows = judged(cells, "odd_one_out")
    ours = aggregate.one_coin(aggregate.votes(rows), rounds=20, tolerance=0, smoothing=1e-12)
    theirs = OneCoinDawidSkene(n_iter=20, tol=-10).fit(crowd(rows))
    assert ours.posterior == pytest.approx(
        theirs.probas_.loc[list(ours.items), list(ours.classes)].to_numpy(), abs=1e-6
    )


@pytest.mark.parametrize("method", [aggregate.dawid_skene, aggregate.one_coin])
def test_the_likelihood_never_falls(study, method):
    fit = method(aggregate.votes(study[0]), rounds=50, tolerance=0, smoothing=1e-9).fit
    assert len(fit) == 50
    assert (np.diff(fit) > -1e-8).all()


def test_with_much_pooling_all_raters_are_taken_for_one(study):
    cast = aggregate.votes(study[0])
    alone = aggregate.dawid_skene(cast).confusion
    pooled = aggregate.dawid_skene(cast, pooling=1e6).confusion
    assert np.ptp(pooled, axis=0).max() < 1e-3 < np.ptp(alone, axis=0).max()


def test_dawid_skene_beats_majority_when_some_raters_guess(study):
    rows, truth = study
    majority = aggregate.majority(rows)["label"]
    weighed = aggregate.dawid_skene(aggregate.votes(rows)).labels()
    assert (weighed == truth[weighed.index]).mean() > (majority == truth[majority.index]).mean()


def test_dawid_skene_turns_a_rater_who_always_says_the_opposite_around():
    rng = np.random.default_rng(0)
    truth = rng.random(80) < 0.5
    cells = []
    for i, same in enumerate(truth):
        for r in range(3):
            cells.append((f"i{i:02d}", f"good{r}", "same_1" if same != (rng.random() < 0.15) else "different_1"))
        cells.append((f"i{i:02d}", "liar", "different_1" if same else "same_1"))
    found = aggregate.dawid_skene(aggregate.votes(judged(cells)))
    liar = found.confusion[found.raters.index("liar")]
    assert liar[0, 1] > 0.9
    assert liar[1, 0] > 0.9
    assert ((found.labels() == "same").to_numpy() == truth).mean() > 0.97


def test_over_several_studies_confidence_makes_the_posterior_better_than_labels_alone():
    plain, graded = [], []
    for seed in range(6):
        rows, truth = simulated(seed)
        same = (truth == "same").astype(float)
        found = aggregate.probability_same(rows)["by_raters"]
        graded.append(((found - same[found.index]) ** 2).mean())
        found = aggregate.dawid_skene(aggregate.votes(rows)).probability("same")
        plain.append(((found - same[found.index]) ** 2).mean())
    assert np.mean(graded) < 0.95 * np.mean(plain)


def test_the_chance_of_same_from_votes_is_laplace_s_rule():
    cells = [("a", "r", "same_1"), ("a", "s", "same_3"), ("a", "t", "different_3"), ("b", "r", "different_1")]
    found = aggregate.probability_same(judged(cells))
    assert found["by_votes"].tolist() == [pytest.approx(3 / 5), pytest.approx(1 / 3)]
    assert found["same"].tolist() == [2, 0]


@pytest.mark.parametrize(("answer", "expected"), [("same_2", 1.0), ("different_2", 0.0)])
def test_a_study_in_which_everyone_said_one_thing_has_a_posterior(answer, expected):
    found = aggregate.probability_same(judged([("a", "r", answer), ("b", "r", answer)]))
    assert found["by_raters"].tolist() == [expected, expected]


def test_an_answer_without_a_class_is_refused():
    cast = aggregate.votes(judged([("a", "r", "same_1")]), judged([("a", "r", "same_1")])["answer"])
    with pytest.raises(StudyError, match="got none for same_1"):
        aggregate.dawid_skene(cast, latent={"same_2": "same"})


def test_aggregating_nothing_is_refused():
    with pytest.raises(StudyError, match="at least one judgement"):
        aggregate.majority(judged([]))


def test_bradley_terry_of_two_pairs_is_the_log_of_the_odds():
    cells = [("t", f"r{i}", "image_2" if i < 30 else "image_3") for i in range(40)]
    found = aggregate.bradley_terry(judged(cells, "triplet"), {"t": ("x", "y", "z")}, shrinkage=1e-9)
    strength = found.set_index(["first", "second"])["strength"]
    assert strength["x", "y"] - strength["x", "z"] == pytest.approx(np.log(30 / 10), abs=1e-4)
    assert strength.sum() == pytest.approx(0)
    assert found["comparisons"].tolist() == [40, 40]


def test_an_odd_one_out_choice_follows_luce():
    cells = [
        ("t", f"r{i}", f"image_{1 + (i >= 50) + (i >= 80)}") for i in range(100)
    ]  # first odd 50 times, second 30, third 20
    found = aggregate.bradley_terry(judged(cells, "odd_one_out"), {"t": ("x", "y", "z")}, shrinkage=1e-9)
    weight = np.exp(found.set_index(["first", "second"])["strength"])
    share = weight / weight.sum()
    assert share["y", "z"] == pytest.approx(0.5, abs=1e-4)
    assert share["x", "z"] == pytest.approx(0.3, abs=1e-4)
    assert share["x", "y"] == pytest.approx(0.2, abs=1e-4)


@pytest.mark.parametrize("task", ["triplet", "odd_one_out"])
def test_bradley_terry_finds_the_distances_the_choices_were_made_from(task):
    rng = np.random.default_rng(0)
    places = {f"f{i}": rng.normal(0, 1, 2) for i in range(12)}
    members = {f"t{i:03d}": tuple(str(n) for n in rng.choice(list(places), 3, replace=False)) for i in range(400)}
    rows = simulation.simulate_choices(members, places, simulation.make_raters(30), task, noise=0.4)
    found = aggregate.bradley_terry(rows, members)
    near = np.array(
        [-np.linalg.norm(places[a] - places[b]) for a, b in zip(found["first"], found["second"], strict=True)]
    )
    main = found["component"] == found["component"].mode()[0]
    assert np.corrcoef(found["strength"][main], near[main])[0, 1] > 0.9


def test_pairs_that_were_never_compared_are_in_different_components():
    members = {"t": ("a", "b", "c"), "u": ("x", "y", "z")}
    found = aggregate.bradley_terry(judged([("t", "r", "image_2"), ("u", "r", "image_3")], "triplet"), members)
    component = found.set_index(["first", "second"])["component"]
    assert component["a", "b"] == component["a", "c"] != component["x", "y"]


def test_bradley_terry_refuses_other_tasks_and_unknown_items():
    with pytest.raises(StudyError, match="got same_different"):
        aggregate.bradley_terry(judged([("a", "r", "same_1")]), {})
    with pytest.raises(StudyError, match="none for a"):
        aggregate.bradley_terry(judged([("a", "r", "image_2")], "triplet"), {})
