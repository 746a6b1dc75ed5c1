"""PhotoMaker v1 and v2: encoder, marked words, low-rank changes and late merging are those of its authors' code.

tests/golden/photomaker-*.npz hold their answers, in few channels, with weights filled from their names.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden.digest import Pictures
from tests.golden.inputs import photo, tensor
from tests.models.portraits import tiny_diffusion
from workbench.catalog import MODELS
from workbench.errors import BadRequest, BadWeights
from workbench.models.portraits import diffusion_parts, photo_maker
from workbench.portraits import Recipe
from workbench.values import Face

EXACT = 1e-5

XL = Pictures("photomaker-xl")
ENCODERS = {version: Pictures(f"photomaker-{version}") for version in ("v1", "v2")}
VECTORS = tensor(42, (2, 512))
WORDS, AGAINST = tensor(51, (2, 77, 256)), tensor(53, (2, 77, 256))
POOLED, NEVER = tensor(52, (2, 16)), tensor(54, (2, 16))
FUSED, LATE = tensor(55, (1, 77, 256)), tensor(56, (1, 16))
FACE = Face(
    np.array([20, 20, 80, 90], np.float32),
    np.array([(40, 40), (60, 40), (50, 55), (42, 70), (58, 70)], np.float32),
    1.0,
)


def _encoder(version: str, **changes: torch.Tensor) -> dict[str, torch.Tensor]:
    return tiny_diffusion.under(ENCODERS[version].weights(), "own/id_encoder.") | changes


def _files(version: str, folder: Path) -> dict[str, Path]:
    weights = XL.weights()
    files = tiny_diffusion.write_xl(folder, weights)
    files["adapter"] = folder / f"photomaker-{version}.bin"
    groups = {"id_encoder": _encoder(version), "lora_weights": tiny_diffusion.under(weights, "own/lora_weights.")}
    torch.save(groups, files["adapter"])
    return files


def _model(version: str, folder: Path, bits: str = "") -> photo_maker.PhotoMaker:
    return photo_maker.load(MODELS[f"photomaker-{version}{bits}"], _files(version, folder), "cpu")


@pytest.fixture(autouse=True)
def _short_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny vocabulary spells most words letter by letter."""
    monkeypatch.setattr(photo_maker, "PROMPT", "photo of a man img")
    monkeypatch.setattr(photo_maker, "NEGATIVE", "a forest")


