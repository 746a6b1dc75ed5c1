"""Figures worked out by hand, intervals that hold what they say, comparisons that do not see what is not there."""

from pathlib import Path

import numpy as np
import pytest

from tests.evaluation import folders
from workbench.errors import BadRequest
from workbench.evaluation import labels, parsing, recognition
from workbench.evaluation.truth import IGNORED
from workbench.evaluation.weighing import Draws, Gap, holm, memberships
from workbench.metrics.parsing import Tally
from workbench.metrics.roc import Interval
from workbench.parts import INDEX, PARTS


def _spoiled(share: float, seed: int) -> np.ndarray:
    truth = folders.face()
    noise = np.random.default_rng(seed).random(truth.shape) < share
    return np.where(noise, INDEX["skin"], truth).astype(np.uint8)


def test_figures_equal_the_tally_of_the_training() -> None:
    tally, pictures = Tally(), []
    for seed in range(8):
        truth, answer = folders.face(hair=10 + seed), _spoiled(0.1 * seed, seed)
        tally.add(truth, answer)
        pictures.append(parsing.judge(str(seed), truth, answer, PARTS))
    parsed, draws, wanted = parsing.Parsed(tuple(pictures)), Draws.over([""] * 8, 100), tally.figures()

    stats = {name: draws.of(statistic) for name, statistic in parsed.statistics().items()}

    assert stats["pooled F1"].value == pytest.approx(wanted["pooled_f1"], abs=1e-12)
    assert stats["F1 per picture"].value == pytest.approx(wanted["picture_f1"], abs=1e-12)
    assert stats["mIoU"].value == pytest.approx(wanted["miou"], abs=1e-12)
    assert stats["pixel accuracy"].value == pytest.approx(wanted["pixel_accuracy"], abs=1e-12)
    assert all(value.low <= value.value <= value.high for value in stats.values())
    parts = parsed.parts(draws)
    assert {part: row["F1"].value for part, row in parts.items()} == pytest.approx(wanted["f1"])
    assert {part: row["IoU"].value for part, row in parts.items()} == pytest.approx(wanted["iou"])


def test_boundaries_shifted_by_three_pixels_agree_at_one_hundredth_of_a_large_picture_only() -> None:
    truth = np.zeros((400, 400), np.uint8)
    truth[100:300, 100:300] = INDEX["hair"]
    picture = parsing.judge("a", truth, np.roll(truth, 3, axis=1), PARTS)

    tight, wide = parsing.boundary_f(picture.edges[:, INDEX["hair"]])

    assert 0.4 < tight < 0.6, "the two upright edges lie three pixels off, the level ones do not"
    assert wide == 1


def test_what_is_ignored_counts_for_nobody() -> None:
    truth, answer = folders.face(), folders.face()
    answer[40:] = INDEX["hat"]
    truth[40:] = IGNORED

    assert parsing.judge("a", truth, answer, PARTS).score == 1


def test_a_part_the_data_set_does_not_know_counts_as_background() -> None:
    truth = folders.face()
    truth[50:] = 0
    answer = folders.face()
    answer[50:] = INDEX["cloth"]

    assert parsing.judge("a", truth, answer, ("skin", "hair", "image_left_eye", "image_right_eye")).score == 1
    assert parsing.judge("a", truth, answer, PARTS).score < 1


def test_exchanged_sides_are_noticed() -> None:
    truth = folders.face(left=INDEX["image_right_eye"])

    assert parsing.judge("a", truth, folders.face(), PARTS).exchanged
    assert not parsing.judge("a", folders.face(), folders.face(), PARTS).exchanged


def test_a_mask_of_another_size_is_brought_together_and_of_another_shape_refused() -> None:
    large = folders.face().repeat(2, 0).repeat(2, 1)

    assert parsing.judge("a", folders.face(), large, PARTS).score == 1
    with pytest.raises(BadRequest, match="another shape"):
        parsing.judge("a", folders.face(), large[:, :64], PARTS)


def _answers(right: np.ndarray, sure: float = 0.8) -> labels.Classified:
    truth = np.arange(len(right)) % 2
    said = np.where(right, truth, 1 - truth)
    scores = np.full((len(right), 2), 1 - sure)
    scores[np.arange(len(right)), said] = sure
    return labels.Classified(tuple(map(str, range(len(right)))), ("happy", "sad"), truth, scores)


def test_accuracy_calibration_and_coverage_by_hand() -> None:
    found = _answers(np.arange(100) % 4 > 0)
    draws = Draws.over([""] * 100, 300)
    stats = {name: draws.of(statistic) for name, statistic in found.statistics().items()}

    assert stats["accuracy"].value == 0.75
    assert stats["balanced accuracy"].value == 0.75
    assert stats["calibration error"].value == pytest.approx(0.05)
    assert 0.6 < stats["accuracy"].low < 0.75 < stats["accuracy"].high < 0.9
    coverage, risk = found.risk()
    assert (coverage[-1], risk[-1]) == (1, 0.25)
    assert found.confusion().sum() == 100
    assert len(found.surest_mistakes(5)) == 5


