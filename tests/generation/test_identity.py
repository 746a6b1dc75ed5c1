"""Arithmetic on the hypersphere: angles are exact, lengths kept, and new identities really are as far apart as
promised."""

import numpy as np
import pytest

from workbench.errors import BadRequest, Cancelled
from workbench.generation import identity, packing
from workbench.generation.impostors import strangers
from workbench.generation.population import Population, population, save
from workbench.thresholds import calibrated
from workbench.watch import Watch

RNG = np.random.default_rng(0)
LENGTHS = {"cosine": 1.0, "l2": 1.4}


def vectors(count: int, metric: str, size: int = 64) -> np.ndarray:
    rows = RNG.standard_normal((count, size))
    return (LENGTHS[metric] * rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(params=["cosine", "l2"])
def metric(request) -> str:
    return request.param


def test_the_mean_of_one_is_that_one(metric):
    (one,) = vectors(1, metric)
    assert identity.mean(one[None], metric) == pytest.approx(one, abs=1e-6)


def test_the_mean_lies_between_and_keeps_the_usual_length(metric):
    pair = vectors(2, metric)
    found = identity.mean(pair, metric)
    assert np.linalg.norm(found) == pytest.approx(LENGTHS[metric], rel=1e-5)
    assert identity.angle(found, pair[0]) == pytest.approx(identity.angle(found, pair[1]), abs=1e-3)


def test_between_two_people_goes_at_even_speed(metric):
    first, second = vectors(2, metric)
    whole = identity.angle(first, second)
    for share in (0.0, 0.25, 0.5, 1.0):
        found = identity.between(first, second, share, metric)
        assert identity.angle(found, first) == pytest.approx(share * whole, abs=0.02)
        assert np.linalg.norm(found) == pytest.approx(LENGTHS[metric], rel=1e-5)


def test_between_two_lengths_the_length_goes_evenly():
    found = identity.between(np.array([2.0, 0]), np.array([0, 4.0]), 0.5, "l2")
    assert np.linalg.norm(found) == pytest.approx(3)


def test_between_opposites_there_is_no_one_way():
    with pytest.raises(BadRequest, match="opposite"):
        identity.between(np.array([1.0, 0]), np.array([-1.0, 0]), 0.5, "cosine")


@pytest.mark.parametrize("degrees", [0, 5, 40, 90])
def test_drift_turns_by_exactly_the_angle_asked(metric, degrees):
    (one,) = vectors(1, metric)
    found = identity.drift(one, degrees, metric, seed=3)
    assert identity.angle(found, one) == pytest.approx(degrees, abs=0.03)
    assert np.linalg.norm(found) == pytest.approx(LENGTHS[metric], rel=1e-5)
    assert np.array_equal(found, identity.drift(one, degrees, metric, seed=3))


def test_drift_goes_where_faces_differ():
    rows = RNG.standard_normal((500, 32)) * np.where(np.arange(32) < 4, 5.0, 0.01) + 20
    known = Population.of(rows)
    moved = identity.drift(rows[0], 10, "l2", 1, known) - rows[0]
    anyhow = identity.drift(rows[0], 10, "l2", 1) - rows[0]
    assert (moved[:4] ** 2).sum() / (moved**2).sum() > 2 * (anyhow[:4] ** 2).sum() / (anyhow**2).sum()


def test_variations_keep_the_length_and_turn_by_about_atan_sigma(metric):
    (one,) = vectors(1, metric, 512)
    found = identity.perturb(one, 0.5, 40, metric, seed=1)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.full(40, LENGTHS[metric]), rel=1e-4)
    assert identity.angle(found, one).mean() == pytest.approx(np.degrees(np.arctan(0.5)), abs=1.5)
    assert np.array_equal(found[:7], identity.perturb(one, 0.5, 7, metric, seed=1))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: identity.drift(np.ones(4), 91, "cosine", 0),
        lambda: identity.drift(np.ones(4), float("nan"), "cosine", 0),
        lambda: identity.between(np.ones(4), np.ones(4), 1.1, "cosine"),
        lambda: identity.perturb(np.ones(4), -1, 1, "cosine", 0),
        lambda: identity.mean(np.ones((2, 4)), "hamming"),
        lambda: identity.mean(np.zeros((1, 4)), "cosine"),
        lambda: identity.mean(np.full((1, 4), np.nan), "cosine"),
        lambda: identity.mean(np.zeros((0, 4)), "cosine"),
    ],
)
def test_what_has_no_meaning_is_refused(wrong):
    with pytest.raises(BadRequest, match="expected"):
        wrong()


def test_a_threshold_is_an_angle():
    assert identity.angle_at(0.5, "cosine") == pytest.approx(60)
    assert identity.angle_at(1.0, "l2", 1.0) == pytest.approx(60)


