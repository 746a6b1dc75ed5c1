"""InstantID: its drawing of points, its tokens and its denoiser are those of its authors' code, on diffusers' own
pipeline.

tests/golden/instantid.npz holds their answers, in few channels, with weights filled from their names.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.golden.digest import Pictures
from tests.golden.inputs import photo, tensor
from tests.models.portraits import tiny_diffusion
from workbench.catalog import MODELS
from workbench.errors import BadRequest, BadWeights
from workbench.models.portraits import diffusion_parts, instant_id, key_points
from workbench.portraits import Recipe
from workbench.scenes import Scene
from workbench.values import Face

EXACT = 1e-5

GOLDEN = Pictures("instantid")
WEIGHTS = GOLDEN.weights()
VECTORS = tensor(5, (2, 512))
WORDS, POOLED, AGAINST, NEVER = (
    tensor(51, (2, 77, 256)),
    tensor(52, (2, 16)),
    tensor(53, (2, 77, 256)),
    tensor(54, (2, 16)),
)


def _files(folder: Path, changes: Mapping[str, torch.Tensor | None]) -> dict[str, Path]:
    weights = {key: value for key, value in (WEIGHTS | dict(changes)).items() if value is not None}
    files = tiny_diffusion.write_xl(folder, weights)
    files["adapter"] = folder / "ip-adapter.bin"
    groups = {group: tiny_diffusion.under(weights, f"own/{group}.") for group in instant_id.GROUPS}
    torch.save(groups, files["adapter"])
    return files | tiny_diffusion.write_controlnet(folder, weights)


def _model(folder: Path, **changes: torch.Tensor | None) -> instant_id.InstantId:
    return instant_id.load(MODELS["instantid"], _files(folder, changes), "cpu")


@pytest.fixture(autouse=True)
def _short_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny vocabulary spells most words letter by letter."""
    monkeypatch.setattr(instant_id, "PROMPT", "photo of a man")
    monkeypatch.setattr(instant_id, "NEGATIVE", "a forest")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> instant_id.InstantId:
    return _model(tmp_path_factory.mktemp("instantid"))


@pytest.mark.parametrize("side", [8, 16])
def test_tokens_and_noise_equal_the_authors_at_two_sizes(model: instant_id.InstantId, side: int) -> None:
    found = model.raw(VECTORS, tensor(side, (2, 4, side, side)), 421, WORDS, POOLED)

    assert GOLDEN.difference("face", "face", found["face"]) <= EXACT
    assert GOLDEN.difference(f"noise{side}", "noise", found["noise"]) <= EXACT


def test_a_picture_equals_the_authors_loop(model: instant_id.InstantId, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "prompt_embeds": WORDS,
        "pooled_prompt_embeds": POOLED,
        "negative_prompt_embeds": AGAINST,
        "negative_pooled_prompt_embeds": NEVER,
    }
    monkeypatch.setattr(
        model, "told", lambda *given: {name: torch.from_numpy(value[:1]) for name, value in told.items()}
    )
    pictures = np.stack(model(VECTORS[:1], Recipe(seed=7, steps=3, guidance=5.0))).astype(np.float64) / 255

    assert GOLDEN.difference("picture", "pixels", pictures) <= 0.51 / 255


@pytest.mark.parametrize(
    "key",
    [
        "own/ip_adapter.5.to_v_ip.weight",
        "own/image_proj.layers.1.0.to_kv.weight",
        "controlnet/controlnet_mid_block.weight",
        "xl/add_embedding.linear_1.weight",
    ],
)
def test_one_weight_in_the_wrong_place_breaks_the_equality(key: str, tmp_path: Path) -> None:
    broken = _model(tmp_path, **{key: WEIGHTS[key].flip(0)}).raw(VECTORS, tensor(8, (2, 4, 8, 8)), 421, WORDS, POOLED)

    assert GOLDEN.difference("noise8", "noise", broken["noise"]) > 10 * EXACT


def test_points_are_drawn_as_the_authors_draw_them() -> None:
    face = np.array([(300.4, 420.2), (610.7, 400.1), (450.5, 560.9), (340.3, 720.6), (600.2, 700.8)])

    assert GOLDEN.difference("points", "drawing", key_points.draw(face, 900, 1024).astype(np.float32)) < 1e-12


def test_every_name_of_the_official_files_is_used(model: instant_id.InstantId) -> None:
    names = {key.removeprefix("own/ip_adapter.") for key, _, _ in GOLDEN.keys if key.startswith("own/ip_adapter.")}
    listening = [place for place, name in enumerate(model.pipeline.unet.attn_processors) if "attn2" in name]

    assert names == {f"{place}.to_{role}_ip.weight" for place in listening for role in "kv"}
    assert len(listening) == 17