def test_mcnemar_is_the_exact_binomial() -> None:
    first, second = np.ones(40, bool), np.ones(40, bool)
    first[:2], second[10:22] = False, False

    only_first, only_second, p = labels.mcnemar(_answers(first), _answers(second))

    assert (only_first, only_second) == (12, 2)
    assert p == pytest.approx(2 * sum(__import__("math").comb(14, k) for k in range(3)) / 2**14)


def test_a_difference_of_one_model_from_itself_is_none_and_a_real_one_is_seen() -> None:
    rng = np.random.default_rng(0)
    weak, strong = _answers(rng.random(400) < 0.6), _answers(rng.random(400) < 0.85)
    draws = Draws.over([""] * 400, 500)
    one, two = (found.statistics()["accuracy"] for found in (weak, strong))

    assert not draws.gap(one, one).clear
    assert draws.gap(two, one).clear
    assert draws.gap(two, one).difference.low > 0.1


def test_people_are_drawn_with_all_their_photos() -> None:
    values = np.repeat(np.random.default_rng(1).random(20), 10)
    mean = lambda weights: weights @ values / weights.sum(1)  # noqa: E731
    by_photo = Draws.over([""] * 200, 400).of(mean)
    by_person = Draws.over([str(i // 10) for i in range(200)], 400).of(mean)

    assert by_person.high - by_person.low > 2 * (by_photo.high - by_photo.low)


def test_an_interval_of_95_holds_the_truth_about_that_often() -> None:
    held = 0
    for seed in range(100):
        right = np.random.default_rng(seed).random(150) < 0.7
        found = Draws.over([""] * 150, 200, seed).of(_answers(right).statistics()["accuracy"])
        held += found.low <= 0.7 <= found.high

    assert 86 <= held <= 100


def test_holm_corrects_for_the_number_of_groups() -> None:
    none = Interval(0, 0, 0)
    gaps = {"a": Gap(none, 0.01, 5), "b": Gap(none, 0.04, 5), "c": Gap(none, 0.03, 5), "d": Gap(none, float("nan"), 5)}

    found = {name: gap.adjusted for name, gap in holm(gaps).items()}

    assert found["a"] == pytest.approx(0.03)
    assert found["c"] == found["b"] == pytest.approx(0.06)
    assert np.isnan(found["d"])


def test_groups_become_rows_by_column_and_value() -> None:
    found = memberships([{"age": "old"}, {"age": "young", "light": "dim"}, {}])

    assert {name: rows.tolist() for name, rows in found.items()} == {
        "age: old": [True, False, False],
        "age: young": [False, True, False],
        "light: dim": [False, True, False],
    }


def _verified(seed: int = 0, n: int = 200) -> recognition.Verified:
    rng = np.random.default_rng(seed)
    same = np.arange(n) % 2 == 0
    sides = tuple((f"a{i}", f"b{i}") for i in range(n))
    names = [f"p{i // 4}" for i in range(n)]
    return recognition.Verified(same * 0.4 + rng.normal(0, 0.1, n), same, sides, (names, names), 0.2)


def test_error_rates_of_a_group_are_counted_at_the_one_threshold() -> None:
    found = _verified()
    groups = {name: {"sex": "f" if int(name[1:]) < 100 else "m"} for pair in found.sides for name in pair}
    rates = found.rates(groups)

    match, non_match, different, same = rates["sex: f"]
    rows = np.arange(200) < 100
    assert (different, same) == (50, 50)
    assert match.value == pytest.approx(((found.similarity >= 0.2) & ~found.same & rows).sum() / 50)
    assert non_match.value == pytest.approx(((found.similarity < 0.2) & found.same & rows).sum() / 50)
    assert found.hardest(1)[0][3] == found.similarity[found.same].min()


def test_error_rates_of_groups_are_drawn_and_told_at_one_threshold() -> None:
    from workbench.evaluation.measuring import Evaluation, Measured
    from workbench.evaluation.plots import drawn
    from workbench.evaluation.run import as_json
    from workbench.evaluation.truth import Case, Truth

    found = _verified()
    sex = {name: {"sex": "f" if int(name[1:]) < 100 else "m"} for pair in found.sides for name in pair}
    measured = Measured("m", found, {}, "AUC")
    truth = Truth("pairs", "drawn", tuple(Case(name, Path(name), groups=row) for name, row in sex.items()))

    axes = drawn(measured, rates=found.rates(sex))["gaps"].axes[0]
    told = as_json(Evaluation(truth, (measured,)))["models"]["m"]["error rates"]

    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.texts] == ["sex: f", "sex: m"]
    assert told["sex: f"]["FNMR"][0] == found.rates(sex)["sex: f"][1].value
    assert "gaps" not in drawn(measured, rates={})


def test_identification_counts_the_nearest_and_keeps_strangers_out() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, 16))
    people = {f"{who}-{photo}": str(who) for who in range(30) for photo in range(3)}
    vectors = {id_: (centres[int(who)] + rng.normal(0, 0.05, 16)).astype(np.float32) for id_, who in people.items()}

    found = recognition.identify(vectors, people, "cosine")

    assert found is not None
    assert (found.people, found.probes, found.rank_1.value) == (30, 60, 1)
    assert found.open_set.value > 0.9
    assert recognition.identify({"a": vectors["0-0"]}, {"a": "x"}, "cosine") is None
