"""Arc2Face draws what its authors' code draws, from files in their layout; and says in words what it cannot do.

tests/golden/arc2face.npz holds the answers of their encoder (transformers 4), of diffusers' UNet and pipeline, and of
peft's LoRA, with weights filled from their names.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.golden.digest import Pictures
from tests.golden.inputs import tensor
from tests.models.portraits import tiny_diffusion
from workbench.catalog import MODELS
from workbench.errors import BadRequest, BadWeights, Cancelled, OutOfMemory
from workbench.models.blocks import memory
from workbench.models.portraits import arc2face
from workbench.portraits import Recipe
from workbench.watch import Watch

EXACT = 1e-5

GOLDEN = Pictures("arc2face")
WEIGHTS = GOLDEN.weights() | {key: torch.tensor(1.5) for key, _, _ in GOLDEN.keys if key.endswith(".alpha")}
VECTORS = tensor(5, (3, 512))


def _files(folder: Path, fast: bool = False, changes: Mapping[str, torch.Tensor] | None = None) -> dict[str, Path]:
    weights = WEIGHTS | dict(changes or {})
    files = tiny_diffusion.write(folder, weights)
    if fast:
        files["lora"] = folder / "lora.safetensors"
        save_file(tiny_diffusion.under(weights, "lora/"), files["lora"])
    return files


def _model(folder: Path, fast: bool = False, changes: Mapping[str, torch.Tensor] | None = None) -> arc2face.Arc2Face:
    return arc2face.load(MODELS["arc2face-lcm" if fast else "arc2face"], _files(folder, fast, changes), "cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> arc2face.Arc2Face:
    return _model(tmp_path_factory.mktemp("arc2face"))


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> arc2face.Arc2Face:
    return _model(tmp_path_factory.mktemp("arc2face-lcm"), fast=True)


@pytest.mark.parametrize("side", [8, 16])
def test_tokens_and_noise_equal_the_authors_at_two_sizes(model: arc2face.Arc2Face, side: int) -> None:
    found = model.raw(VECTORS, tensor(side, (3, 4, side, side)), 421)

    assert GOLDEN.difference("text", "tokens", found["tokens"]) <= EXACT
    assert GOLDEN.difference("text", "empty", found["empty"]) <= EXACT
    assert GOLDEN.difference(f"noise{side}", "noise", found["noise"]) <= EXACT


def test_merged_lcm_equals_what_peft_adds_at_every_layer(fast: arc2face.Arc2Face) -> None:
    found = fast.raw(VECTORS, tensor(8, (3, 4, 8, 8)), 421)

    assert GOLDEN.difference("lcm", "noise", found["noise"]) <= EXACT


def test_pictures_equal_those_of_diffusers_pipeline(model: arc2face.Arc2Face, fast: arc2face.Arc2Face) -> None:
    for drawer, case in ((model, "picture"), (fast, "lcm-picture")):
        recipe = Recipe(seed=7, steps=GOLDEN.cases[case]["steps"], guidance=GOLDEN.cases[case]["guidance"])
        pictures = np.stack(drawer(VECTORS, recipe)).astype(np.float64) / 255

        assert GOLDEN.difference(case, "pixels", pictures) <= 0.51 / 255


def test_every_name_of_the_official_files_is_used() -> None:
    parts = {
        part: sum(key.startswith(part) for key, _, _ in GOLDEN.keys) for part in ("unet/", "vae/", "text/", "lora/")
    }

    assert parts["unet/"] == 686  # as many as Stable Diffusion 1.5's own
    assert parts["vae/"] == 248
    assert parts["text/"] == 4 + 2 * 16
    assert parts["lora/"] == 3 * 278


@pytest.mark.parametrize(
    "key",
    [
        "unet/mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight",
        "unet/up_blocks.3.resnets.2.conv2.weight",
        "text/text_model.encoder.layers.1.self_attn.q_proj.weight",
    ],
)
def test_one_weight_in_the_wrong_place_breaks_the_equality(key: str, tmp_path: Path) -> None:
    broken = _model(tmp_path, changes={key: WEIGHTS[key].flip(0)}).raw(VECTORS, tensor(8, (3, 4, 8, 8)), 421)

    assert GOLDEN.difference("noise8", "noise", broken["noise"]) > 100 * EXACT


def test_one_low_rank_change_in_the_wrong_place_breaks_the_equality(tmp_path: Path) -> None:
    key = "lora/lora_unet_down_blocks_1_resnets_0_conv1.lora_up.weight"
    broken = _model(tmp_path, fast=True, changes={key: WEIGHTS[key].flip(0)}).raw(VECTORS, tensor(8, (3, 4, 8, 8)), 421)

    assert GOLDEN.difference("lcm", "noise", broken["noise"]) > 100 * EXACT


def test_an_autoencoder_with_the_names_of_old_files_is_the_same(model: arc2face.Arc2Face, tmp_path: Path) -> None:
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    weights = tiny_diffusion.under(WEIGHTS, "vae/")
    for new, word in old.items():
        weights = {
            key.replace(f"attentions.0.{new}.", f"attentions.0.{word}."): value for key, value in weights.items()
        }
    files = _files(tmp_path)
    save_file(weights, files["vae"])
    other = arc2face.load(MODELS["arc2face"], files, "cpu")
    latents = torch.from_numpy(tensor(3, (1, 4, 8, 8)))

    assert "encoder.mid_block.attentions.0.query.weight" in weights
    assert torch.equal(other.pipeline.vae.decode(latents).sample, model.pipeline.vae.decode(latents).sample)


def test_a_pictures_noise_is_a_function_of_seed_and_row_alone(model: arc2face.Arc2Face) -> None:
    both = model(np.concatenate([VECTORS[:1], VECTORS[:1]]), Recipe(seed=3, steps=2))
    (alone,) = model(VECTORS[:1], Recipe(seed=3, steps=2))

    assert np.array_equal(both[0], alone)
    assert not np.array_equal(both[0], both[1])
    assert not np.array_equal(alone, model(VECTORS[:1], Recipe(seed=4, steps=2))[0])


def test_the_bar_moves_previews_come_and_cancel_stops_within_a_step(model: arc2face.Arc2Face) -> None:
    told: list[float] = []
    seen: list[list[np.ndarray]] = []
    model(VECTORS[:2], Recipe(steps=6), Watch(lambda share, word: told.append(share)), seen.append)

    assert told == sorted(told)
    assert told[-1] == 1
    assert len(seen) == 2 * 5
    assert all(len(pictures) == 2 and pictures[0].dtype == np.uint8 and pictures[0].ndim == 3 for pictures in seen)

    steps: list[str] = []
    watch = Watch(lambda share, word: steps.append(word), lambda: "step 2 of 6" in steps)
    with pytest.raises(Cancelled):
        model(VECTORS, Recipe(steps=6), watch)
    assert "step 3 of 6" not in steps


def test_two_sheets_at_once_are_drawn_one_after_the_other_and_equal_what_each_is_alone(
    model: arc2face.Arc2Face,
) -> None:
    alone = [model(VECTORS[:1], Recipe(seed=seed, steps=4))[0] for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda seed: model(VECTORS[:1], Recipe(seed=seed, steps=4))[0], (1, 2)))

    assert all(np.array_equal(*pair) for pair in zip(alone, both, strict=True))


@pytest.mark.parametrize(
    ("vectors", "recipe", "words"),
    [
        (np.zeros((0, 512), np.float32), Recipe(), "expected n × 512"),
        (np.zeros((1, 128), np.float32), Recipe(), r"got \(1, 128\)"),
        (np.full((1, 512), np.nan, np.float32), Recipe(), "not finite"),
        (VECTORS, Recipe(steps=5_000), "expected 1 to 100 steps, got 5000"),
        (VECTORS, Recipe(guidance=-1), "expected 1.0 to 10.0 guidance"),
        (VECTORS, Recipe(seed=-1), "seed of 0 or more"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    model: arc2face.Arc2Face, vectors: np.ndarray, recipe: Recipe, words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        model(vectors, recipe)


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    files = _files(tmp_path, fast=True)
    load, spec = arc2face.load, MODELS["arc2face-lcm"]
    for role, group, words in (
        ("unet", "unet/", "looks like .* UNet"),
        ("text_encoder", "text/", "looks like .* CLIP text"),
        ("vae", "vae/", "looks like .* autoencoder"),
    ):
        weights = tiny_diffusion.under(WEIGHTS, group)
        spoilt = tmp_path / "spoilt.safetensors"
        save_file(dict(list(weights.items())[:-1]), spoilt)
        with pytest.raises(BadWeights, match=words):
            load(spec, files | {role: spoilt}, "cpu")
    lora = tiny_diffusion.under(WEIGHTS, "lora/")
    save_file(lora | {"lora_unet_nowhere.lora_up.weight": torch.zeros(2, 2)}, tmp_path / "more.safetensors")
    with pytest.raises(BadWeights, match="changes no layer"):
        load(spec, files | {"lora": tmp_path / "more.safetensors"}, "cpu")
    save_file(dict(list(lora.items())[1:]), tmp_path / "less.safetensors")
    with pytest.raises(BadWeights, match="lacks its other half"):
        load(spec, files | {"lora": tmp_path / "less.safetensors"}, "cpu")


def test_a_weight_under_two_names_is_refused_in_every_part(tmp_path: Path) -> None:
    files = _files(tmp_path, fast=True)
    text, vae, lora = (tiny_diffusion.under(WEIGHTS, group) for group in ("text/", "vae/", "lora/"))
    norm, query = "text_model.final_layer_norm.weight", "encoder.mid_block.attentions.0.to_q.bias"
    down = next(key for key in lora if key.endswith("lora_down.weight"))
    twins = {
        "text_encoder": (text, {norm.removeprefix("text_model."): text[norm] + 9}, "both mean"),
        "vae": (vae, {query.replace("to_q", "query"): vae[query] + 9}, "both mean"),
        "lora": (lora, {down.replace("lora_down", "lora_A"): lora[down] + 9}, "second spelling"),
    }
    for role, (weights, twin, words) in twins.items():
        save_file(weights | twin, tmp_path / "twice.safetensors")
        with pytest.raises(BadWeights, match=words):
            arc2face.load(MODELS["arc2face-lcm"], files | {role: tmp_path / "twice.safetensors"}, "cpu")


@pytest.mark.parametrize("key", ["unet/conv_in.bias", "lora/lora_unet_down_blocks_1_resnets_0_conv1.lora_up.weight"])
def test_weights_that_are_not_finite_are_refused_in_every_part(key: str, tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="not finite"):
        _model(tmp_path, fast=True, changes={key: torch.full_like(WEIGHTS[key], float("nan"))})


def test_a_configuration_that_is_a_web_page_or_of_another_network_is_refused(tmp_path: Path) -> None:
    files = _files(tmp_path)
    files["unet_config"].write_text("<html>Please log in</html>")
    with pytest.raises(BadWeights, match="not a readable configuration"):
        arc2face.load(MODELS["arc2face"], files, "cpu")
    files["unet_config"].write_text(json.dumps(tiny_diffusion.UNET | {"down_block_types": ["NoSuchBlock"]}))
    with pytest.raises(BadWeights, match="does not describe a network"):
        arc2face.load(MODELS["arc2face"], files, "cpu")
    files["unet_config"].write_text(json.dumps(tiny_diffusion.UNET))
    files["vocabulary"].write_text('{"a": 0}')
    with pytest.raises(BadWeights, match="CLIP's vocabulary"):
        arc2face.load(MODELS["arc2face"], files, "cpu")


@pytest.mark.parametrize(
    ("role", "text"),
    [
        ("unet_config", {"block_out_channels": [8, -3, 32, 32]}),
        ("vae_config", {"latent_channels": "four"}),
        ("text_encoder_config", {"vocab_size": "many"}),
        ("text_encoder_config", {"num_attention_heads": 7}),
        ("scheduler", {"beta_schedule": 3}),
        ("scheduler", {"beta_start": "small"}),
        ("vocabulary", {"<|startoftext|>": 0, "<|endoftext|>": 1}),
        ("merges", None),
    ],
)
def test_a_configuration_no_network_can_have_is_refused(tmp_path: Path, role: str, text: dict | None) -> None:
    files = _files(tmp_path)
    before = json.loads(files[role].read_text()) if text is not None and role != "vocabulary" else {}
    files[role].write_bytes(b"\xff\xfe" * 9 if text is None else json.dumps(before | text).encode())

    with pytest.raises(BadWeights):
        arc2face.load(MODELS["arc2face"], files, "cpu")


def test_a_model_that_does_not_fit_is_refused_with_both_figures(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 8000000 kB\nMemAvailable:    2000000 kB\n")

    assert memory.free_bytes(root=tmp_path) == 2_048_000_000
    with pytest.raises(OutOfMemory, match=r"needs about 5\.0 GB of memory; this machine has 2\.0 GB free"):
        memory.require(5e9, "Arc2Face", root=tmp_path)
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    for name, text in (
        ("memory.max", "1000000000"),
        ("memory.current", "900000000"),
        ("memory.stat", "inactive_file 50\nactive_file 7\n"),
    ):
        (group / name).write_text(text)
    assert memory.free_bytes(root=tmp_path) == 100_000_057
    (group / "memory.max").write_text("max")
    assert memory.free_bytes(root=tmp_path) == 2_048_000_000
    assert memory.free_bytes(root=tmp_path / "nowhere") is None


def test_memory_that_runs_out_while_drawing_is_said_and_the_model_lives_on(
    model: arc2face.Arc2Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **options: object) -> None:
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."
        )

    with monkeypatch.context() as patch:
        patch.setattr(model.pipeline.unet, "forward", full)
        with pytest.raises(OutOfMemory, match="ran out of memory and stopped"):
            model(VECTORS[:1], Recipe(steps=1))

    assert len(model(VECTORS[:1], Recipe(steps=1))) == 1


def test_in_8_bits_it_draws_about_the_same_from_weights_of_one_byte(model: arc2face.Arc2Face, tmp_path: Path) -> None:
    """With LCM-LoRA too, which is merged while the weights are wide."""
    small = arc2face.load(MODELS["arc2face-8bit"], _files(tmp_path), "cpu")
    full, eighth, other = (
        drawer(VECTORS[:1], Recipe(seed, steps=2))[0].astype(int)
        for drawer, seed in ((model, 0), (small, 0), (model, 1))
    )

    assert 0 < np.abs(full - eighth).mean() < np.abs(full - other).mean() / 4
    fast = arc2face.load(MODELS["arc2face-lcm-8bit"], _files(tmp_path / "fast", fast=True), "cpu")
    for drawer in (small, fast):
        kept = [weight.dtype for weight in drawer.pipeline.unet.parameters()]
        assert kept.count(torch.float8_e4m3fn) > len(kept) / 4
