"""Hair of drawn portraits: strands run along the way hair lies, and nothing but hair is changed."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from workbench.models.portraits import canvas, clothing, combing, gloss, hair
from workbench.models.portraits.chance import Chance
from workbench.models.portraits.hair import fitting
from workbench.portraits import Recipe


@pytest.fixture(scope="module")
def posed(bench):
    """The model, and a face's layers and pose before hair is laid on."""
    model = bench.model("appearance-portrait-256")
    vector = torch.zeros(1, 128)
    chance = Chance.of(3, 0, 0, model.model, 2)
    start, pose = model.proposed(model.order(vector, vector, Recipe(seed=3)), chance)
    longest = int((model.model.outlines.reshape(-1, 3, 64, 64)[:, 1] > 0).sum((1, 2)).argmax())
    shares = torch.eye(len(model.model.outlines))[longest][None]
    pose = replace(pose, shares=shares, outlines=model.model.outlined(shares))
    return model, model.guide.painter.layers(start, pose, None), pose, chance


def laid(posed, tone):
    model, layers, pose, chance = posed
    return model.hair.over(layers, pose, torch.tensor(tone), chance.hair, 0.0)


@pytest.mark.parametrize("angle", [0.0, 0.6, 1.57, 2.5])
def test_strands_run_along_the_flow(angle):
    flow = np.ones((2, 96, 96), np.float32) * np.array([np.cos(2 * angle), np.sin(2 * angle)])[:, None, None]
    drawn = combing.drawn_out(combing.noise(np.random.default_rng(0), combing.STRANDS, 96), flow.astype(np.float32))
    down, across = np.gradient(drawn)
    along = across * np.cos(angle) + down * np.sin(angle)
    beside = down * np.cos(angle) - across * np.sin(angle)
    assert (along**2).mean() < 0.1 * (beside**2).mean()


def test_the_flow_of_lines_is_found_again_and_has_no_front_or_back():
    for angle in (0.3, 1.2, 2.6):
        y, x = np.mgrid[:96, :96]
        lines = np.sin((y * np.cos(angle) - x * np.sin(angle)) / 2)
        cosine, sine = combing.flow(lines, np.ones((96, 96)))[:, 48, 48]
        assert np.arctan2(sine, cosine) == pytest.approx(np.arctan2(np.sin(2 * angle), np.cos(2 * angle)), abs=0.1)


def test_bending_turns_the_angle_by_as_much():
    turned = hair._turned(np.array([1.0, 0.0], np.float32).reshape(2, 1, 1), np.full((1, 1), 0.4, np.float32))
    assert np.arctan2(turned[1, 0, 0], turned[0, 0, 0]) / 2 == pytest.approx(0.4, abs=1e-5)


def test_hair_leaves_the_face_alone_and_has_the_tone_that_is_told(posed):
    _, layers, pose, _ = posed
    distance = canvas.wide(pose.outlines)[0]
    dark, light = laid(posed, (-0.8, -0.85, -0.9)), laid(posed, (0.5, 0.3, 0.0))
    face = distance[0] > 25
    assert face.sum() > 2000
    torch.testing.assert_close(light[0, :3, face], layers[0, :3, face], atol=1e-5, rtol=0)
    inside = (distance[0] < -12) & (distance[1] > 12)
    assert inside.sum() > 500
    assert float((light - dark)[0, :3, inside].mean()) > 0.5
    red, _, blue = light[0, :3, inside].mean(1).tolist()
    assert red > blue


def test_no_hair_grows_along_the_jaw_and_on_shoulders(posed):
    _, layers, pose, _ = posed
    skin, head, _ = canvas.wide(pose.outlines)[0]
    drawn = laid(posed, (0.9, 0.9, 0.9))
    thin = (head - skin < hair.THIN).numpy() & (np.arange(256) > 150)[:, None]
    assert thin.sum() > 2000
    assert ((drawn - layers)[0, :3, torch.from_numpy(thin)] < 1e-4).all()


def test_another_seed_draws_other_strands(posed):
    model, layers, pose, chance = posed
    other = Chance.of(4, 0, 0, model.model, 2)
    tone = torch.tensor((0.2, 0.1, 0.0))
    first = model.hair.over(layers, pose, tone, chance.hair, 0.0)
    second = model.hair.over(layers, pose, tone, replace(other.hair, bend=chance.hair.bend), 0.0)
    assert (first - second).abs().max() > 0.1