def test_an_adapter_of_another_denoiser_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=r"first '33\.to_k_ip\.weight'"):
        _model(tmp_path, **{"own/ip_adapter.33.to_k_ip.weight": None})
    with pytest.raises(BadWeights, match=r"projection are missing or unexpected, first 'layers\.1\.1\.0\.bias'"):
        _model(tmp_path, **{"own/image_proj.layers.1.1.0.bias": None})
    files = _files(tmp_path, {})
    save_file(tiny_diffusion.under(WEIGHTS, "xl/"), tmp_path / "wrong.safetensors")
    files["controlnet"] = tmp_path / "wrong.safetensors"
    with pytest.raises(BadWeights, match="looks like a diffusion UNet"):
        instant_id.load(MODELS["instantid"], files, "cpu")


def test_the_photos_points_take_the_place_of_the_middle(model: instant_id.InstantId) -> None:
    points = np.array([(110, 80), (150, 80), (130, 110), (115, 130), (145, 130)], np.float32)
    other = model.shown(photo(1, 200, 260), Face(np.array([90, 50, 170, 150], np.float32), points, 1.0))

    assert other.points == pytest.approx((points - (30, 0)) * 64 / 200)
    assert model.points == pytest.approx(key_points.middle(64))
    assert not np.array_equal(other(VECTORS[:1], Recipe(steps=2))[0], model(VECTORS[:1], Recipe(steps=2))[0])


def test_a_unit_vector_is_drawn_as_its_full_length_one(model: instant_id.InstantId) -> None:
    unit = VECTORS[:1] / np.linalg.norm(VECTORS[:1])
    short, full = model(unit, Recipe(steps=2))[0], model(unit * np.float32(512**0.5), Recipe(steps=2))[0]

    assert np.abs(short.astype(int) - full).max() <= 1


def test_a_sheet_in_half_precision_is_about_the_same(
    model: instant_id.InstantId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffusion_parts, "half", lambda device: torch.float16)
    small = _model(tmp_path)
    seen: list[list[np.ndarray]] = []
    full, half = (drawer(VECTORS[:1], Recipe(steps=2), None, seen.append)[0].astype(int) for drawer in (model, small))

    assert small.dtype == torch.float16
    assert np.abs(full - half).mean() < 3
    assert len(seen) == 2


def test_the_controlnet_hears_the_text_again_afterwards(model: instant_id.InstantId) -> None:
    model(VECTORS[:1], Recipe(steps=1))
    with pytest.raises(BadRequest, match="prompt has 90 tokens"):
        model(VECTORS[:1], Recipe(steps=1, prompt="a " * 90))

    assert not model.pipeline.controlnet._forward_pre_hooks


def test_pictures_drawn_together_are_those_drawn_alone(model: instant_id.InstantId, monkeypatch) -> None:
    """On a graphics card several are: each must listen to its own face, not to everybody's in the batch."""
    alone = model(VECTORS, Recipe(seed=7, steps=2))
    monkeypatch.setattr(model, "together", 2)
    together = model(VECTORS, Recipe(seed=7, steps=2))

    assert max(np.abs(one.astype(int) - other).max() for one, other in zip(alone, together, strict=True)) <= 1


def test_strength_and_the_pose_of_another_photo_change_the_picture(model: instant_id.InstantId) -> None:
    points = np.array([(110, 80), (150, 80), (130, 110), (115, 130), (145, 130)], np.float32)
    posed = model.posed(photo(1, 200, 260), Face(np.array([90, 50, 170, 150], np.float32), points, 1.0))
    plain, faint = (model(VECTORS[:1], Recipe(1, 2, scene=Scene(strength=share)))[0] for share in (0.0, 0.1))

    assert not np.array_equal(plain, faint)
    assert not np.array_equal(posed(VECTORS[:1], Recipe(1, 2))[0], plain)
    assert np.array_equal(model(VECTORS[:1], Recipe(1, 2))[0], plain)


def test_in_8_bits_it_draws_about_the_same_from_weights_of_one_byte(
    model: instant_id.InstantId, tmp_path: Path
) -> None:
    small = instant_id.load(MODELS["instantid-8bit"], _files(tmp_path, {}), "cpu")
    full, eighth, other = (
        drawer(VECTORS[:1], Recipe(seed, steps=2))[0].astype(int)
        for drawer, seed in ((model, 0), (small, 0), (model, 1))
    )

    assert 0 < np.abs(full - eighth).mean() < np.abs(full - other).mean() / 4
    for network in (small.pipeline.unet, small.pipeline.controlnet):
        kept = [weight.dtype for weight in network.parameters()]
        assert kept.count(torch.float8_e4m3fn) > len(kept) / 4
