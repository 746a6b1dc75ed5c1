"""IP-Adapter-FaceID draws what its authors' code draws, without their attention classes and without a further package.

tests/golden/ip-adapter-faceid*.npz hold the answers of the authors' processors and projections on diffusers' UNet.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.image_processor import IPAdapterMaskProcessor
from PIL import Image
from safetensors.torch import save_file

from tests.golden.digest import Pictures
from tests.golden.inputs import photo, tensor
from tests.models.portraits import tiny_diffusion
from workbench import scenes
from workbench.catalog import MODELS
from workbench.errors import BadRequest, BadWeights
from workbench.models.portraits import faceid
from workbench.models.portraits.clip_pixels import clip_pixels
from workbench.models.portraits.diffusion_portrait import noise_of
from workbench.portraits import Recipe
from workbench.scenes import Scene
from workbench.spots import Spot, in_a_row
from workbench.values import Face

EXACT = 1e-5

PLAIN, PLUS = Pictures("ip-adapter-faceid"), Pictures("ip-adapter-faceid-plus")
TEXT = tiny_diffusion.part(Pictures("arc2face").weights(), "text/")
VECTORS = tensor(5, (3, 512))
WORDS, AGAINST = tensor(21, (3, 77, tiny_diffusion.WIDTH)), tensor(22, (3, 77, tiny_diffusion.WIDTH))
KINDS = {
    "ip-adapter-faceid": (faceid.load, PLAIN, ""),
    "ip-adapter-faceid-plus": (faceid.load_plus, PLUS, ""),
    "ip-adapter-faceid-plusv2": (faceid.load_plus_v2, PLUS, "-v2"),
}


def _adapter(weights: Mapping[str, torch.Tensor], path: Path) -> Path:
    """As the authors publish it: two dictionaries in one PyTorch file."""
    groups = {name: tiny_diffusion.under(weights, f"adapter/{name}.") for name in faceid.GROUPS}
    torch.save(groups, path)
    return path


def _model(
    id: str, folder: Path, changes: Mapping[str, torch.Tensor] | None = None, eighth: bool = False
) -> faceid.FaceId:
    load, golden, _ = KINDS[id]
    weights = golden.weights() | dict(changes or {})
    files = tiny_diffusion.write(folder, weights | TEXT)
    files["adapter"] = _adapter(weights, folder / "adapter.bin")
    if golden is PLUS:
        files |= tiny_diffusion.write_vision(folder, weights)
    model = load(MODELS[f"{id}-8bit" if eighth else id], files, "cpu")
    return _shown(model) if golden is PLUS else model


def _shown(model: faceid.FaceId) -> faceid.FaceId:
    """The golden's aligned face, which is already as large as the model wants it."""
    model._looks = model.looks(photo(11, 224, 224))
    return model


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> faceid.FaceId:
    return _model(request.param, tmp_path_factory.mktemp("faceid"))


@pytest.mark.parametrize("side", [8, 16])
def test_face_tokens_and_noise_equal_the_authors_at_two_sizes(model: faceid.FaceId, side: int) -> None:
    _, golden, tag = KINDS[model.spec.id]
    found = model.raw(VECTORS, tensor(side, (3, 4, side, side)), 421, WORDS)

    for name in ("face", "nobody"):
        assert golden.difference(f"face{tag}", name, found[name]) <= EXACT
    assert golden.difference(f"noise{side}{tag}", "noise", found["noise"]) <= EXACT


def test_pictures_equal_those_of_the_authors_attention(model: faceid.FaceId, monkeypatch: pytest.MonkeyPatch) -> None:
    _, golden, tag = KINDS[model.spec.id]
    told: list[str] = []
    rows = iter(range(6))

    def words(prompt: str, count: int) -> torch.Tensor:
        told.append(prompt)
        place = next(rows) // 2
        return torch.from_numpy((AGAINST if prompt == faceid.NEGATIVE else WORDS)[place : place + 1])

    monkeypatch.setattr(model, "words", words)
    pictures = np.stack(model(VECTORS, Recipe(seed=7, steps=3, prompt="a person"))).astype(np.float64) / 255

    assert golden.difference(f"picture{tag}", "pixels", pictures) <= 0.51 / 255
    assert told == ["a person", faceid.NEGATIVE] * 3


