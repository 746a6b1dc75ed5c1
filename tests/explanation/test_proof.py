"""The proof believes what deserves it, and nothing else."""

import numpy as np
import pytest
import torch

from tests.explanation import toys
from tests.explanation.toys import abilities
from workbench.errors import Cancelled
from workbench.explanation import controls
from workbench.explanation.curves import curves, ranks
from workbench.explanation.fills import make_fill
from workbench.explanation.methods import find, run
from workbench.explanation.proof import prove
from workbench.explanation.question import ChipMap, Question
from workbench.explanation.randomisation import likeness, randomisation_check
from workbench.explanation.targets import class_score
from workbench.explanation.verdict import CHANCE, EVIDENCE, NOTHING, judge
from workbench.watch import Watch


def ask(toy, chip, watch=None, scale="log odds", seed=0):
    return Question(class_score(toy, toy.labels[-1], scale), chip, seed=seed, watch=watch or Watch())


@pytest.fixture(scope="module")
def finder():
    return toys.sticker_finder().toy


@pytest.fixture(scope="module")
def chip():
    return toys.sticker(2, seed=3)[0][1:]


@pytest.fixture(scope="module")
def spot():
    """The sticker of `chip` as a perfect map, slightly blurred."""
    top, left = toys.sticker(2, seed=3)[2][1]
    heat = np.zeros((32, 32), np.float32)
    heat[top : top + 7, left : left + 7] = 1
    return controls.gaussian_filter(heat, 1.0)


class TestCurves:
    def test_follow_the_score_of_the_chip_with_the_hottest_pixels_taken_away(self, finder, chip, spot):
        question = ask(finder, chip)
        found = curves(question, [spot], steps=4, fill="mean")
        order = np.argsort(ranks(spot).ravel())
        cover = make_fill("mean", chip).image
        for place, share in enumerate(found.share):
            gone = torch.zeros(32 * 32, dtype=torch.bool)
            gone[order[: round(share * 1024)].copy()] = True
            gone = gone.reshape(1, 1, 32, 32)
            for curve, mask in ((found.deletion, gone), (found.insertion, ~gone)):
                expected = float(question.scores(torch.where(mask, cover, chip), shown=True))
                assert curve[0, place] == pytest.approx(expected, abs=1e-5)

    def test_areas_are_those_of_the_drawn_lines(self, finder, chip, spot):
        found = curves(ask(finder, chip), [spot, -spot], steps=4)
        width = 0.25
        for row in range(2):
            line = found.deletion[row]
            assert found.deletion_auc[row] == pytest.approx(width * (line.sum() - (line[0] + line[-1]) / 2))
        np.testing.assert_allclose(found.gain, found.insertion_auc - found.deletion_auc)

    def test_many_maps_at_once_are_the_same_as_one_at_a_time(self, finder, chip, spot):
        maps = [spot, controls.middle(32), controls.edges(ask(finder, chip).pixels)]
        together = curves(ask(finder, chip), maps, steps=5)
        for row, heat in enumerate(maps):
            alone = curves(ask(finder, chip), [heat], steps=5)
            np.testing.assert_allclose(together.deletion[row], alone.deletion[0], atol=1e-6)
            np.testing.assert_allclose(together.insertion[row], alone.insertion[0], atol=1e-6)

    def test_ranks_order_from_hot_to_cold_and_ties_by_neighbourhood(self):
        heat = np.zeros((32, 32), np.float32)
        heat[4, 4] = 5
        order = ranks(heat)
        assert order[4, 4] == 0
        assert order[5, 5] < order[30, 30]
        assert len(np.unique(order)) == 1024

    def test_layer_fill_is_allowed_on_a_convolutional_network(self, chip, spot):
        found = curves(ask(toys.convolutional(), chip), [spot], steps=4, fill="layer")
        assert np.isfinite(found.deletion).all()


