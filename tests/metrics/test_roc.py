"""Verification metrics against closed forms, brute force, and numbers worked out by hand."""

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.metrics import roc as metrics

SCORES = np.array([0.9, 0.8, 0.8, 0.6, 0.4, 0.2])
SAME = np.array([1, 1, 0, 1, 0, 0])


def brute_auc(scores, same):
    pairs = [(a > b) + (a == b) / 2 for a in scores[same == 1] for b in scores[same == 0]]
    return sum(pairs) / len(pairs)


def random_case(seed, n=60, levels=7):
    rng = np.random.default_rng(seed)
    same = rng.permutation(np.arange(n) % 3 == 0)
    return (rng.integers(0, levels, n) + 2 * same) / levels, same  # some of each kind tie


def test_auc_by_hand_counts_a_tie_as_half():
    assert metrics.auc(SCORES, SAME) == pytest.approx((3 + 2.5 + 2) / 9)


@pytest.mark.parametrize("seed", range(20))
def test_auc_equals_counting_all_pairs_and_the_area_under_the_roc(seed):
    scores, same = random_case(seed)
    curve = metrics.roc(scores, same)
    assert metrics.auc(scores, same) == pytest.approx(brute_auc(scores, same), abs=1e-12)
    assert np.trapezoid(curve.tar, curve.far) == pytest.approx(brute_auc(scores, same), abs=1e-12)


def test_auc_of_two_normals_meets_the_closed_form():
    rng = np.random.default_rng(0)
    n = 200_000
    scores = np.concatenate([rng.normal(1, 1, n), rng.normal(0, 1, n)])
    assert metrics.auc(scores, np.arange(2 * n) < n) == pytest.approx(0.7602499389, abs=0.003)  # Phi(1 / sqrt 2)


def test_eer_of_two_normals_meets_the_closed_form():
    rng = np.random.default_rng(0)
    n = 200_000
    scores = np.concatenate([rng.normal(2, 1, n), rng.normal(0, 1, n)])
    same = np.arange(2 * n) < n
    assert metrics.eer(scores, same) == pytest.approx(0.1586552539, abs=0.003)  # Phi(-1)
    assert metrics.threshold_at_eer(scores, same) == pytest.approx(1.0, abs=0.02)


def test_roc_has_one_point_per_distinct_score_and_counts_right():
    curve = metrics.roc(SCORES, SAME)
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.6, 0.4, 0.2]
    assert curve.tar == pytest.approx([0, 1 / 3, 2 / 3, 1, 1, 1])
    assert curve.far == pytest.approx([0, 0, 1 / 3, 1 / 3, 2 / 3, 1])


@pytest.mark.parametrize("seed", range(5))
def test_every_point_of_the_roc_is_what_accepting_at_its_threshold_gives(seed):
    scores, same = random_case(seed)
    curve = metrics.roc(scores, same)
    for threshold, far, tar in zip(curve.thresholds, curve.far, curve.tar, strict=True):
        assert metrics.rates_at(scores, same, threshold) == (pytest.approx(far), pytest.approx(tar))


def test_eer_by_hand():
    assert metrics.eer(SCORES, SAME) == pytest.approx(1 / 3)


def test_eer_is_zero_when_separated_half_when_all_tie_one_when_reversed():
    same = np.array([1, 1, 0, 0])
    assert metrics.eer(np.array([4.0, 3, 2, 1]), same) == 0
    assert metrics.eer(np.ones(4), same) == 0.5
    assert metrics.eer(np.array([1.0, 2, 3, 4]), same) == 1


@pytest.mark.parametrize("seed", range(20))
def test_eer_lies_where_the_drawn_curve_crosses_the_line_of_equal_errors(seed):
    scores, same = random_case(seed)
    curve = metrics.roc(scores, same)
    rate = metrics.eer(scores, same)
    fine = np.linspace(0, 1, 20001)
    far, tar = (
        np.interp(fine * (len(curve.far) - 1), np.arange(len(curve.far)), axis) for axis in (curve.far, curve.tar)
    )
    nearest = np.argmin(np.abs(far - (1 - tar)))
    assert rate == pytest.approx(far[nearest], abs=1e-3)


