"""Tiring raters, paid time, shares under adaptive choice, and ability, on judgements whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from tests.labeling.judged import judged
from workbench.errors import StudyError
from workbench.labeling.statistics.ability import ability
from workbench.labeling.statistics.sessions import course, paid
from workbench.labeling.statistics.weighting import shares, weights


def session(raters=4, items=30, tired=1.0, wrong=()):
    """Every rater judges every item in their order, `tired` times slower at the end; (rater, place) pairs that err."""
    rows = judged(
        [
            (f"i{n:02d}", f"r{r}", "image_2" if (r, n) in wrong else "image_1")
            for r in range(raters)
            for n in range(items)
        ],
        "more_of_two",
    )
    place = np.tile(np.arange(items), raters)
    rows["response_ms"] = 2000 * tired ** (place / (items - 1))
    rows["block"] = place // 10
    rows["answered_at"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(60.0 * place, unit="s")
    rows["shown_at"] = rows["answered_at"] - pd.to_timedelta(rows["response_ms"], unit="ms")
    return rows


def test_who_slows_down_and_errs_at_the_end_is_seen():
    wrong = {(r, n) for r in range(4) for n in range(20, 30) if (n + r) % 4 == 0}
    found = course(session(tired=2.0, wrong=wrong), rounds=50)
    assert found.over["seconds"].is_monotonic_increasing
    assert found.over["agrees"].iloc[0] == 1
    assert found.over["agrees"].iloc[-1] < 0.9
    assert found.within["step"].max() <= 10
    time, agreement = found.words
    assert time.startswith("Time in the last third against the first: +")
    assert "chance" not in time
    assert agreement.startswith("Agreement in the last third against the first: -")


def test_who_stays_as_they_were_has_not_tired_and_few_answers_say_nothing():
    assert "+0.0 %" in course(session(), rounds=20).words[0]
    assert course(session(items=19)) is None
    assert course(session(raters=1)) is None
    assert np.isnan(course(session(), several_classes=False, rounds=20).over["agrees"]).all()


def test_time_paid_counts_pauses_as_five_minutes():
    rows = session(raters=3, items=31)
    assert paid(rows).minutes.value == pytest.approx(30 + 2 / 60)
    assert paid(rows).hourly is None
    rows.loc[rows["item"] == "i30", "answered_at"] += pd.Timedelta(hours=8)
    found = paid(rows, reward=7.0)
    assert found.minutes.value == pytest.approx(34 + 2 / 60)
    assert found.hourly.value == pytest.approx(7 * 60 / (34 + 2 / 60))
    assert paid(rows[:4]) is None


def test_weights_take_back_what_choosing_did():
    assert weights(np.array([1.0, 0.02, 0.82]), 0.2).tolist() == pytest.approx([1.0, 5.0, 1 / (10 * 0.82)])
    rng = np.random.default_rng(0)
    chances = np.linspace(0.02, 0.5, 40)  # the less certain, the more of them say yes
    answers, propensity = [], []
    for turn in range(6000):
        pool = rng.choice(40, 10, replace=False)
        best, blind = pool[chances[pool].argmax()], rng.random() < 0.2
        item = rng.choice(pool) if blind else best
        answers.append((f"i{item:02d}", f"r{turn % 50}", "image_1" if rng.random() < chances[item] else "image_2"))
        propensity.append(0.02 + (0.8 if item == best else 0.0))
    found = shares(judged(answers, "more_of_two", propensity=propensity), 0.2, rounds=20).set_index("answer")
    truth = chances.mean()
    assert abs(found.loc["image_1", "weighted"] - truth) < 0.04
    assert found.loc["image_1", "plain"] - truth > 0.1
    assert 0 < shares(judged(answers, "more_of_two", propensity=propensity), 0.2, 2).attrs["effective"] < 6000
    assert shares(judged(answers[:9], "more_of_two"), 0.2).empty


def test_guessers_have_little_ability_and_disputed_items_are_hard():
    rng = np.random.default_rng(1)
    answers = []
    for n in range(40):
        truth, other = ("image_1", "image_2") if n % 2 else ("image_2", "image_1")
        for r in range(8):
            right = rng.random() < (0.5 if r >= 6 or n < 4 else 0.95)
            answers.append((f"i{n:02d}", f"r{r}", truth if right else other))
    found = ability(judged(answers, "more_of_two"))
    raters = found.raters.set_index("rater")
    for measure in ("glad", "mace"):
        assert raters.loc[["r6", "r7"], measure].max() < raters.loc[[f"r{r}" for r in range(6)], measure].min()
    assert raters["mace"].between(0, 1).all()
    assert len(set(found.items["item"].head(6)) & {"i00", "i01", "i02", "i03"}) >= 2
    right = found.labels.loc["i04":].eq(["image_2", "image_1"][0]).any(axis=1)
    assert right.iloc[::2].mean() > 0.9
    with pytest.raises(StudyError, match="two classes"):
        ability(judged([("i", "r", "image_1")], "more_of_two"))