class TestControls:
    def test_random_maps_are_as_smooth_as_the_map(self, spot):
        def roughness(maps, mean):
            """How much neighbours differ, against how much pixels differ at all."""
            return [
                ((maps[..., lag:] - maps[..., :-lag]) ** 2).mean() / ((maps - mean) ** 2).mean() for lag in (1, 2, 4)
            ]

        for heat in (
            spot,
            controls.gaussian_filter(np.random.default_rng(1).standard_normal((32, 32)), 3).astype(np.float32),
        ):
            maps = controls.random_like(heat, 400, seed=0)
            np.testing.assert_allclose(roughness(maps, 0.0), roughness(heat, heat.mean()), rtol=0.2)

    def test_random_maps_are_hot_anywhere(self, spot):
        hottest = [np.unravel_index(each.argmax(), each.shape) for each in controls.random_like(spot, 300, seed=0)]
        down, across = np.array(hottest).T
        for axis in (down, across):
            assert {int(place) // 8 for place in axis} == {0, 1, 2, 3}

    def test_the_seed_decides(self, spot):
        assert np.array_equal(controls.random_like(spot, 3, 5), controls.random_like(spot, 3, 5))
        assert not np.array_equal(controls.random_like(spot, 3, 5), controls.random_like(spot, 3, 6))


class TestVerdict:
    def test_a_true_map_is_evidence(self, finder, chip, spot):
        found = prove(ask(finder, chip), ChipMap(spot))
        assert found.verdict.word == EVIDENCE
        assert found.verdict.counts
        assert found.verdict.gain > found.verdict.chance
        assert found.verdict.sentence.startswith("Evidence")

    def test_the_same_map_in_the_wrong_place_is_not(self, finder, chip, spot):
        wrong = np.roll(spot, (16, 16), axis=(0, 1))
        found = prove(ask(finder, chip), ChipMap(wrong))
        assert found.verdict.word == CHANCE
        assert "No better than chance here" in found.verdict.sentence

    def test_random_maps_pass_about_one_time_in_twenty(self, finder, chip):
        seeds = np.random.default_rng(0)
        heat = controls.gaussian_filter(seeds.standard_normal((32, 32)), 2).astype(np.float32)
        tried = controls.random_like(heat, 200, seed=11)
        question = ask(finder, chip)
        gains = curves(question, list(controls.random_like(heat, 50, seed=12)), steps=6).gain
        passed = sum(gain > np.percentile(gains, 95) for gain in curves(question, list(tried), steps=6).gain)
        assert passed <= 0.15 * len(tried)

    def test_a_constant_model_gives_no_evidence(self):
        toy = toys.constant()
        question = Question(class_score(toy, "yes"), toys.chip(32))
        heat = run(find("occlusion"), question, abilities(toy), {"window": 8, "stride": 4})
        found = prove(question, heat, lambda asked: run(find("occlusion"), asked, abilities(toy), {}))
        assert not heat.values.any()
        assert found.verdict.word == NOTHING == "no evidence"
        assert not found.verdict.counts
        assert found.randomisation is not None
        assert not found.randomisation.passed

    def test_beating_chance_but_not_edges_is_not_evidence(self):
        verdict = judge(0.5, np.linspace(0, 0.4, 50), edge_gain=0.6, middle_gain=0.1, empty=False)
        assert verdict.word == CHANCE
        assert "edge detector" in verdict.sentence

    def test_a_blob_that_does_as_well_is_mentioned(self):
        verdict = judge(0.5, np.linspace(0, 0.4, 50), edge_gain=0.3, middle_gain=0.7, empty=False)
        assert verdict.counts
        assert "plain blob" in verdict.sentence


class TestRandomisation:
    def test_a_method_that_ignores_the_weights_fails(self, finder, chip):
        def edge_method(question: Question) -> ChipMap:
            return ChipMap(controls.edges(question.pixels))

        question = ask(finder, chip)
        check = randomisation_check(question, edge_method, edge_method(question), stages=3)
        assert check.spearman == (1.0, 1.0, 1.0)
        assert check.ssim == pytest.approx((1.0, 1.0, 1.0))
        assert not check.passed
        assert "the photo more than the model" in check.sentence

    @pytest.mark.parametrize("method", ["grad_cam", "occlusion"])
    def test_a_method_that_reads_the_weights_passes(self, method):
        knobs = {"occlusion": {"window": 8, "stride": 4, "fill": "mean"}}.get(method, {})
        toy = toys.convolutional()
        question, model = ask(toy, toys.chip(32)), abilities(toy)
        heat = run(find(method), question, model, knobs)
        check = randomisation_check(question, lambda asked: run(find(method), asked, model, knobs), heat, stages=3)
        assert check.passed
        assert len(check.stages) == len(check.spearman) == 3

    def test_starts_at_the_output_and_leaves_the_model_alone(self, finder, chip):
        before = [parameter.clone() for parameter in finder.network.parameters()]
        seen = []
        check = randomisation_check(
            ask(finder, chip), lambda asked: ChipMap(_remember(seen, asked)), ChipMap(np.eye(32, dtype=np.float32)), 3
        )
        assert check.stages[0] == "4"
        for parameter, kept in zip(finder.network.parameters(), before, strict=True):
            assert torch.equal(parameter, kept)
        kernels = [(weights[i], before[i]) for weights in seen for i in (0, 2, 4)]
        assert [not torch.equal(now, then) for now, then in kernels] == [
            False,
            False,
            True,
            False,
            True,
            True,
            True,
            True,
            True,
        ]
        assert all(torch.equal(now.flatten().sort()[0], then.flatten().sort()[0]) for now, then in kernels)

    def test_likeness_of_a_map_with_itself_is_one_and_with_nothing_is_none(self):
        heat = np.random.default_rng(0).standard_normal((16, 16)).astype(np.float32)
        assert likeness(heat, heat) == pytest.approx((1.0, 1.0, 1.0))
        assert likeness(heat, -heat) == pytest.approx((-1.0, 1.0, 1.0))
        assert likeness(heat, np.zeros_like(heat)) == (0.0, 0.0, 0.0)


def _remember(seen: list, asked: Question) -> np.ndarray:
    seen.append([parameter.clone() for parameter in asked.target.model.network.parameters()])
    return np.eye(32, dtype=np.float32)


def test_cancel_stops_the_proof(finder, chip, spot):
    with pytest.raises(Cancelled):
        prove(ask(finder, chip, Watch(cancelled=lambda: True)), ChipMap(spot))


def test_progress_rises_over_the_whole_panel(finder, chip, spot):
    shares: list[float] = []
    question = ask(finder, chip, Watch(lambda share, word: shares.append(share)))
    prove(question, ChipMap(spot), lambda asked: run(find("grad_cam"), asked, abilities(finder), {}), stages=2)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_figures_hold_every_number_of_the_panel(finder, chip, spot):
    row = prove(ask(finder, chip), ChipMap(spot), lambda asked: ChipMap(spot), stages=2).figures()
    assert row["verdict"] == "evidence"
    assert row["randomised_spearman"] == 1.0
    assert {"deletion_auc", "insertion_auc", "gain", "gain_edges", "gain_chance_p95", "randoms_beaten"} <= row.keys()
    assert row["insertion_auc"] - row["deletion_auc"] == pytest.approx(row["gain"])