@pytest.mark.parametrize(
    ("id", "key"),
    [
        ("ip-adapter-faceid", "adapter/ip_adapter.1.to_k_ip.weight"),
        ("ip-adapter-faceid", "adapter/ip_adapter.14.to_out_lora.up.weight"),
        ("ip-adapter-faceid", "adapter/image_proj.proj.2.weight"),
        ("ip-adapter-faceid-plusv2", "adapter/image_proj.perceiver_resampler.layers.2.0.to_kv.weight"),
        ("ip-adapter-faceid-plusv2", "vision/vision_model.encoder.layers.1.mlp.fc1.weight"),
    ],
)
def test_one_weight_in_the_wrong_place_breaks_the_equality(id: str, key: str, tmp_path: Path) -> None:
    _, golden, tag = KINDS[id]
    broken = _model(id, tmp_path, {key: golden.weights()[key].flip(0)}).raw(
        VECTORS, tensor(8, (3, 4, 8, 8)), 421, WORDS
    )

    assert golden.difference(f"noise8{tag}", "noise", broken["noise"]) > 10 * EXACT


def test_every_name_of_the_official_files_is_used() -> None:
    names = [key.removeprefix("adapter/") for key, _, _ in PLAIN.keys if key.startswith("adapter/")]
    plus = [key for key, _, _ in PLUS.keys if key.startswith("adapter/image_proj.")]

    assert sum("to_k_ip" in name or "to_v_ip" in name for name in names) == 2 * 16
    assert sum("_lora." in name for name in names) == 8 * 32
    assert sum(name.startswith("image_proj.") for name in names) == 6
    assert len(plus) == 6 + 6 + 4 * 11


def test_pixels_become_what_transformers_made_of_them() -> None:
    aligned, large = clip_pixels(photo(11, 224, 224)).numpy(), clip_pixels(photo(12, 300, 251)).numpy()

    assert PLUS.difference("pixels", "aligned", aligned) <= 1e-6
    assert PLUS.difference("pixels", "large", large) <= 1e-6


def test_a_safetensors_adapter_is_the_same(tmp_path: Path) -> None:
    weights = PLAIN.weights()
    model = _model("ip-adapter-faceid", tmp_path)
    path = tmp_path / "adapter.safetensors"
    save_file(
        {key.removeprefix("adapter/"): value for key, value in weights.items() if key.startswith("adapter/")}, path
    )
    files = tiny_diffusion.write(tmp_path, weights | TEXT) | {"adapter": path}
    other = faceid.load(MODELS["ip-adapter-faceid"], files, "cpu")
    latents = tensor(8, (3, 4, 8, 8))

    assert np.array_equal(model.raw(VECTORS, latents)["noise"], other.raw(VECTORS, latents)["noise"])


def test_an_adapter_that_does_not_belong_here_is_refused(tmp_path: Path) -> None:
    weights = PLAIN.weights()
    files = tiny_diffusion.write(tmp_path, weights | TEXT)
    plus = _adapter(PLUS.weights(), tmp_path / "plus.bin")
    spoilt = {
        r"missing, unexpected or of another shape, first '3\.to_k_ip\.weight'": {
            "adapter/ip_adapter.3.to_k_ip.weight": None
        },
        r"first '2\.to_q_lora\.up\.weight'": {"adapter/ip_adapter.2.to_q_lora.up.weight": None},
        r"first '1\.to_v_ip\.weight'": {"adapter/ip_adapter.1.to_v_ip.weight": torch.zeros(8, 3)},
        r"first 'more\.weight'": {"adapter/ip_adapter.more.weight": torch.zeros(3)},
        r"projection are missing or unexpected, first 'norm\.bias'": {"adapter/image_proj.norm.bias": None},
    }
    broken = {"adapter/ip_adapter.1.to_v_ip.weight": weights["adapter/ip_adapter.1.to_v_ip.weight"] / 0}
    with pytest.raises(BadWeights, match=r"'1\.to_v_ip\.weight' holds numbers that are not finite"):
        faceid.load(
            MODELS["ip-adapter-faceid"], files | {"adapter": _adapter(weights | broken, tmp_path / "nan.bin")}, "cpu"
        )
    with pytest.raises(BadWeights, match="expected no Plus kind of FaceID, got one"):
        faceid.load(MODELS["ip-adapter-faceid"], files | {"adapter": plus}, "cpu")
    for words, change in spoilt.items():
        kept = {key: value for key, value in (weights | change).items() if value is not None}
        with pytest.raises(BadWeights, match=words):
            faceid.load(
                MODELS["ip-adapter-faceid"], files | {"adapter": _adapter(kept, tmp_path / "spoilt.bin")}, "cpu"
            )
    torch.save({"image_proj": {}, "something": {}}, tmp_path / "other.bin")
    with pytest.raises(BadWeights, match="expected image_proj, ip_adapter; found image_proj, something"):
        faceid.load(MODELS["ip-adapter-faceid"], files | {"adapter": tmp_path / "other.bin"}, "cpu")