@pytest.fixture(scope="module", params=["v1", "v2"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> photo_maker.PhotoMaker:
    return _model(request.param, tmp_path_factory.mktemp("photomaker"))


def test_tokens_and_fused_words_equal_the_authors(model: photo_maker.PhotoMaker) -> None:
    golden = ENCODERS[model.spec.id[-2:]]
    first, count = golden.cases["encoder"]["first"], golden.cases["encoder"]["tokens"]
    marked = np.isin(np.arange(77), range(first, first + count))
    found = model.raw(VECTORS, tensor(41, (2, 3, 224, 224)), tensor(43, (2, 77, 256)), marked)

    assert golden.difference("encoder", "tokens", found["tokens"]) <= EXACT
    assert golden.difference("encoder", "fused", found["fused"]) <= EXACT


@pytest.mark.parametrize(
    ("version", "key"),
    [
        ("v1", "visual_projection_2.weight"),
        ("v1", "vision_model.encoder.layers.1.self_attn.v_proj.weight"),
        ("v2", "qformer_perceiver.perceiver_resampler.layers.3.0.to_q.weight"),
        ("v2", "fuse_module.mlp1.fc1.weight"),
    ],
)
def test_one_weight_in_the_wrong_place_breaks_the_equality(version: str, key: str) -> None:
    photos, vectors = torch.from_numpy(tensor(41, (2, 3, 224, 224))), torch.from_numpy(VECTORS)
    words, marked = torch.from_numpy(tensor(43, (2, 77, 256))), torch.arange(77) == 5
    answers = []
    for weights in (_encoder(version), _encoder(version, **{key: _encoder(version)[key].flip(0)})):
        encoder = photo_maker.identity_encoder(weights, "")
        with torch.inference_mode():
            answers.append(encoder(words, encoder.tokens(photos, vectors)[:, :1], marked))

    assert (answers[0] - answers[1]).abs().max() > 100 * EXACT


def test_a_picture_equals_the_authors_loop_with_merged_changes_and_late_words(
    model: photo_maker.PhotoMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def condition(*given: object) -> dict[str, object]:
        words, pooled, against, never = (torch.from_numpy(value[:1]) for value in (WORDS, POOLED, AGAINST, NEVER))
        return {
            "prompt_embeds": words,
            "pooled_prompt_embeds": pooled,
            "negative_prompt_embeds": against,
            "negative_pooled_prompt_embeds": never,
            "_changes": ("prompt_embeds", "add_text_embeds"),
            "_fused": torch.cat([against, torch.from_numpy(FUSED)]),
            "_pooled": torch.cat([never, torch.from_numpy(LATE)]),
        }

    monkeypatch.setattr(model, "condition", condition)
    pictures = np.stack(model(VECTORS[:1], Recipe(seed=7, steps=5, guidance=5.0))).astype(np.float64) / 255
    assert XL.difference("picture", "pixels", pictures) <= 0.51 / 255

    monkeypatch.setattr(photo_maker, "MERGED_FROM", 1.0)
    never_merged = np.stack(model(VECTORS[:1], Recipe(seed=7, steps=5, guidance=5.0))).astype(np.float64) / 255
    assert XL.difference("picture", "pixels", never_merged) > 0.51 / 255


def test_words_are_spelled_and_marked_as_the_authors_do(model: photo_maker.PhotoMaker) -> None:
    for case in ("words1", "words2"):
        plain, said, marked = model.marked(XL.cases[case]["prompt"], XL.cases[case]["tokens"])
        with torch.inference_mode():
            words, pooled = model.words(said)

        assert np.array_equal(plain, XL[f"{case}|plain|slice"])
        assert np.array_equal(marked.numpy(), XL[f"{case}|marked|slice"] > 0.5)
        assert XL.difference(case, "words", words.numpy()) <= EXACT
        assert XL.difference(case, "pooled", pooled.numpy()) <= EXACT


def test_a_sheet_is_drawn_from_a_photo_and_a_prompt(model: photo_maker.PhotoMaker) -> None:
    seeing = model.shown(photo(3, 120, 100), FACE)
    one, other = (
        seeing(VECTORS[:1], Recipe(steps=2, prompt=f"{word} img in the forest"))[0] for word in ("a man", "a person")
    )

    assert one.shape == (64, 64, 3)
    assert not np.array_equal(one, other)


def test_a_sheet_in_half_precision_is_about_the_same(
    model: photo_maker.PhotoMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffusion_parts, "half", lambda device: torch.float16)
    small = _model(model.spec.id[-2:], tmp_path)
    drawers = (drawer.shown(photo(3, 120, 100), FACE) for drawer in (model, small))
    full, half = (drawer(VECTORS[:1], Recipe(steps=2))[0].astype(int) for drawer in drawers)

    assert small.dtype == next(small.encoder.parameters()).dtype == torch.float16
    assert np.abs(full - half).mean() < 3


def test_in_8_bits_it_draws_about_the_same_from_weights_of_one_byte(
    model: photo_maker.PhotoMaker, tmp_path: Path
) -> None:
    small = _model(model.spec.id[-2:], tmp_path, "-8bit")
    drawers = [drawer.shown(photo(3, 120, 100), FACE) for drawer in (model, small)]
    asked = ((drawers[0], 0), (drawers[1], 0), (drawers[0], 1))
    full, eighth, other = (drawer(VECTORS[:1], Recipe(seed, steps=2))[0].astype(int) for drawer, seed in asked)
    kept = [weight.dtype for weight in small.pipeline.unet.parameters()]

    assert 0 < np.abs(full - eighth).mean() < np.abs(full - other).mean() / 4
    assert kept.count(torch.float8_e4m3fn) > len(kept) / 4
    assert small.dtype == torch.float32


def test_between_two_people_it_draws_either_at_the_ends_and_neither_in_the_middle(
    model: photo_maker.PhotoMaker,
) -> None:
    first, second = (model.shown(photo(seed, 120, 100), FACE) for seed in (3, 4))
    one, start, middle, end, other = (
        each(VECTORS[:1], Recipe(steps=2))[0].astype(int)
        for each in (first, first.between(second, 0), first.between(second, 0.5), first.between(second, 1), second)
    )

    assert np.array_equal(one, start)
    assert np.array_equal(other, end)
    assert not np.array_equal(one, other)
    assert not np.array_equal(middle, one)
    assert not np.array_equal(middle, other)
    with pytest.raises(BadRequest, match="a photo of both people"):
        first.between(model, 0.5)


def test_what_it_needs_is_said(model: photo_maker.PhotoMaker) -> None:
    with pytest.raises(BadRequest, match="needs to see a photo"):
        model(VECTORS, Recipe(steps=1))
    seeing = model.shown(photo(3, 120, 100), FACE)
    for prompt in ("a man", "img", "img of a man", "a man img and an img"):
        with pytest.raises(BadRequest, match="wants the word img once, after the word for the person"):
            seeing(VECTORS, Recipe(steps=1, prompt=prompt))
    with pytest.raises(BadRequest, match=r"tokens; .* reads 75"):
        seeing(VECTORS, Recipe(steps=1, prompt="a man img" + " a" * 74))


def test_a_file_of_the_other_version_or_with_other_names_is_refused(tmp_path: Path) -> None:
    weights = XL.weights()
    files = tiny_diffusion.write_xl(tmp_path, weights)
    torch.save({"id_encoder": _encoder("v2"), "lora_weights": {}}, tmp_path / "v2.bin")
    with pytest.raises(BadWeights, match="is PhotoMaker v2's, not that of"):
        photo_maker.load(MODELS["photomaker-v1"], files | {"adapter": tmp_path / "v2.bin"}, "cpu")
    less = {key: value for key, value in _encoder("v1").items() if key != "fuse_module.mlp2.fc2.bias"}
    with pytest.raises(BadWeights, match=r"first 'fuse_module\.mlp2\.fc2\.bias'"):
        photo_maker.identity_encoder(less, "photomaker-v1.bin")
    with pytest.raises(BadWeights, match="holds no PhotoMaker encoder"):
        photo_maker.identity_encoder({"a": torch.zeros(1)}, "file")
