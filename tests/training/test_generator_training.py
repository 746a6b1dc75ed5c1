"""How the embedded portrait model's prior is trained and measured: seeded, resumable, and by figures that are right on
made-up cases."""

import numpy as np
import pytest
import torch

from training import generator, generator_check, generator_compare, generator_others, generator_prior, generator_samples
from training.generator_check import References, Sheet
from training.generator_prior import Plan, held_loss, learn, new_run, train
from training.generator_samples import HELD_OUT, Samples
from workbench.models.portraits.identity_prior_network import LatentPrior

TINY = Plan(width=64, depth=1, batch=128, rate=1e-2, seed=3)


@pytest.fixture
def samples():
    """Latents that stand, whole, in their vectors."""
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((400, 100)).astype(np.float32)
    vectors = rng.standard_normal((400, 128)).astype(np.float32) * 0.05
    vectors[:, :100] += latents
    return Samples(latents, np.zeros((400, 5, 2), np.float32), vectors, np.zeros((400, 0), np.float32), 450)


def stepped(samples, steps, plan=TINY):
    run = new_run(plan, samples.vectors)
    latents, vectors = torch.from_numpy(samples.latents), torch.from_numpy(samples.vectors)
    lost = [learn(run, plan, latents, vectors) for _ in range(steps)]
    return run, lost


def test_the_same_seed_trains_the_same_network(samples):
    first, second = stepped(samples, 3)[1], stepped(samples, 3)[1]
    assert first == second
    assert stepped(samples, 3, Plan(width=64, depth=1, batch=128, rate=1e-2, seed=4))[1] != first


def test_a_prior_learns_to_use_the_vector(samples):
    run, _ = stepped(samples, 200)
    run.average.load_state_dict(run.network.state_dict())
    told, nobody = held_loss(run, torch.from_numpy(samples.latents), torch.from_numpy(samples.vectors))
    assert told < nobody - 0.02