def test_a_prompt_that_is_too_long_is_refused_rather_than_cut(tmp_path: Path) -> None:
    model = _model("ip-adapter-faceid", tmp_path)

    with pytest.raises(BadRequest, match=r"10,000 characters; .* reads about 300"):
        model(VECTORS, Recipe(prompt="x" * 10_000, steps=1))
    with pytest.raises(BadRequest, match=r"prompt has 100 tokens; .* reads 75"):
        model(VECTORS, Recipe(prompt="a " * 100, steps=1))


def test_the_plus_kinds_want_to_see_the_face_and_say_so(tmp_path: Path) -> None:
    model = _model("ip-adapter-faceid-plus", tmp_path)
    model._looks = None
    face = Face(
        np.array([20, 20, 180, 220], np.float32),
        np.array([(70, 90), (130, 90), (100, 130), (75, 160), (125, 160)], np.float32),
        1.0,
    )
    with pytest.raises(BadRequest, match="needs to see a photo"):
        model(VECTORS[:1], Recipe(steps=1))

    seeing = model.shown(photo(4, 240, 200), face)

    assert seeing(VECTORS[:1], Recipe(steps=1))[0].shape == (64, 64, 3)
    assert seeing.projection is model.projection
    with pytest.raises(BadRequest, match="needs to see a photo"):
        model(VECTORS[:1], Recipe(steps=1))


def test_style_negative_words_strength_and_size_reach_the_pipeline(tmp_path: Path, monkeypatch) -> None:
    """And the next sheet hears nothing of them: the strength is kept in the denoiser, which all sheets share."""
    monkeypatch.setattr(faceid, "PROMPT", "photo")
    monkeypatch.setattr(faceid, "NEGATIVE", "man")
    monkeypatch.setitem(scenes.STYLES, "film", ("{}, face", "ears"))
    model = _model("ip-adapter-faceid", tmp_path)
    told: list[str] = []
    own = model.words

    def words(prompt: str, count: int) -> Any:
        told.append(prompt)
        return own(prompt, count)

    monkeypatch.setattr(model, "words", words)
    plain = model(VECTORS[:1], Recipe(seed=3, steps=2))[0]

    styled = model(VECTORS[:1], Recipe(3, 2, scene=Scene(negative="forest", style="film")))[0]
    faint = model(VECTORS[:1], Recipe(3, 2, scene=Scene(strength=0.2)))[0]
    large = model(VECTORS[:1], Recipe(3, 1, scene=Scene(size=256)))[0]

    assert told[:4] == ["photo", "man", "photo, face", "forest, ears"]
    assert large.shape == (256, 256, 3)
    assert not np.array_equal(styled, plain)
    assert not np.array_equal(faint, plain)
    assert np.array_equal(model(VECTORS[:1], Recipe(seed=3, steps=2))[0], plain)
    with pytest.raises(BadRequest, match="256 to 768 pixels, got 1024"):
        model(VECTORS[:1], Recipe(steps=1, scene=Scene(size=1024)))


def test_between_two_people_the_plus_kinds_look_at_both(tmp_path: Path) -> None:
    model = _model("ip-adapter-faceid-plus", tmp_path)
    first, second = model, copy.copy(model)
    second._looks = model.looks(photo(12, 224, 224))
    pictures = [
        each(VECTORS[:1], Recipe(seed=1, steps=2))[0]
        for each in (first, first.between(second, 0.0), first.between(second, 0.5), first.between(second, 1.0), second)
    ]

    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[3], pictures[4])
    assert not np.array_equal(pictures[1], pictures[3])
    assert not np.array_equal(pictures[2], pictures[1])
    blind = copy.copy(model)
    blind._looks = None
    with pytest.raises(BadRequest, match="a photo of both people"):
        first.between(blind, 0.5)