@pytest.mark.parametrize("far", [0.0, 0.01, 0.1, 1 / 3, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_at_a_far_is_the_lowest_that_keeps_it(seed, far):
    scores, same = random_case(seed)
    candidates = [t for t in np.unique(scores) if (scores[~same] >= t).mean() <= far]
    threshold = metrics.threshold_at_far(scores, same, far)
    if candidates:
        assert threshold == min(candidates)
    else:
        assert threshold > scores.max()
    assert metrics.tar_at_far(scores, same, far) == pytest.approx((scores[same] >= threshold).mean())


def test_when_the_best_impostor_beats_everyone_no_false_accept_means_no_accept():
    scores, same = np.array([0.5, 0.9]), np.array([1, 0])
    assert metrics.threshold_at_far(scores, same, 0) > 0.9
    assert metrics.tar_at_far(scores, same, 0) == 0


def test_metrics_do_not_change_with_the_order_of_pairs_or_a_rising_map_of_scores():
    scores, same = random_case(3)
    order = np.random.default_rng(0).permutation(len(scores))
    for metric in (metrics.auc, metrics.eer, lambda s, t: metrics.tar_at_far(s, t, 0.05)):
        assert metric(scores[order], same[order]) == pytest.approx(metric(scores, same))
        assert metric(np.exp(scores), same) == pytest.approx(metric(scores, same))


@pytest.mark.parametrize(
    ("scores", "same", "words"),
    [
        ([0.1, 0.2], [1, 1], "2 same and 0 different"),
        ([0.1, np.nan], [1, 0], "1 NaN"),
        ([0.1, np.inf], [1, 0], "infinite"),
        ([0.1, 0.2, 0.3], [1, 0], "one length"),
        ([0.1, 0.2], [2, 0], "only True and False"),
    ],
)
def test_bad_input_is_refused_in_words(scores, same, words):
    with pytest.raises(BadRequest, match=words):
        metrics.auc(np.array(scores), np.array(same))


def test_a_far_outside_0_to_1_is_refused():
    with pytest.raises(BadRequest, match="rate from 0 to 1"):
        metrics.tar_at_far(SCORES, SAME, 1.5)


def test_ranks_share_places_on_ties():
    assert metrics.ranks(np.array([10, 20, 20, 5])).tolist() == [2, 3.5, 3.5, 1]


def test_replicates_equal_the_auc_of_the_repeated_rows():
    scores, same = random_case(1)
    counts = metrics.resample(len(scores), 40, seed=0)
    fast = metrics.auc_replicates(scores, same, counts)
    for row, value in zip(counts, fast, strict=True):
        assert value == pytest.approx(brute_auc(np.repeat(scores, row), np.repeat(same, row)), abs=1e-12)


def test_replicates_do_not_depend_on_the_chunk(monkeypatch):
    scores, same = random_case(1)
    counts = metrics.resample(len(scores), 40, seed=0)
    whole = metrics.auc_replicates(scores, same, counts)
    monkeypatch.setattr(metrics, "CHUNK", 130)
    assert np.array_equal(whole, metrics.auc_replicates(scores, same, counts))


def test_a_round_without_a_kind_has_no_auc():
    counts = np.array([[1, 0, 2, 0, 0, 0], [2, 2, 0, 2, 0, 0]])
    replicates = metrics.auc_replicates(SCORES, SAME, counts)
    assert np.isfinite(replicates[0])
    assert np.isnan(replicates[1])


def test_plain_draws_keep_the_total_strata_their_sizes_clusters_their_rows_together():
    strata = np.array(["a"] * 3 + ["b"] * 7)
    clusters = np.array([0, 0, 1, 1, 1, 2, 2, 3, 3, 3])
    assert (metrics.resample(10, 50, 0).sum(axis=1) == 10).all()
    by_strata = metrics.resample(10, 50, 0, strata=strata)
    assert (by_strata[:, :3].sum(axis=1) == 3).all()
    assert (by_strata[:, 3:].sum(axis=1) == 7).all()
    by_cluster = metrics.resample(10, 50, 0, clusters=clusters)
    for cluster in range(4):
        drawn = by_cluster[:, clusters == cluster]
        assert (drawn == drawn[:, :1]).all()
    with pytest.raises(BadRequest, match="got both"):
        metrics.resample(10, 1, 0, strata=strata, clusters=clusters)


def test_bootstrap_of_a_mean_matches_its_standard_error():
    values = np.random.default_rng(0).normal(0, 1, 400)
    found = metrics.bootstrap(lambda rows: float(values[rows].mean()), len(values), rounds=2000)
    assert found.value == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.08)


def test_the_auc_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for study in range(150):
        same = np.arange(160) < 80
        found = metrics.auc_interval(rng.normal(same, 1.0), same, rounds=200, seed=study)
        hits += found.low <= 0.7602499389 <= found.high
    assert 0.88 <= hits / 150 <= 0.99


def test_a_gap_between_a_score_and_itself_is_exactly_nothing():
    scores, same = random_case(2)
    found = metrics.auc_gap(scores, 2 * scores + 1, same)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_the_paired_gap_is_narrower_than_two_separate_bootstraps_allow():
    rng = np.random.default_rng(0)
    same = np.arange(400) < 200
    first = rng.normal(same, 1.0)
    second = first + rng.normal(0, 0.2, 400)
    paired = metrics.auc_gap(first, second, same)
    one, two = metrics.auc_interval(first, same), metrics.auc_interval(second, same)
    assert paired.high - paired.low < 0.5 * ((one.high - one.low) ** 2 + (two.high - two.low) ** 2) ** 0.5


def test_the_bootstrap_repeats_itself_for_one_seed_and_not_for_another():
    scores, same = random_case(4)
    assert metrics.auc_interval(scores, same, seed=1) == metrics.auc_interval(scores, same, seed=1)
    assert metrics.auc_interval(scores, same, seed=1) != metrics.auc_interval(scores, same, seed=2)


def test_an_interval_from_too_few_usable_rounds_says_it_does_not_know():
    found = metrics.interval(0.5, np.array([0.4, np.nan, np.nan]))
    assert found.value == 0.5
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_an_interval_reads_well():
    assert str(metrics.Interval(0.9123, 0.9, 0.92449)) == "0.912 [0.900, 0.924]"
    assert str(metrics.Interval(0.998, float("nan"), float("nan"))) == "0.998", "no person is told [nan, nan]"


def test_wilson_matches_published_values_and_stays_inside_0_to_1():
    found = metrics.wilson(8, 10)
    assert (found.low, found.high) == (pytest.approx(0.4901625, abs=1e-6), pytest.approx(0.9433178, abs=1e-6))
    assert metrics.wilson(0, 10).low == 0
    assert metrics.wilson(0, 10).high == pytest.approx(0.2775328, abs=1e-6)
    assert metrics.wilson(10, 10).high == 1
    assert np.isnan(metrics.wilson(0, 0).value)
    with pytest.raises(BadRequest, match="0 to 3"):
        metrics.wilson(4, 3)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_and_ranks_are_scipy_s(level):
    from scipy.stats import binomtest, rankdata

    for n in (1, 2, 7, 40, 1000, 123_457):
        for k in {0, 1, n // 3, n // 2, n - 1, n}:
            found, theirs = metrics.wilson(k, n, level), binomtest(k, n).proportion_ci(level, "wilson")
            assert max(abs(found.low - theirs.low), abs(found.high - theirs.high)) < 1e-12
    values = np.random.default_rng(0).integers(0, 50, 1000).astype(float)
    assert np.array_equal(metrics.ranks(values), rankdata(values))


def test_wilson_solves_the_equation_it_is_defined_by():
    z = 1.959963984540054
    for bound in (metrics.wilson(13, 20).low, metrics.wilson(13, 20).high):
        assert abs(13 / 20 - bound) == pytest.approx(z * (bound * (1 - bound) / 20) ** 0.5)