def test_hair_that_glows_over_a_dark_face_is_darkened_and_dark_hair_stays():
    light, dark = torch.tensor((0.6, 0.5, 0.3)), torch.tensor((-0.8, -0.82, -0.85))
    grey = torch.tensor((0.299, 0.587, 0.114))

    found = (fitting(light, 0.3) + 1) / 2
    assert float(found @ grey) <= 0.9 * 0.3
    assert torch.allclose(found / found[0], (light + 1) / (light[0] + 1))
    assert torch.allclose(fitting(dark, 0.3), dark)


def grey(colours):
    return (colours + 1) / 2 * torch.tensor((0.299, 0.587, 0.114)).reshape(3, 1, 1)


def hairy(pose):
    skin, head, _ = canvas.wide(pose.outlines)[0]
    return (head > 8) & (skin < -8)


def test_dark_hair_shines_as_in_photos_and_light_hair_shines_less(posed):
    inside = hairy(posed[2])

    def shine(tone):
        light = grey(laid(posed, tone)[0, :3]).sum(0)[inside]
        return float(light.quantile(0.98) / light.median())

    dark, light = shine((-0.8, -0.82, -0.85)), shine((0.5, 0.4, 0.2))
    assert 1.6 < dark < 4, "photos: 3.5; hair without gloss: 1.5"
    assert light < dark


def test_hair_is_shaded_broadly_and_not_only_in_stripes(posed):
    inside = hairy(posed[2]).numpy()
    light = np.log(grey(laid(posed, (-0.2, -0.3, -0.4))[0, :3]).sum(0).numpy().clip(0) + 0.04)
    fine = (light - cv2.GaussianBlur(light, (0, 0), 2))[cv2.erode(inside.astype(np.uint8), np.ones((9, 9))) > 0].std()
    cells = [part.reshape(16, 16, 16, 16).swapaxes(1, 2).reshape(-1, 256) for part in (light, inside)]
    broad = cells[0][cells[1].all(1)].mean(1).std()
    assert broad > 1.5 * fine, "photos: about 2; stripes alone: about 1"


def test_hair_fades_into_the_wall_and_is_not_cut_out(posed):
    pose = posed[2]
    share = laid(posed, (0.2, 0.1, 0.0))[0, 3]
    skin, head, _ = canvas.wide(pose.outlines)[0]
    crown = (head - skin > 20) & (torch.arange(256)[:, None] < 110)
    half = (share > 0.15) & (share < 0.85) & crown
    edge = crown & (head.abs() < 0.5)
    assert half.sum() > 3 * edge.sum(), "cut out it is two pixels wide, in photos five"


def test_no_dark_rim_runs_along_a_jaw_where_there_is_no_room_for_hair():
    distance = torch.full((1, 3, 64, 64), -0.5)
    y, x = np.mgrid[:64, :64]
    disc = torch.from_numpy(20 - np.hypot(y - 32, x - 32)).float() * 4 / canvas.REACH
    distance[:, 0], distance[:, 1], distance[:, 2] = disc, disc + 4 / canvas.REACH, disc + 4 / canvas.REACH
    skin, head, _ = canvas.wide(distance)[0]
    painted = torch.full((1, 4, 256, 256), -0.9)
    painted[:, :, skin > 0] = 0.5
    found = hair.bared(painted, distance)
    rim = (head > 0) & (skin < -2)
    assert rim.sum() > 200
    assert float(found[0, 0, rim].mean()) > 0.0, "nearer to skin's 0.5 than to hair's −0.9"
    assert torch.equal(found[:, :, head < -4], painted[:, :, head < -4])


def test_strands_shine_most_where_they_lie_across_the_light():
    head, locks = np.full((64, 64), 60, np.float32), np.zeros((64, 64), np.float32)
    across, along = (np.ones((2, 64, 64), np.float32) * np.array(way)[:, None, None] for way in ((1, 0), (-1, 0)))
    assert gloss.lit(head, across, locks, 0)[1].mean() > 1.1 * gloss.lit(head, along, locks, 0)[1].mean()


def test_a_cloth_is_one_cloth_and_lies_in_the_neck_s_shadow():
    colours, distance = torch.zeros(1, 3, 256, 256), torch.full((1, 3, 256, 256), -40.0)
    distance[..., :100], distance[:, 2] = 10.0, 20.0
    distance[:, :2, :, 100:] = -torch.arange(1.0, 157.0)
    found = clothing.worn(colours, distance)
    assert torch.equal(found[..., :100], colours[..., :100])
    assert float(found[..., 103].mean()) < -0.2 < float(found[..., 200:].mean())

    beside_a_neck = torch.zeros(1, 3, 16, 16)
    beside_a_neck[..., 7:9] = 1.0
    assert float(clothing.calm(beside_a_neck).max()) < 0.5
