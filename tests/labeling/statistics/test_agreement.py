"""Agreement against published figures, brute force and limiting cases."""

import krippendorff
import numpy as np
import pytest

from tests.labeling.judged import from_matrix, judged
from workbench.errors import StudyError
from workbench.labeling.statistics import agreement
from workbench.metrics.roc import resample

N = None
PUBLISHED = [  # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_published_example(level, value):
    assert agreement.alpha(from_matrix(PUBLISHED, "similarity_5"), level, rounds=10).value == pytest.approx(
        value, abs=5e-4
    )


def random_matrix(seed, raters=6, items=25):
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, 6, items)
    answers = np.clip(truth + rng.integers(-1, 2, (raters, items)), 1, 5)
    return [[int(a) if rng.random() < 0.7 else None for a in row] for row in answers]


@pytest.mark.parametrize("level", agreement.LEVELS)
@pytest.mark.parametrize("seed", range(3))
def test_each_bootstrap_round_is_the_package_s_alpha_of_the_items_drawn(level, seed):
    counts, domain = agreement.tally(from_matrix(random_matrix(seed), "similarity_5"), level)
    counts = counts[counts.sum(axis=1) >= 2]
    draws = np.vstack([np.ones(len(counts), dtype=np.int32), resample(len(counts), 8, seed)])
    found = agreement.alpha_replicates(counts, domain, level, draws)
    for draw, value in zip(draws, found, strict=True):
        drawn = np.repeat(counts, draw, axis=0)
        assert value == pytest.approx(
            krippendorff.alpha(value_counts=drawn, value_domain=domain, level_of_measurement=level), abs=1e-10
        )


def test_alpha_is_1_for_one_mind_about_0_for_guessing_and_undefined_without_variation():
    rng = np.random.default_rng(0)
    assert agreement.alpha(from_matrix([[1, 2, 3, 4]] * 3, "similarity_5"), "interval", rounds=20).value == 1
    guess = from_matrix(rng.integers(1, 6, (5, 400)).tolist(), "similarity_5")
    found = agreement.alpha(guess, "nominal", rounds=200)
    assert abs(found.value) < 0.03
    assert found.low < 0 < found.high
    assert np.isnan(agreement.alpha(from_matrix([[2, 2, 2]] * 3, "similarity_5"), "nominal").value)
    assert np.isnan(agreement.alpha(from_matrix([[1, 2, 3]], "similarity_5"), "nominal").value)


def test_alpha_of_same_and_different_uses_classes_when_nominal_and_levels_when_ordinal():
    table = judged([("a", "r", "same_1"), ("a", "s", "same_3"), ("b", "r", "different_3"), ("b", "s", "different_1")])
    assert agreement.alpha(table, "nominal", rounds=10).value == 1
    assert agreement.alpha(table, "ordinal", rounds=10).value < 1


def test_answers_without_a_scale_cannot_be_ordinal():
    with pytest.raises(StudyError, match="use nominal"):
        agreement.alpha(judged([("a", "r", "image_2"), ("a", "s", "image_3")], "triplet"), "ordinal")
    with pytest.raises(StudyError, match="got 'ratio'"):
        agreement.alpha(judged([("a", "r", "image_2")], "triplet"), "ratio")


def test_raw_agreement_counts_pairs_of_raters():
    table = judged(
        [
            ("a", "r", "same_1"),
            ("a", "s", "same_3"),
            ("a", "t", "different_1"),
            ("b", "r", "same_1"),
            ("b", "s", "same_1"),
        ]
    )
    assert agreement.raw_agreement(table, rounds=20).value == pytest.approx((1 + 1) / (3 + 1))


def brute_others(table):
    out = []
    for _, row in table.iterrows():
        rest = table[(table["item"] == row["item"]) & (table["rater"] != row["rater"])]
        votes = rest["answer"].value_counts()
        if not len(rest):
            out.append((np.nan, None, np.nan))
            continue
        top = votes[votes == votes.max()].index.tolist()
        agrees = 0.0 if row["answer"] not in top else 1.0 if len(top) == 1 else 0.5
        out.append((agrees, top[0] if len(top) == 1 else None, rest["value"].mean()))
    return out


