"""FLUX.1 Kontext, FLUX.2 klein and Qwen-Image-Edit: a sheet is what diffusers' own pipeline draws from the same files.

The files are random networks of a few channels in the layout of the real repositories (`tiny_editors`).
"""

from dataclasses import replace
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from diffusers.pipelines.flux import pipeline_flux_kontext
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.golden.inputs import photo
from tests.models.portraits import tiny_editors
from workbench.catalog import MODELS
from workbench.errors import BadRequest, BadWeights, Cancelled, OutOfMemory
from workbench.models.blocks import memory
from workbench.models.portraits import photo_editor
from workbench.models.portraits.diffusion_portrait import noise_of
from workbench.portraits import Recipe
from workbench.scenes import Scene
from workbench.values import Face
from workbench.watch import Watch

SIDE = 64
ROWS = {"kontext": "flux1-kontext", "klein": "flux2-klein-4b", "qwen": "qwen-image-edit"}
VECTORS = np.zeros((2, 128), np.float32)
FACE = Face(
    np.array([20, 20, 80, 90], np.float32),
    np.array([(40, 40), (60, 40), (50, 55), (42, 70), (58, 70)], np.float32),
    1.0,
)
RECIPE = Recipe(seed=5, steps=2, guidance=3.0, prompt="a man in a forest")


