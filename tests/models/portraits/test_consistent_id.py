"""ConsistentID: words, regions, tokens and pictures are those of its authors' code, on diffusers' own attention.

tests/golden/consistentid.npz holds their answers, in few channels, with weights filled from their names.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.golden.digest import Pictures
from tests.golden.inputs import photo, tensor
from tests.models.portraits import tiny_diffusion
from workbench.catalog import MODELS
from workbench.errors import BadRequest, BadWeights, NoFace
from workbench.models.files import checkpoint
from workbench.models.parsers import bisenet
from workbench.models.portraits import consistent_id, face_regions, resampler
from workbench.models.portraits.clip_pixels import clip_pixels
from workbench.portraits import Recipe
from workbench.values import Face

EXACT = 1e-5

GOLDEN = Pictures("consistentid")
WEIGHTS = GOLDEN.weights()
VECTORS = tensor(5, (1, 512))
PROMPT = "a man in a forest"
PHOTO = photo(31, 300, 260)
FACE = Face(
    np.array([20, 20, 180, 220], np.float32),
    np.array([(70, 90), (130, 90), (100, 130), (75, 160), (125, 160)], np.float32),
    1.0,
)


def _labels() -> np.ndarray:
    """The golden's parsing: no right eye's partner missing, one ear."""
    rows, columns = np.mgrid[:512, :512]
    labels = np.zeros((512, 512), np.uint8)
    for label, y, x, height, width in (
        (1, 256, 256, 200, 150),
        (4, 200, 190, 15, 30),
        (5, 200, 320, 15, 30),
        (8, 256, 395, 50, 18),
        (10, 270, 256, 45, 25),
        (11, 350, 256, 20, 45),
        (12, 340, 256, 12, 50),
        (13, 362, 256, 12, 50),
    ):
        labels[((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 < 1] = label
    return labels


def _parser(labels: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(raw=lambda image: {"logits": np.eye(19, dtype=np.float32)[labels].transpose(2, 0, 1)})


def _own(weights: Mapping[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    return {group: tiny_diffusion.under(weights, f"own/{group}.") for group in consistent_id.GROUPS}


def _model(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    labels: np.ndarray | None = None,
    id: str = "consistentid",
    **changes: torch.Tensor,
) -> consistent_id.ConsistentId:
    weights = WEIGHTS | changes
    files = tiny_diffusion.write(folder, weights)
    files |= tiny_diffusion.write_vision(folder, weights)
    files["adapter"] = files["parser"] = folder / "ConsistentID-v1.bin"
    torch.save(_own(weights), files["adapter"])
    monkeypatch.setattr(bisenet, "load", lambda *given: _parser(_labels() if labels is None else labels))
    return consistent_id.load(MODELS[id], files, "cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> consistent_id.ConsistentId:
    with pytest.MonkeyPatch.context() as patch:
        return _model(tmp_path_factory.mktemp("consistentid"), patch).shown(PHOTO, FACE)


def test_regions_are_cut_out_as_the_authors_do_and_in_their_order() -> None:
    masks = face_regions.regions(_labels())
    pixels = torch.cat([clip_pixels(face_regions.on_black(PHOTO, mask)) for mask in masks.values()])

    assert list(masks) == ["face", "eyes", "ears", "nose", "mouth"]
    assert GOLDEN.difference("pixels", "regions", pixels.numpy()) <= 1e-6
    assert GOLDEN.difference("pixels", "whole", clip_pixels(PHOTO).numpy()) <= 1e-6


@pytest.mark.parametrize("case", ["mark-all", "mark-some", "mark-long"])
def test_words_are_marked_as_the_authors_mark_them(
    model: consistent_id.ConsistentId, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("face", "eyes", "ears", "nose", "mouth") if GOLDEN.cases[case]["regions"] == 5 else ("face", "nose")
    monkeypatch.setattr(model, "_regions", dict.fromkeys(names))
    ids, marked = model.marked_words(GOLDEN.cases[case]["prompt"])

    assert np.array_equal(ids.numpy(), GOLDEN[f"{case}|ids|slice"].reshape(1, 77))
    assert np.array_equal(marked.numpy(), GOLDEN[f"{case}|marked|slice"] > 0.5)


def test_tokens_equal_the_authors(model: consistent_id.ConsistentId) -> None:
    unit = torch.nn.functional.normalize(torch.from_numpy(VECTORS), dim=1)
    with torch.inference_mode():
        given = model.condition(unit, Recipe(prompt=PROMPT), guided=True)
    against, fused = given["_fused"].chunk(2)

    assert GOLDEN.difference("tokens", "words", given["prompt_embeds"].numpy()) <= EXACT
    assert GOLDEN.difference("tokens", "fused", fused.numpy()) <= EXACT
    assert GOLDEN.difference("tokens", "against", against.numpy()) <= EXACT
    assert torch.equal(given["negative_prompt_embeds"], against)


@pytest.mark.parametrize("side", [8, 16])
def test_face_tokens_and_noise_equal_the_authors_at_two_sizes(model: consistent_id.ConsistentId, side: int) -> None:
    with torch.inference_mode():
        fused = model.condition(torch.from_numpy(VECTORS), Recipe(prompt=PROMPT), guided=False)["_fused"].numpy()
    found = model.raw(VECTORS, tensor(side, (1, 4, side, side)), 421, fused)

    for name in ("face", "nobody"):
        assert GOLDEN.difference("tokens", name, found[name]) <= EXACT
    assert GOLDEN.difference(f"noise{side}", "noise", found["noise"]) <= EXACT


def test_a_picture_equals_the_authors_loop_with_its_late_change_of_words(model: consistent_id.ConsistentId) -> None:
    pictures = np.stack(model(VECTORS, Recipe(seed=7, steps=5, guidance=5.0, prompt=PROMPT))).astype(np.float64) / 255

    assert GOLDEN.difference("picture", "pixels", pictures) <= 0.51 / 255


def test_words_carry_pictures_from_the_authors_step_on(model: consistent_id.ConsistentId) -> None:
    told = {"_fused": "fused"}
    changed = [step + 1 for step in range(50) if model.on_step(step, 50, {}, told) == {"prompt_embeds": "fused"}]

    assert changed == list(range(31, 51))  # theirs: text alone while the step is at most 30


@pytest.mark.parametrize(
    "key",
    [
        "own/FacialEncoder.visual_projection.layers.1.0.to_kv.weight",
        "own/FacialEncoder.fuse_module.mlp2.fc1.weight",
        "own/FacialEncoder.visual_projection.latents",
    ],
)
def test_one_weight_in_the_wrong_place_breaks_the_equality(key: str) -> None:
    tokens, pictures = (
        torch.from_numpy(tensor(1, (1, 77, tiny_diffusion.WIDTH))),
        torch.from_numpy(tensor(2, (5, 50, 64))),
    )
    marked = torch.arange(77) % 15 == 4
    marked[70:] = False
    right = consistent_id.facial_encoder(_own(WEIGHTS)["FacialEncoder"], "")
    wrong = consistent_id.facial_encoder(_own(WEIGHTS | {key: WEIGHTS[key].flip(-1)})["FacialEncoder"], "")

    assert int(marked.sum()) == 5
    assert (right(tokens, pictures, marked) - wrong(tokens, pictures, marked)).abs().max() > 100 * EXACT


def test_the_published_encoder_has_as_many_names_and_numbers_as_the_authors() -> None:
    shape = resampler.Shape(queries=1, inputs=1280, width=1024, outputs=768, blocks=8, heads=16)
    with torch.device("meta"):
        network = consistent_id.FacialEncoder(shape)

    assert len(network.state_dict()) == 109
    assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(105.8e6, rel=1e-3)


def test_files_that_do_not_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "own/FacialEncoder.fuse_module.layer_norm.bias"
    kept = {name: value for name, value in WEIGHTS.items() if name != key}
    with pytest.raises(BadWeights, match=r"first 'fuse_module\.layer_norm\.bias'"):
        consistent_id.facial_encoder(_own(kept)["FacialEncoder"], "")
    with pytest.raises(BadWeights, match="holds no FacialEncoder"):
        consistent_id.facial_encoder({"a": torch.zeros(1)}, "file")
    groups = {f"{group}.{name}": value for group, found in _own(WEIGHTS).items() for name, value in found.items()}
    renamed = {name.replace("image_proj.", "image_proj_model."): value for name, value in groups.items()}
    save_file(renamed, tmp_path / "own.safetensors")
    found = checkpoint.groups(tmp_path / "own.safetensors", consistent_id.GROUPS, {"image_proj_model": "image_proj"})
    assert {name: len(group) for name, group in found.items()} == {
        name: len(group) for name, group in _own(WEIGHTS).items()
    }


def test_what_it_needs_is_said(
    model: consistent_id.ConsistentId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = _model(tmp_path, monkeypatch, np.zeros((512, 512), np.uint8))
    with pytest.raises(BadRequest, match="needs to see a photo"):
        blind(VECTORS, Recipe(steps=1))
    with pytest.raises(NoFace, match="found no face, eyes, ears, nose or mouth"):
        blind.shown(PHOTO, FACE)
    with pytest.raises(BadRequest, match=r"is \d+ tokens too long beside what is said of the face"):
        model(VECTORS, Recipe(steps=1, prompt="a man " * 36))


def test_between_two_people_the_regions_that_both_show_are_blended(model: consistent_id.ConsistentId) -> None:
    other, looks = copy.copy(model), model._looks
    assert looks is not None
    turned = other._looks = looks.flip(-1)
    other._regions = {name: look + 1 for name, look in model._regions.items() if name != "ears"}
    middle = model.between(other, 0.25)

    assert list(middle._regions) == ["face", "eyes", "nose", "mouth"]
    assert torch.allclose(middle._regions["eyes"], model._regions["eyes"] + 0.25)
    assert torch.allclose(middle._looks, 0.75 * looks + 0.25 * turned, atol=1e-5)
    other._regions = {}
    with pytest.raises(BadRequest, match="no region in both"):
        model.between(other, 0.5)


def test_in_8_bits_it_draws_about_the_same_from_weights_of_one_byte(
    model: consistent_id.ConsistentId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = _model(tmp_path, monkeypatch, id="consistentid-8bit").shown(PHOTO, FACE)
    full, eighth, other = (
        drawer(VECTORS[:1], Recipe(seed, steps=2, prompt=PROMPT))[0].astype(int)
        for drawer, seed in ((model, 0), (small, 0), (model, 1))
    )

    assert 0 < np.abs(full - eighth).mean() < np.abs(full - other).mean() / 4
    kept = [weight.dtype for weight in small.pipeline.unet.parameters()]
    assert kept.count(torch.float8_e4m3fn) > len(kept) / 4