def test_a_checkpoint_goes_on_as_if_it_had_not_been_stopped(samples, tmp_path):
    whole, lost = stepped(samples, 6)
    run, _ = stepped(samples, 3)
    run.save(tmp_path / "prior.pt")
    again = new_run(TINY, samples.vectors)
    again.restore(tmp_path / "prior.pt")
    rows = torch.from_numpy(samples.latents), torch.from_numpy(samples.vectors)
    assert [learn(again, TINY, *rows) for _ in range(3)] == lost[3:]
    for ours, theirs in zip(again.average.parameters(), whole.average.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_run_ends_by_the_clock_and_its_log_tells(samples, tmp_path):
    run = train(samples, tmp_path, 0.01, TINY, resume=False)
    assert run.share >= 1
    assert run.step > 0
    assert f"step {run.step} " in (tmp_path / "prior.log").read_text()


def test_what_is_exported_is_what_diffusers_loads(samples, tmp_path):
    from workbench.models.portraits.identity_prior import IdentityPriorPipeline

    run, _ = stepped(samples, 1)
    direction = np.eye(1, 128, dtype=np.float32)
    generator_prior.export(run.average, direction, tmp_path / "folder")
    loaded = IdentityPriorPipeline.from_pretrained(
        tmp_path / "folder", low_cpu_mem_usage=False, dtype=torch.float32
    ).prior
    assert torch.equal(loaded.photo, torch.from_numpy(direction))
    assert torch.equal(loaded.mean, run.average.mean)
    for ours, theirs in zip(run.average.parameters(), loaded.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)


def test_a_shard_is_made_once_and_read_again(bench, tmp_path):
    made = generator_samples.shard(bench, tmp_path, HELD_OUT + 77, count=6)
    assert 0 < len(made) <= 6
    assert made.judged.shape == (len(made), 128), "held-out faces are seen by the second recogniser"
    stamp = (tmp_path / f"{HELD_OUT + 77}.npz").stat().st_mtime_ns
    again = generator_samples.shard(bench, tmp_path, HELD_OUT + 77, count=6)
    assert (tmp_path / f"{HELD_OUT + 77}.npz").stat().st_mtime_ns == stamp
    np.testing.assert_array_equal(made.vectors, again.vectors)


def test_training_samples_are_not_seen_by_the_second_recogniser(bench):
    made = generator_samples.sample(bench, 123, count=4)
    assert made.judged.shape[1] == 0


def test_the_quick_way_to_a_face_sees_the_vector_that_the_users_way_sees(bench):
    gan, finder, dlib = (bench.model(name) for name in ("dcgan-digiface-64", "blazeface", "dlib"))
    apart = []
    for picture in gan(12, seed=11):
        quick, slow = generator_samples.seen(picture, finder), generator_samples.found(picture, finder)
        if quick is not None and slow is not None:
            first, second = (dlib.embed(picture, face).vector for face in (quick, slow))
            apart.append(float(np.linalg.norm(first - second)))
    assert len(apart) >= 8
    assert np.median(apart) < 0.12


def known(count=30, noise=0.0, collapsed=False):
    """References, and a sheet that shows them with so much noise."""
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((count, 128))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    seen = np.repeat(vectors[:, None], 3, axis=1) + noise * rng.standard_normal((count, 3, 128))
    seen = seen[:, :1].repeat(3, axis=1) if collapsed else seen
    seen /= np.linalg.norm(seen, axis=2, keepdims=True)
    as_float = vectors.astype(np.float32)
    return References(as_float, as_float, as_float), Sheet(
        seen.astype(np.float32), np.repeat(as_float[:, None], 3, axis=1)
    )


def test_perfect_pictures_have_perfect_figures_and_no_diversity():
    references, sheet = known()
    found = generator_check.measure(sheet, references, (0.5, 0.6), rounds=20)
    assert (found.own.value, found.auc.value, found.accepted.value, found.near.value, found.faces) == pytest.approx(
        (1, 1, 1, 1, 1)
    )
    assert found.diversity.value == pytest.approx(0, abs=1e-6)
    assert abs(found.impostor.value) < 0.05


def test_pictures_of_other_people_are_at_chance():
    references, sheet = known(noise=100)
    found = generator_check.measure(sheet, references, (0.5, 0.6), rounds=20)
    assert abs(found.auc.value - 0.5) < 0.1
    assert found.diversity.value == pytest.approx(2, abs=0.2), "as far apart as strangers: twice half their distance"


def test_a_picture_without_a_face_counts_as_unlike_and_intervals_hold_the_value():
    references, sheet = known(noise=0.05)
    whole = generator_check.measure(sheet, references, (0.5, 0.6), rounds=50)
    sheet.judged[0] = np.nan
    sheet.own[0] = np.nan
    found = generator_check.measure(sheet, references, (0.5, 0.6), rounds=50)
    assert found.faces == pytest.approx(29 / 30)
    assert found.own.value < whole.own.value
    assert found.auc.value < whole.auc.value
    for value in (found.own, found.auc, found.accepted):
        assert value.low <= value.value <= value.high


def test_the_frechet_distance_of_shifted_normals_is_the_square_of_the_shift():
    rng = np.random.default_rng(0)
    first = rng.standard_normal((5000, 4))
    assert generator_check.frechet(first, first) == pytest.approx(0, abs=1e-6)
    assert generator_check.frechet(first, first + np.array([3, 0, 0, 0])) == pytest.approx(9, abs=1e-6)
    assert generator_check.frechet(first, 2 * first) == pytest.approx(4, abs=0.3)


def test_the_photo_direction_is_the_way_between_means():
    drawn = np.zeros((3, 128))
    way = np.eye(128)[4]
    found = generator.photo_direction(drawn, [drawn + 2 * way, drawn + 0.5 * way])
    np.testing.assert_allclose(found, way[None])


def test_stages_are_made_once(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"a": torch.ones(2)}

    for _ in range(2):
        generator_others.stage(tmp_path / "a.pt", make)
    assert made == [1]


def test_every_compared_network_answers_in_the_shape_it_is_drawn_in():
    torch.manual_seed(0)
    vectors, zero, one = torch.randn(2, 128), torch.zeros(128), torch.ones(128)
    assert generator_others.Decoder(zero, one)(vectors).shape == (2, 3, 64, 64)
    assert generator_others.ToLatent(zero, one)(vectors).shape == (2, 100)
    coder = generator_others.new_autoencoder()
    codes = coder.encode(torch.zeros(1, 3, 64, 64)).latents
    assert codes.shape == (1, 4, 16, 16)
    assert coder.decode(codes).sample.shape == (1, 3, 64, 64)
    network = generator_others.ToldUNet(zero, one)
    told, nobody = (network(codes, torch.tensor([500]), vectors[:1], torch.full((1, 1), known)) for known in (1.0, 0.0))
    assert told.shape == codes.shape
    assert not torch.equal(told, nobody), "the vector should reach the UNet"


def test_the_nearest_samples_are_those_of_the_vector(samples):
    class Gan:
        def draw(self, latents):
            return list(latents)

    class Model:
        pass

    model = Model()
    model.guide, model.pipeline = Model(), Model()
    model.guide.gan, model.pipeline.prior = Gan(), LatentPrior(8, 1)
    draw = generator_compare.nearest(model, samples)
    first, second, third = draw(samples.vectors[[4, 4, 9]], 0)
    np.testing.assert_array_equal(first, samples.latents[4])
    assert not np.array_equal(second, first), "a person's second picture is the second nearest face"
    np.testing.assert_array_equal(third, samples.latents[9])