@pytest.mark.parametrize("seed", range(3))
def test_what_the_others_said_equals_looking_each_time(seed):
    table = from_matrix(random_matrix(seed), "similarity_5")
    found = agreement.others(table)
    for (agrees, majority, mean), (_, row) in zip(brute_others(table), found.iterrows(), strict=True):
        assert row["agrees"] == pytest.approx(agrees, nan_ok=True)
        assert row["majority"] == majority
        assert row["mean"] == pytest.approx(mean, nan_ok=True)


def test_the_ceiling_of_labels_by_hand():
    table = judged(
        [
            ("a", "r", "same_1"),
            ("a", "s", "same_3"),
            ("a", "t", "different_1"),
            ("b", "r", "same_1"),
            ("b", "s", "different_1"),
        ]
    )
    found = agreement.noise_ceiling(table, rounds=50)
    assert found.unit == "agreement"
    assert found.lower.value == pytest.approx((0.5 + 0.5 + 0 + 0 + 0) / 5)
    assert found.upper.value == pytest.approx((1 + 1 + 0 + 0.5 + 0.5) / 5)


def test_the_ceiling_of_a_scale_is_the_correlation_with_the_others_and_with_all():
    table = from_matrix(random_matrix(1), "similarity_5")
    found = agreement.noise_ceiling(table, rounds=50)
    rest = agreement.others(table)
    known = rest["mean"].notna()
    everyone = table.groupby("item")["value"].transform("mean")
    assert found.unit == "correlation"
    assert found.lower.value == pytest.approx(np.corrcoef(table["value"][known], rest["mean"][known])[0, 1])
    assert found.upper.value == pytest.approx(np.corrcoef(table["value"][known], everyone[known])[0, 1])
    assert found.lower.low < found.lower.value < found.lower.high < found.upper.high


def test_split_half_is_1_for_one_mind_and_about_0_for_guessing():
    rng = np.random.default_rng(0)
    truth = rng.integers(1, 8, 60)
    same_mind = agreement.split_half(from_matrix([truth.tolist()] * 4), splits=20)
    assert (same_mind.halves.value, same_mind.full.value) == (pytest.approx(1), pytest.approx(1))
    guess = agreement.split_half(from_matrix(rng.integers(1, 8, (6, 300)).tolist()), splits=50)
    assert abs(guess.halves.value) < 0.1


def test_split_half_meets_spearman_brown_in_theory():
    rng = np.random.default_rng(0)
    items, raters = 3000, 8
    scores = rng.normal(0, 1, items) + rng.normal(0, 2, (raters, items))
    cells = [(f"i{i:04d}", f"r{r}", "4") for r in range(raters) for i in range(items)]
    table = judged(cells, "similarity_7", value=scores.ravel())
    found = agreement.split_half(table, splits=10)
    assert found.halves.value == pytest.approx(1 / (1 + 4 / 4), abs=0.03)  # 4 raters a half, noise variance 4
    assert found.full.value == pytest.approx(1 / (1 + 4 / 8), abs=0.03)


def test_every_item_is_halved_and_an_odd_rater_goes_either_way():
    item = np.array([0, 1, 0, 1, 0, 1, 0, 2, 2, 2])
    sizes = set()
    rng = np.random.default_rng(0)
    for _ in range(30):
        first = agreement.halve(item, rng)
        assert first[item == 0].sum() == 2
        sizes.add(int(first[item == 1].sum()))
        assert first[item == 2].sum() in (1, 2)
    assert sizes == {1, 2}


def test_split_half_of_labels_without_values_is_the_share_of_equal_majorities():
    table = judged([(item, rater, f"image_{2 + (item == 'b')}") for item in "ab" for rater in "rstu"], "triplet")
    found = agreement.split_half(table, splits=10)
    assert (found.unit, found.halves.value, found.full) == ("agreement", 1.0, None)


def test_halves_that_always_contradict_each_other_have_no_figure_for_a_longer_test():
    """Spearman–Brown divides by 1 + r: at −1 it was minus infinity, and a warning."""
    rows = judged(
        [(f"i{n}", f"r{r}", f"{'same' if (n + r) % 2 else 'different'}_3") for n in range(12) for r in (0, 1)]
    )
    found = agreement.split_half(rows, splits=20)
    assert found.full is not None
    assert not np.isinf([found.full.value, found.full.low, found.full.high]).any()
