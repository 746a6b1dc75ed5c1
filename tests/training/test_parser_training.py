"""How the compact parser is trained: pictures, labels and losses do what they say; a run stops, saves and goes on."""

import datetime

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import distributed

from training import parser as training
from training import parser_augment, parser_data, parser_export, parser_lend, parser_light, parser_run
from training.parser_loss import IGNORE, class_weights, coarse_loss, parts_loss
from workbench import WEIGHTS
from workbench.errors import BadWeights
from workbench.mesh import MAPS
from workbench.models.parsers.compact_network import Network
from workbench.parts import INDEX, MIRROR, PARTS


def drawn_face(shift: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A face of discs and its mask; one colour per part, so that a picture and its labels can be compared after any
    warp."""
    mask = np.zeros((512, 512), np.uint8)
    cv2.ellipse(mask, (256 + shift, 220), (170, 210), 0, 0, 360, INDEX["hair"], -1)
    cv2.ellipse(mask, (256 + shift, 290), (120, 160), 0, 0, 360, INDEX["skin"], -1)
    cv2.circle(mask, (206 + shift, 260), 22, INDEX["image_left_eye"], -1)
    cv2.circle(mask, (306 + shift, 260), 22, INDEX["image_right_eye"], -1)
    cv2.circle(mask, (386 + shift, 330), 12, INDEX["earring"], -1)
    return COLOURS[mask], mask


COLOURS = np.stack(
    [np.arange(len(PARTS)) * 12, 255 - np.arange(len(PARTS)) * 12, np.full(len(PARTS), 90)], axis=1
).astype(np.uint8)


@pytest.fixture(scope="module")
def faces(astronaut_face) -> parser_data.Faces:
    pairs = [drawn_face(shift) for shift in (-20, 0, 20, 40)]
    images, masks = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
    mesh = astronaut_face.mesh
    scaled = (mesh - mesh.mean(axis=0)) * 3 + [256, 280, 0]
    meshes = np.stack([scaled] * 4).astype(np.float32)
    meshes[3] = np.nan
    maps = np.stack(
        [
            parser_data.stored_maps(None if np.isnan(points).any() else points, np.ones((512, 512), np.float32))
            for points in meshes
        ]
    )
    areas = np.stack([np.bincount(mask.ravel(), minlength=len(PARTS)) for mask in masks])
    return parser_data.Faces(("a", "b", "c", "d"), images, masks, maps, meshes, areas, np.zeros(4, bool))


def test_the_split_keeps_a_hundred_apart_the_same_ones_every_time_with_their_share_of_rare_parts():
    rng = np.random.default_rng(3)
    areas = (rng.random((768, len(PARTS))) < 0.06).astype(np.int64)
    stems = tuple(map(str, range(768)))
    train, held = parser_data.split(stems, areas)
    assert len(held) == parser_data.VALIDATION
    assert sorted([*train, *held]) == list(range(768))
    assert (held == parser_data.split(stems, areas)[1]).all()
    assert (held != parser_data.split(stems, areas, seed=1)[1]).any()
    for part in parser_data.RARE:
        assert areas[held, part].sum() == pytest.approx(areas[:, part].sum() * 100 / 768, abs=3)


def test_a_mask_with_its_sides_exchanged_is_noticed_and_righted(faces):
    mask = faces.masks[1]
    assert not parser_data.sides_exchanged(mask)
    mirrored_without_renaming = np.ascontiguousarray(mask[:, ::-1])
    assert parser_data.sides_exchanged(mirrored_without_renaming)
    righted = np.array(MIRROR, np.uint8)[mirrored_without_renaming]
    assert not parser_data.sides_exchanged(righted)


@pytest.mark.parametrize("seed", range(6))
def test_an_augmented_picture_still_fits_its_labels(faces, seed, monkeypatch):
    monkeypatch.setattr(parser_augment, "relight", lambda image, rng: image)
    monkeypatch.setattr(parser_augment, "elsewhere", lambda image, *rest: image)
    augmenter = parser_augment.Augmenter(faces, np.arange(3))
    crop, labels = augmenter.sample(1, 128, np.random.default_rng(seed))
    assert crop.shape == (128, 128, 3 + len(MAPS))
    assert labels.shape == (64, 64)
    known = labels != IGNORE
    assert known.mean() > 0.3
    nearest = np.abs(crop[::2, ::2, None, :3].astype(int) - COLOURS.astype(int)).sum(axis=3).argmin(axis=2)
    seen = known & ~np.isin(labels, [4, 5])
    assert (nearest[seen] == labels[seen]).mean() > 0.9
    eyes = [np.nonzero(labels == INDEX[name])[1] for name in ("image_left_eye", "image_right_eye")]
    if all(len(eye) for eye in eyes):
        assert eyes[0].mean() < eyes[1].mean()


def test_the_same_seed_draws_the_same_sample_and_another_seed_another(faces):
    augmenter = parser_augment.Augmenter(faces, np.arange(3))
    one, again, other = (augmenter.sample(0, 96, np.random.default_rng(seed))[0] for seed in (5, 5, 6))
    assert (one == again).all()
    assert (one != other).any()


def test_maps_are_dropped_for_about_a_third_and_always_without_a_mesh(faces):
    augmenter = parser_augment.Augmenter(faces, np.arange(4))
    here = 3 + MAPS.index("mesh_here")
    shown = [augmenter.sample(0, 64, np.random.default_rng(seed))[0][..., here].any() for seed in range(80)]
    assert 0.4 < np.mean(shown) < 0.75
    assert not any(augmenter.sample(3, 64, np.random.default_rng(seed))[0][..., here].any() for seed in range(20))


@pytest.mark.parametrize("seed", range(3))
def test_a_closer_look_holds_a_small_part_at_the_size_it_is_parsed_at(faces, seed, monkeypatch):
    """The earring here is a disc of 24 px of 512, of which a crop of 192 px at scale 0.8 to 1.25 shows 19 to 30."""
    monkeypatch.setattr(parser_augment, "PASTES", ())
    augmenter = parser_augment.Augmenter(faces, np.arange(3), closer=1.0)
    crop, labels = augmenter.sample(1, 192, np.random.default_rng(seed))
    assert crop.shape == (192, 192, 3 + len(MAPS))
    area = 4 * (labels == INDEX["earring"]).sum()
    assert area > 0
    assert area < 1.25**2 * np.pi * 13.5**2


def test_a_run_begins_with_the_weights_that_ship(tmp_path, alone):
    run = parser_run.new_run(parser_run.Plan())
    run.start_from(WEIGHTS / "compact_parser.safetensors")
    shipped = load_file(WEIGHTS / "compact_parser.safetensors")["head.weight"].float()
    assert all(torch.equal(network.head.weight, shipped) for network in (run.network, run.average))
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="expected the compact parser"):
        run.start_from(tmp_path / "other.safetensors")


def test_a_lent_earring_brings_its_pixels_and_its_label_and_never_lies_on_the_face(faces):
    image, mask = faces.images[0].copy(), faces.masks[0].copy()
    mask[mask == INDEX["earring"]] = INDEX["hair"]
    theirs = np.zeros_like(mask)
    theirs[320:340, 400:420] = INDEX["earring"]
    donor = np.full_like(image, 7)
    lent, labels = parser_lend._paste_earring(image.copy(), mask.copy(), donor, theirs.copy(), np.random.default_rng(0))
    assert (labels[320:340, 400:420] == INDEX["earring"]).all()
    assert (lent[325:335, 405:415] == 7).all()
    on_face = np.zeros_like(mask)
    on_face[300:320, 246:266] = INDEX["earring"]
    _, unchanged = parser_lend._paste_earring(image.copy(), mask.copy(), donor, on_face, np.random.default_rng(0))
    assert (unchanged == mask).all()


def test_other_light_keeps_shape_and_type():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for seed in range(30):
        lit = parser_light.relight(image, np.random.default_rng(seed))
        assert lit.shape == image.shape
        assert lit.dtype == np.uint8


def test_rare_pictures_are_drawn_more_often_but_at_most_twice():
    areas = np.ones((100, len(PARTS)), np.int64)
    areas[1:, INDEX["necklace"]] = 0
    chances = training.repeat_chances(areas)
    assert chances[0] == pytest.approx(2 * chances[1])
    assert chances.sum() == pytest.approx(1)


def test_the_loss_of_the_truth_is_nothing_and_of_ignorance_the_logarithm_of_the_number_of_parts():
    labels = torch.randint(0, len(PARTS), (2, 8, 8), generator=torch.Generator().manual_seed(0))
    ones = torch.ones(len(PARTS))
    sure = 50 * torch.nn.functional.one_hot(labels, len(PARTS)).permute(0, 3, 1, 2).float()
    assert parts_loss(sure, labels, ones) < 0.2  # the Dice's smoothing of tiny parts remains
    assert parts_loss(torch.zeros_like(sure), labels, ones, dice=0) == pytest.approx(np.log(len(PARTS)), rel=1e-4)


def test_pixels_outside_the_picture_count_for_nothing():
    logits = torch.randn(1, len(PARTS), 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.ones(1, 8, 8, dtype=torch.long)
    labels[:, :, 4:] = IGNORE
    changed = logits.clone()
    changed[:, :, :, 4:] += 9 * torch.randn(1, len(PARTS), 8, 4, generator=torch.Generator().manual_seed(1))
    ones = torch.ones(len(PARTS))
    assert parts_loss(logits, labels, ones) == parts_loss(changed, labels, ones)
    assert coarse_loss(logits[..., ::4, ::4], labels, ones).isfinite()


def test_rare_parts_weigh_more_and_the_average_pixel_weighs_one():
    areas = np.array([[900, 90, 10] + [0] * 16])
    weights = class_weights(areas)
    assert weights[0] < weights[1] < weights[2]
    assert float((weights[:3] * torch.tensor([0.9, 0.09, 0.01])).sum()) == pytest.approx(1)


def test_the_learning_rate_warms_up_and_falls_to_nothing():
    plan = parser_run.Plan()
    assert plan.rate_at(0, 0) < plan.rate_at(0, 200) < plan.rate_at(0.01, 5000)
    assert plan.rate_at(1.0, 5000) == pytest.approx(0, abs=1e-9)
    assert [plan.side(share) for share in (0, 0.5, 0.9, 1.0)] == [256, 320, 352, 352]


def test_a_deadline_is_the_sooner_of_minutes_and_clock():
    now = datetime.datetime.now()
    assert training.deadline(10, "") == pytest.approx(now.timestamp() + 600, abs=5)
    clock = now + datetime.timedelta(hours=2)
    assert training.deadline(600, clock.strftime("%H:%M")) == pytest.approx(clock.timestamp(), abs=61)
    assert training.deadline(30, clock.strftime("%H:%M")) == pytest.approx(now.timestamp() + 1800, abs=5)


@pytest.fixture
def alone(tmp_path):
    """A group of one core."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def test_a_few_steps_on_one_batch_lower_the_loss(faces, alone):
    torch.set_num_threads(1)
    plan = parser_run.Plan(batch=2, rate=1e-2)
    run, weights = parser_run.new_run(plan), class_weights(faces.areas)
    augmenter = parser_augment.Augmenter(faces, np.arange(3))
    crops, labels = zip(*(augmenter.sample(index, 64, np.random.default_rng(index)) for index in (0, 1)), strict=True)
    batch = torch.from_numpy(np.stack(crops)), torch.from_numpy(np.stack(labels))
    losses = [parser_run.learn(run, plan, *batch, weights, share=0.1) for _ in range(8)]
    assert losses[-1] < 0.9 * losses[0]
    assert run.step == 8
    assert run.share == pytest.approx(0.1)


def test_a_saved_run_goes_on_where_it_was(tmp_path, faces, alone):
    plan = parser_run.Plan(batch=1)
    run, weights = parser_run.new_run(plan), class_weights(faces.areas)
    crop, labels = parser_augment.Augmenter(faces, np.arange(3)).sample(0, 64, np.random.default_rng(0))
    batch = torch.from_numpy(crop[None]), torch.from_numpy(labels[None])
    parser_run.learn(run, plan, *batch, weights, share=0.25)
    parser_run.follow(run, plan)
    run.save(tmp_path / "checkpoint.pt")
    again = parser_run.new_run(parser_run.Plan(seed=9))
    again.restore(tmp_path / "checkpoint.pt")
    assert (again.step, again.share) == (1, pytest.approx(0.25))
    next_losses = [parser_run.learn(one, plan, *batch, weights, share=0.3) for one in (run, again)]
    assert next_losses[0] == pytest.approx(next_losses[1], rel=1e-3)
    assert not (tmp_path / "checkpoint.partial").exists()


def test_the_average_follows_the_network(alone):
    plan = parser_run.Plan()
    run = parser_run.new_run(plan)
    before = run.average.head.weight.clone()
    with torch.no_grad():
        run.network.head.weight += 1
    run.step = 100_000
    parser_run.follow(run, plan)
    assert torch.allclose(run.average.head.weight, before + (1 - plan.average), atol=1e-5)


def test_an_exported_network_loads_and_decides_the_same(tmp_path, settings, astronaut):
    from workbench.catalog import find
    from workbench.models.parsers import compact_parser

    torch.manual_seed(0)
    network = Network().eval()
    path = tmp_path / "parser.safetensors"
    parser_export.export(network, torch.zeros(len(PARTS)), 96, path)
    matte = WEIGHTS / "selfie_segmentation.tflite"
    loaded = compact_parser.load(find("compact"), {"weights": path, "matte": matte}, "cpu")
    assert loaded.side == 96
    x = torch.randn(1, 16, 64, 64)
    with torch.no_grad():
        assert torch.allclose(network(x), loaded.network(x), atol=0.02 * float(network(x).abs().max()))
    assert loaded.raw(astronaut)["logits"].shape == (len(PARTS), 48, 48)


def test_what_cannot_be_exported_is_refused(tmp_path):
    with pytest.raises(ValueError, match="steps of 32"):
        parser_export.export(Network(), torch.zeros(len(PARTS)), 100, tmp_path / "x.safetensors")


def test_a_damaged_checkpoint_is_no_weights_file(tmp_path):
    from workbench.models.files import checkpoint

    broken = tmp_path / "parser.safetensors"
    parser_export.export(Network(), torch.zeros(len(PARTS)), 96, broken)
    broken.write_bytes(broken.read_bytes()[:5000])
    with pytest.raises(BadWeights):
        checkpoint.read(broken)


def test_recorded_figures_are_what_was_found(tmp_path):
    found = {
        "pictures": 2,
        "pooled_f1": 0.81234,
        "picture_f1": 0.9,
        "miou": 0.7,
        "pixel_accuracy": 0.95,
        "without_face": 0,
    }
    found |= {"f1": {"skin": 0.91239}, "iou": {"skin": 0.8}}
    parser_export.record("compact", found, tmp_path / "figures.json")
    from workbench.sources import figures

    entry = figures.read("parsing", tmp_path / "figures.json")["compact"]
    assert entry["pooled_f1"] == 0.8123
    assert entry["parts"] == {"skin": {"f1": 0.9124, "iou": 0.8}}
    assert "F1 0.812 pooled, 0.900 per picture" in entry["headline"]