PLAIN_AND_V2 = pytest.mark.parametrize("model", ["ip-adapter-faceid", "ip-adapter-faceid-plusv2"], indirect=True)


@PLAIN_AND_V2
def test_two_people_are_heard_at_their_places_as_diffusers_own_masks_have_it(model: faceid.FaceId) -> None:
    """The pipeline called by itself, masks from diffusers' own reader of masks: the same pixels."""
    places = Spot(0, 0, 0.5, 1), Spot(0.5, 0.25, 1, 1)
    other = copy.copy(model)
    if other.image_encoder is not None:
        other._looks = model.looks(photo(12, 224, 224))

    (ours,) = model.beside([(VECTORS[1], other)], places)(VECTORS[:1], Recipe(seed=2, steps=3, prompt="two faces"))

    drawn = [Image.fromarray((255 * place.mask(64)).astype(np.uint8)) for place in places]
    masks = IPAdapterMaskProcessor(vae_scale_factor=model.pipeline.vae_scale_factor).preprocess(drawn, 64, 64)
    unit = torch.nn.functional.normalize(torch.from_numpy(VECTORS[:2]), dim=1)[None]
    if model.image_encoder is not None:
        looks = torch.stack([model._looks, other._looks], 1)[:, None]
        model.projection.clip_embeds = torch.cat([looks[0], looks[1]])
    with torch.inference_mode():
        theirs = model.pipeline(
            prompt_embeds=model.words("two faces", 1),
            negative_prompt_embeds=model.words(faceid.NEGATIVE, 1),
            ip_adapter_image_embeds=[torch.cat([torch.zeros_like(unit), unit])],
            cross_attention_kwargs={"ip_adapter_masks": [masks.reshape(1, 2, 64, 64)]},
            height=64,
            width=64,
            num_inference_steps=3,
            guidance_scale=7.5,
            generator=[noise_of(2, 0)],
            output_type="np",
        ).images[0]

    assert np.array_equal(ours, np.clip(theirs * 255 + 0.5, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("model", ["ip-adapter-faceid"], indirect=True)
def test_whoever_stands_where_is_told_by_the_place_and_not_by_the_order(model: faceid.FaceId) -> None:
    left, right = in_a_row(2)
    recipe = Recipe(seed=1, steps=2)

    (picture,) = model.beside([(VECTORS[1], model)], (left, right))(VECTORS[:1], recipe)
    (turned,) = model.beside([(VECTORS[0], model)], (right, left))(VECTORS[1:2], recipe)
    (exchanged,) = model.beside([(VECTORS[1], model)], (right, left))(VECTORS[:1], recipe)
    alone = [model(VECTORS[:1], recipe)[0] for _ in range(2)]

    assert np.abs(picture.astype(int) - turned).max() <= 1
    assert not np.array_equal(picture, exchanged)
    assert np.array_equal(alone[0], alone[1]), "one person is drawn as ever after a picture of two"
    assert not np.array_equal(picture, alone[0])
    with pytest.raises(BadRequest, match="2 to 4 people in one picture, each at a place, got 5 with 5"):
        model.beside([(VECTORS[1], model)] * 4, in_a_row(5))


@pytest.mark.parametrize("model", ["ip-adapter-faceid-plus"], indirect=True)
def test_a_plus_kind_must_have_seen_everybody(model: faceid.FaceId) -> None:
    blind = copy.copy(model)
    blind._looks = None

    with pytest.raises(BadRequest, match="needs to see a photo"):
        model.beside([(VECTORS[1], blind)], in_a_row(2))(VECTORS[:1], Recipe(steps=1))


@PLAIN_AND_V2
def test_in_8_bits_it_draws_about_the_same_from_weights_of_one_byte(model: faceid.FaceId, tmp_path: Path) -> None:
    small = _model(model.spec.id, tmp_path, eighth=True)
    full, eighth, other = (
        drawer(VECTORS[:1], Recipe(seed, steps=2))[0].astype(int)
        for drawer, seed in ((model, 0), (small, 0), (model, 1))
    )

    assert 0 < np.abs(full - eighth).mean() < np.abs(full - other).mean() / 4
    kept = [weight.dtype for weight in small.pipeline.unet.parameters()]
    assert kept.count(torch.float8_e4m3fn) > len(kept) / 4
    assert "on a processor nothing is gained" in small.spec.note
