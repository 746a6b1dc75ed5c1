"""The DCGAN draws seeded faces from the published weights and refuses anything else."""

import numpy as np
import pytest
import torch

from workbench.catalog import MODELS
from workbench.errors import BadRequest, BadWeights
from workbench.models.portraits.dcgan import Generator, load

SPEC = MODELS["dcgan-digiface-64"]


@pytest.fixture
def untrained(tmp_path):
    torch.manual_seed(0)
    torch.save({"netG_state_dict": Generator().state_dict()}, tmp_path / "weights.tar")
    return load(SPEC, {"weights": tmp_path / "weights.tar"}, "cpu")


def test_one_seed_gives_one_face_and_more_begin_with_fewer(untrained):
    assert all(np.array_equal(a, b) for a, b in zip(untrained(3, seed=4), untrained(5, seed=4), strict=False))
    assert not np.array_equal(untrained(1, seed=4)[0], untrained(1, seed=5)[0])
    assert untrained(1)[0].shape == (64, 64, 3)
    assert untrained(1)[0].dtype == np.uint8


def test_raw_is_the_networks_own_output(untrained):
    z = untrained.latents(2, 0)
    raw = untrained.raw(z)["pixels"]
    assert raw.shape == (2, 3, 64, 64)
    drawn = np.stack(untrained.draw(z)).transpose(0, 3, 1, 2)
    assert np.abs((raw + 1) * 127.5 - drawn).max() <= 0.501


def test_wrong_requests_and_weights_are_refused(untrained, tmp_path):
    with pytest.raises(BadRequest, match="1 to 1000"):
        untrained(0)
    with pytest.raises(BadRequest, match="n × 100"):
        untrained.draw(np.zeros((2, 99), np.float32))
    (tmp_path / "bad.tar").write_bytes(b"not a checkpoint")
    with pytest.raises(BadWeights, match="got a file of another kind"):
        load(SPEC, {"weights": tmp_path / "bad.tar"}, "cpu")


def test_the_published_weights_draw_different_smooth_faces(bench):
    faces = np.stack(bench.model(SPEC.id)(8, seed=1)).astype(float)
    assert np.abs(faces[0] - faces[1]).mean() > 10
    assert np.abs(np.diff(faces, axis=2)).mean() < 15
