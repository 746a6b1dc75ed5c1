"""The linear part and the network: what is held is held, what is asked for comes, and coarse colours stay the linear
part's."""

import numpy as np
import pytest
import torch

from workbench.models.portraits import appearance
from workbench.models.portraits.appearance import OUTLINE, TEXTURE, joined
from workbench.models.portraits.canvas import layered, through
from workbench.models.portraits.detail import DetailNetwork
from workbench.models.portraits.frame import SIDE


@pytest.fixture(scope="module")
def model(bench):
    return bench.model("appearance-portrait-256").model


@pytest.fixture(scope="module")
def vectors():
    return torch.from_numpy(np.random.default_rng(1).normal(0, 0.12, (4, 128)).astype(np.float32))


def noise(model, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((1, model.count)).astype(np.float32)).expand(
        4, -1
    )


def test_one_noise_gives_one_light_and_one_pose_whoever_is_drawn(model, vectors):
    found = model.proposed(vectors, noise(model), 0.5) @ model.attributes.T
    assert (found.std(0) < 1e-3).all()
    other = model.proposed(vectors, noise(model, 1), 0.5) @ model.attributes.T
    assert (found[0] - other[0]).abs().max() > 0.1


def test_the_brightness_is_the_one_told_from_the_vector(model, vectors):
    found = model.proposed(vectors, noise(model), 0.5)
    told = vectors @ model.bright_weight + model.bright_bias
    torch.testing.assert_close(model.bright_base + found @ model.bright, told, atol=0.1, rtol=0)


def test_the_linear_brightness_is_that_of_the_pixels(model, vectors):
    start = model.proposed(vectors[:1], noise(model)[:1], 0.5)
    outlines = torch.ones(1, 3, OUTLINE, OUTLINE)
    grey = torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]
    change = model.lit(start, torch.tensor([150.0])), model.lit(start, torch.tensor([100.0]))
    light, dark = ((model.painted(each, outlines) * grey).sum(1) * 127.5 for each in change)
    assert float((light - dark)[0, 60:90, 50:78].mean()) == pytest.approx(50, abs=20)


def test_a_held_direction_changes_no_attribute_and_no_brightness(model):
    slope = model.held(torch.from_numpy(np.random.default_rng(2).standard_normal((3, model.count)).astype(np.float32)))
    for rows in (model.attributes, model.bright[None] / model.bright.norm(), model.warm[None]):
        assert (slope @ rows.T).abs().max() < 1e-3
    assert slope.norm() > 1


def test_an_outline_is_nearly_one_of_those_kept_and_the_noise_chooses(model, vectors):
    chosen = set()
    for seed in range(20):
        gumbel = torch.from_numpy(np.random.default_rng(seed).gumbel(size=(1, len(model.outlines))).astype(np.float32))
        found = model.outlined(model.chosen(vectors[:1], gumbel))
        apart = (model.outlines.reshape(-1, 3, OUTLINE, OUTLINE) - found).abs().mean((1, 2, 3))
        chosen.add(int(apart.argmin()))
        assert found.shape == (1, 3, OUTLINE, OUTLINE)
    assert len(chosen) > 3


def test_skin_lies_over_hair_over_clothes():
    flat = [torch.full((1, 3, 8, 8), value) for value in (0.9, 0.0, -0.9)]
    outlines = -torch.ones(1, 3, OUTLINE, OUTLINE)
    outlines[:, 1, :, 16:] = 1
    outlines[:, 0, :, 32:] = 1
    flat[0] = torch.full((1, 3, TEXTURE, TEXTURE), 0.9)
    row = joined(*flat, outlines)[0, 0, 64]
    assert row[10] == pytest.approx(-0.9)
    assert row[48] == pytest.approx(0.0, abs=1e-5)
    assert row[100] == pytest.approx(0.9)


def test_what_is_neither_head_nor_person_is_wall():
    outlines = -torch.ones(1, 3, OUTLINE, OUTLINE)
    outlines[:, :, 32:] = 1
    share = layered(torch.zeros(1, 3, SIDE, SIDE), outlines)[0, 3]
    assert share[:100].max() == 0
    assert share[160:].min() == 1


def test_the_network_cannot_change_coarse_colours():
    torch.manual_seed(0)
    network = DetailNetwork((8, 8, 8, 8))
    colours = torch.nn.functional.interpolate(torch.randn(1, 3, 8, 8), (SIDE, SIDE), mode="bilinear")
    told = torch.zeros(1, 3, OUTLINE, OUTLINE), torch.randn(1, 1, SIDE // 2, SIDE // 2)
    assert (network(colours, *told) - colours).abs().max() > 0.05
    torch.nn.init.zeros_(network.exit.weight)
    torch.nn.init.constant_(network.exit.bias, 0.7)
    torch.testing.assert_close(network(colours, *told), colours, atol=1e-5, rtol=0)


def test_a_window_of_the_frame_is_drawn_as_in_the_whole():
    torch.manual_seed(0)
    network = DetailNetwork((8, 8, 8, 8)).requires_grad_(False)
    torch.nn.init.normal_(network.places)
    colours, outlines = torch.randn(1, 3, SIDE, SIDE), torch.randn(1, 3, OUTLINE, OUTLINE)
    noise = torch.randn(1, 1, SIDE // 2, SIDE // 2)
    rows, columns = slice(16, 112), slice(8, 104)
    part = network(colours[..., 32:224, 16:208], outlines, noise[..., rows, columns], (rows, columns))
    whole = network(colours, outlines, noise)[..., 32:224, 16:208]
    middle = (..., slice(80, 112), slice(80, 112))
    assert (part - whole)[middle].abs().max() < 0.05
    moved = network(colours[..., 32:224, 16:208], outlines, noise[..., rows, columns], (slice(0, 96), slice(0, 96)))
    assert (moved - whole)[middle].abs().max() > 0.05


def test_a_file_of_other_sizes_is_refused_by_name(bench):
    from safetensors.torch import load_file

    from workbench.sources import fetching as sources

    tensors = load_file(sources.verify(bench.spec("appearance-portrait-256").files[0], bench.settings))
    with pytest.raises(ValueError, match="residual"):
        appearance.read(tensors | {"residual": tensors["residual"][:-1]})
    with pytest.raises(KeyError):
        appearance.read({name: tensor for name, tensor in tensors.items() if name != "warm"})


def test_a_crop_through_the_canvas_sees_what_a_warp_of_the_picture_shows():
    from workbench.images import warp
    from workbench.models.portraits import canvas

    y, x = np.mgrid[:SIDE, :SIDE]
    photo = np.stack([x, y, (x + y) // 2], 2).astype(np.uint8)
    layers = torch.cat([torch.from_numpy(photo).permute(2, 0, 1).float() / 127.5 - 1, torch.ones(1, SIDE, SIDE)])[None]
    straight = canvas.grid(np.stack([x, y], 2))
    matrix = np.array([[0.8, 0.1, 3.0], [-0.1, 0.8, 20.0]])
    into, _ = through(straight, matrix, 150)
    seen = canvas.picture(canvas.shown(layers, into, torch.zeros(1, 3, 150, 150)))
    assert np.abs(seen.astype(int) - warp(photo, matrix, (150, 150))).mean() < 1.5
