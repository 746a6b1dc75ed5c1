"""Calibration against closed forms and brute force."""

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.metrics.calibration import METHODS, calibrate, out_of_fold, reliability


def logistic_cases(n, slope=2.0, intercept=-0.5, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 1, n)
    return scores, (rng.random(n) < 1 / (1 + np.exp(-(slope * scores + intercept)))).astype(float)


def test_the_isotonic_map_by_hand():
    found = calibrate(np.array([1.0, 2, 3, 4]), np.array([0.0, 1, 0, 1]))
    assert found(np.array([1.0, 2, 3, 4])) == pytest.approx([0, 0.5, 0.5, 1])
    assert found(np.array([-9.0, 1.5, 9])) == pytest.approx([0, 0.25, 1])


def test_no_rising_map_fits_better_than_the_isotonic_one():
    rng = np.random.default_rng(0)
    scores, outcome = rng.integers(0, 6, 40).astype(float), rng.random(40)
    best = ((calibrate(scores, outcome)(scores) - outcome) ** 2).sum()
    for _ in range(3000):
        rising = np.sort(rng.random(6))[scores.astype(int)]
        assert ((rising - outcome) ** 2).sum() >= best - 1e-12


@pytest.mark.parametrize("method", METHODS)
def test_the_map_rises_and_stays_inside_0_to_1(method):
    scores, outcome = logistic_cases(300)
    chances = calibrate(scores, outcome, method)(np.linspace(-6, 6, 200))
    assert (np.diff(chances) >= 0).all()
    assert chances.min() >= 0
    assert chances.max() <= 1


def test_the_logistic_map_finds_the_slope_the_cases_were_drawn_with():
    found = calibrate(*logistic_cases(40_000), method="logistic")
    assert found.slope == pytest.approx(2.0, rel=0.05)
    assert found.intercept == pytest.approx(-0.5, abs=0.05)


def test_the_logistic_map_solves_its_equations_at_any_scale():
    scores, outcome = logistic_cases(400)
    positive, negative = outcome.sum(), (1 - outcome).sum()
    aims = np.where(outcome == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    for scale in (1.0, 1e-3, 1e4):
        chance = calibrate(scores * scale + 7, outcome, "logistic")(scores * scale + 7)
        assert (aims - chance).sum() == pytest.approx(0, abs=1e-6)
        assert ((aims - chance) * scores).sum() == pytest.approx(0, abs=1e-6)


def test_separated_cases_do_not_send_the_logistic_map_to_infinity():
    found = calibrate(np.array([0.0, 1, 2, 3]), np.array([0.0, 0, 1, 1]), "logistic")
    assert np.isfinite([found.slope, found.intercept]).all()
    assert found(np.array([0.0]))[0] < 0.5 < found(np.array([3.0]))[0]


def test_shares_of_people_can_be_the_outcome():
    found = calibrate(np.array([0.0, 1, 2]), np.array([0.2, 0.6, 0.9]))
    assert found(np.array([1.0]))[0] == pytest.approx(0.6)


def test_out_of_fold_chances_never_saw_their_own_case():
    rng = np.random.default_rng(0)
    scores, outcome = rng.normal(0, 1, 400), (rng.random(400) < 0.5).astype(float)
    inside = reliability(calibrate(scores, outcome)(scores), outcome).brier
    outside = reliability(out_of_fold(scores, outcome), outcome).brier
    assert inside < 0.25 < outside


def test_reliability_by_hand():
    found = reliability(np.array([0.1, 0.3, 0.7, 0.9]), np.array([0.0, 1, 1, 1]), bins=2)
    assert found.said == pytest.approx([0.2, 0.8])
    assert found.happened == pytest.approx([0.5, 1.0])
    assert found.error == pytest.approx(0.25)
    assert found.brier == pytest.approx((0.01 + 0.49 + 0.09 + 0.01) / 4)


def test_probabilities_that_are_true_have_little_error():
    rng = np.random.default_rng(0)
    chance = rng.random(50_000)
    assert reliability(chance, (rng.random(50_000) < chance).astype(float)).error < 0.01


@pytest.mark.parametrize(
    ("scores", "outcome", "method", "words"),
    [
        ([1.0], [2.0], "isotonic", "from 0 to 1"),
        ([], [], "isotonic", "above 0"),
        ([1.0, 2], [0.0, 1], "spline", "got 'spline'"),
    ],
)
def test_bad_input_is_refused_in_words(scores, outcome, method, words):
    with pytest.raises(BadRequest, match=words):
        calibrate(np.array(scores), np.array(outcome), method)


def test_too_few_cases_for_folds_are_refused():
    with pytest.raises(BadRequest, match="at least 10 cases"):
        out_of_fold(np.arange(5.0), np.array([0.0, 1, 0, 1, 1]))