@pytest.fixture(scope="module", params=ROWS)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Path]]:
    """A family's name and its tiny files."""
    return request.param, getattr(tiny_editors, request.param)(tmp_path_factory.mktemp(request.param))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of 64 pixels; the pipelines take photos to a megapixel of their own accord."""
    monkeypatch.setattr(photo_editor, "SIDE", SIDE)
    monkeypatch.setattr(pipeline_flux_kontext, "PREFERRED_KONTEXT_RESOLUTIONS", [(SIDE, SIDE)])
    monkeypatch.setattr(pipeline_qwenimage_edit_plus, "VAE_IMAGE_SIZE", SIDE * SIDE)
    monkeypatch.setattr(pipeline_qwenimage_edit_plus, "CONDITION_IMAGE_SIZE", 56 * 56)


def _model(name: str, files: dict[str, Path], small: bool = False) -> photo_editor.PhotoEditor:
    row = MODELS[ROWS[name] + "-8bit" * small]
    model = getattr(photo_editor, row.load.partition(":")[2])(row, files, "cpu")
    assert isinstance(model, photo_editor.PhotoEditor)
    return model


def _theirs(name: str, files: dict[str, Path], seed: int, row: int) -> np.ndarray:
    """What diffusers draws, called as its documentation calls it."""
    networks = {"kontext": photo_editor.KONTEXT, "klein": photo_editor.KLEIN, "qwen": photo_editor.QWEN}[name]
    home = files["vae/config.json"].parents[1]
    parts = {
        folder: (getattr(diffusers, kind, None) or getattr(photo_editor.transformers, kind)).from_pretrained(
            home / folder
        )
        for folder, kind in {**networks.networks, **networks.readers}.items()
    }
    schedule = diffusers.FlowMatchEulerDiscreteScheduler.from_pretrained(home / "scheduler")
    pipeline = getattr(diffusers, networks.pipeline)(scheduler=schedule, **parts)
    pipeline.set_progress_bar_config(disable=True)
    picture = Image.fromarray(photo(3, 120, 100)[10:110]).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    more = {"qwen": {"true_cfg_scale": 3.0, "negative_prompt": " "}}.get(name, {"guidance_scale": 3.0})
    more |= {"max_area": SIDE * SIDE} if name == "kontext" else {}
    return pipeline(
        image=picture,
        prompt="a man in a forest",
        height=SIDE,
        width=SIDE,
        num_inference_steps=2,
        generator=noise_of(seed, row),
        output_type="np",
        **more,
    ).images[0]


def test_each_picture_is_the_pipelines_own(family: tuple[str, dict[str, Path]]) -> None:
    name, files = family
    pictures = _model(name, files).shown(photo(3, 120, 100), FACE)(VECTORS, RECIPE)
    second = _theirs(name, files, 5, 1)

    assert [picture.shape for picture in pictures] == [(SIDE, SIDE, 3)] * 2
    assert np.abs(pictures[1] / 255 - second).max() <= 0.51 / 255
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() > 5, "each picture has its own noise"


def test_in_8_bits_it_draws_about_the_same_from_weights_of_one_byte(family: tuple[str, dict[str, Path]]) -> None:
    name, files = family
    whole, small = _model(name, files), _model(name, files, small=True)
    one, other = (model.shown(photo(3, 120, 100), FACE)(VECTORS[:1], RECIPE)[0] for model in (whole, small))
    kept = [weight.dtype for weight in small.pipeline.transformer.parameters()]

    assert 0 < np.abs(one.astype(int) - other).mean() < 3
    assert kept.count(torch.float8_e4m3fn) > len(kept) / 4
    assert torch.float8_e4m3fn not in {weight.dtype for weight in whole.pipeline.transformer.parameters()}


def test_a_file_with_a_weight_too_few_is_refused_by_name(family: tuple[str, dict[str, Path]], tmp_path: Path) -> None:
    name, files = family
    for role in (key for key in files if key.endswith(".safetensors")):
        weights = load_file(files[role])
        lost = sorted(weights)[0]
        save_file({key: value for key, value in weights.items() if key != lost}, tmp_path / "less.safetensors")
        with pytest.raises(BadWeights, match=role.partition("/")[0]):
            _model(name, files | {role: tmp_path / "less.safetensors"})


def test_what_it_needs_is_said_and_cancel_stops_it(family: tuple[str, dict[str, Path]]) -> None:
    model = _model(*family)
    with pytest.raises(BadRequest, match="needs to see a photo"):
        model(VECTORS, RECIPE)
    seeing = model.shown(photo(3, 120, 100), FACE)
    with pytest.raises(BadRequest, match="2,000 are read"):
        seeing(VECTORS, Recipe(steps=1, prompt="a" * 2_001))
    with pytest.raises(Cancelled):
        seeing(VECTORS, RECIPE, Watch(cancelled=lambda: True))


def test_networks_take_turns_where_a_card_has_no_room_for_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(1000))
    files = {f"{name}/model.safetensors": tmp_path / "a" for name in ("transformer", "text_encoder", "vae")}
    row, small = MODELS["flux2-klein-4b"], MODELS["flux2-klein-4b-8bit"]
    for free, spec, turns in ((4000, row, False), (2500, row, True), (2700, small, False)):
        rooms = {"cuda": free, "cpu": 10**6}
        monkeypatch.setattr(memory, "free_bytes", lambda device="cpu", root=Path("/"), rooms=rooms: rooms[device])
        assert photo_editor._take_turns(photo_editor.KLEIN, spec, files, "cuda", spec is small) is turns
    monkeypatch.setattr(memory, "free_bytes", lambda device="cpu", root=Path("/"): 900)
    with pytest.raises(OutOfMemory, match=r"FLUX\.2 klein"):
        photo_editor._take_turns(photo_editor.KLEIN, row, files, "cuda", False)


def test_every_file_of_a_row_lies_where_its_pipeline_looks() -> None:
    for name, id in ROWS.items():
        family = getattr(photo_editor, name.upper())
        folders = {file.role.partition("/")[0] for file in MODELS[id].files}
        assert folders == {*family.networks, *family.readers, "scheduler"}
        assert MODELS[id].files == MODELS[f"{id}-8bit"].files


def test_only_the_editor_that_reads_them_is_told_what_must_not_be_seen(family) -> None:
    name, files = family
    model = _model(name, files)
    seeing, scene = model.shown(photo(1, 90, 120), FACE), Scene(negative="a hat")
    if name != "qwen":
        with pytest.raises(BadRequest, match="takes no negative"):
            seeing(VECTORS[:1], replace(RECIPE, scene=scene))
        return
    given = seeing.condition(torch.zeros(1, 128), replace(RECIPE, scene=replace(scene, style="film")), True)
    assert given["negative_prompt"] == "a hat, oversaturated, plastic skin"
    assert given["prompt"] == "a man in a forest, 35 mm film photo, fine grain, muted colours"