class TestNewIdentities:
    def test_they_keep_the_angle_to_each_other_and_to_the_gallery(self, metric):
        known = Population.of(vectors(400, metric, 24) + 0.15)
        gallery = np.concatenate([vectors(20, metric, 24), known.sample(3, 1)])
        found = packing.new_identities(12, 55, metric, known, gallery=gallery, seed=1)
        apart = identity.angle(found[:, None], found[None]) + 180 * np.eye(12)
        assert found.shape == (12, 24)
        assert apart.min() >= 55 - 1e-3
        assert identity.angle(found[:, None], gallery[None]).min() >= 55 - 1e-3
        assert identity.angle(known.sample(12, 1)[:3], gallery[-3:]).max() < 0.1, (
            "it would have begun at three people of the gallery"
        )
        assert np.linalg.norm(found, axis=1) == pytest.approx(
            np.full(12, known.length[0] if metric == "l2" else 1), rel=1e-4
        )

    def test_the_seed_decides(self):
        known = Population.even(16)
        first, again, other = (packing.new_identities(5, 40, "cosine", known, seed=seed) for seed in (1, 1, 2))
        assert np.array_equal(first, again)
        assert not np.allclose(first, other)

    def test_too_many_too_far_apart_says_what_would_fit(self):
        with pytest.raises(BadRequest, match=r"at least 85° apart.*\d\.\d° were"):
            packing.new_identities(40, 85, "cosine", Population.even(8), seed=0)

    @pytest.mark.parametrize(("count", "least"), [(0, 30), (10_000, 30), (2.5, 30), (4, -1), (4, 121), (True, 30)])
    def test_impossible_numbers_are_refused(self, count, least):
        with pytest.raises(BadRequest, match="expected"):
            packing.new_identities(count, least, "cosine", Population.even(8))

    def test_cancel_stops_it(self):
        with pytest.raises(Cancelled):
            packing.new_identities(50, 60, "cosine", Population.even(32), watch=Watch(cancelled=lambda: True))


class TestThePopulation:
    def test_it_samples_what_it_was_measured_on(self):
        mix = RNG.standard_normal((20, 20))
        rows = RNG.standard_normal((4000, 20)) @ mix + 3
        drawn = Population.of(rows).sample(4000, 1)
        assert drawn.mean(0) == pytest.approx(rows.mean(0), abs=0.4)
        assert np.cov(drawn.T) == pytest.approx(np.cov(rows.T), abs=4)

    def test_usual_faces_are_not_strange_and_others_are(self):
        rows = RNG.standard_normal((4000, 20)) * np.linspace(1, 4, 20)
        known = Population.of(rows)
        assert known.strangeness(rows).mean() == pytest.approx(1, abs=0.05)
        assert known.strangeness(5 * rows).mean() == pytest.approx(5, abs=0.3)

    def test_it_survives_the_file(self, tmp_path):
        known = Population.of(RNG.standard_normal((300, 100)) * np.linspace(0.1, 2, 100))
        save({"x": known}, tmp_path / "t.npz")
        found = population("x", tmp_path / "t.npz")
        assert found.axes @ found.axes.T == pytest.approx(np.eye(64), abs=1e-6)
        assert found.sample(3, 1) == pytest.approx(known.sample(3, 1), abs=0.05)
        assert population("y", tmp_path / "t.npz") is None


@pytest.mark.parametrize("model", ["dlib", "sface"])
def test_the_committed_tables_agree_with_each_other(model):
    known, table = population(model), strangers(model)
    share = table.share_above(calibrated(model) if model == "sface" else -calibrated(model))
    assert 0.002 < share < 0.03, (
        "the threshold passes about one of a hundred pairs of strangers who were not calibrated on"
    )
    assert table.usual_same > table.different[-9]
    assert table.share_above(table.different[0] - 1) == 1
    assert table.share_above(table.different[-1] + 1) == 0
    if model == "dlib":
        assert known.length[0] == pytest.approx(table.length, rel=0.05)
    assert known.strangeness(known.sample(50, 1)).mean() == pytest.approx(1, abs=0.1)


def test_new_dlib_identities_are_strangers_to_each_other():
    table, metric = strangers("dlib"), "l2"
    least = identity.angle_at(calibrated("dlib"), metric, population("dlib").length[0])
    found = packing.new_identities(24, least, metric, population("dlib"), seed=4)
    apart = [np.linalg.norm(a - b) for n, a in enumerate(found) for b in found[:n]]
    assert min(apart) >= calibrated("dlib") * 0.999
    assert table.share_above(-min(apart)) > 0.005, (
        "the nearest two are no more alike than one of two hundred pairs of strangers"
    )
    assert population("dlib").strangeness(found).max() < 2
