"""IDiff-Face's networks give their authors' numbers, and a thousand steps are their sampling."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden import inputs
from tests.golden.archive import Golden, apart
from workbench.catalog import MODELS
from workbench.errors import BadRequest, BadWeights, Cancelled
from workbench.models.blocks.context_unet import ContextUNet, Shape
from workbench.models.blocks.vq_decoder import CodedDecoder
from workbench.models.files import checkpoint
from workbench.models.portraits import idiff_face
from workbench.portraits import Recipe
from workbench.watch import Watch

SPEC = MODELS["idiff-face"]
TINY = (lambda: ContextUNet(Shape(32, (1, 2), (False, True), 32, 512, 32)), lambda: CodedDecoder(64, (32, 64, 128)))
VECTORS = inputs.tensor(2, (2, 512))


def _files(folder: Path) -> dict[str, Path]:
    weights = Golden("idiff-face-tiny").weights()
    parts = {
        "unet": {key: value for key, value in weights.items() if key.startswith("eps_model.")}
        | {name: torch.zeros(1000) for name in idiff_face.SCHEDULE},
        "decoder": {key.removeprefix("first."): value for key, value in weights.items() if key.startswith("first.")},
    }
    for role, found in parts.items():
        torch.save(found, folder / f"{role}.pt")
    return {role: folder / f"{role}.pt" for role in parts}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> idiff_face.IDiffFace:
    return idiff_face.load(SPEC, _files(tmp_path_factory.mktemp("idiff")), "cpu", TINY, latent=8)


def test_denoiser_and_decoder_equal_their_authors(model: idiff_face.IDiffFace) -> None:
    golden, latents = Golden("idiff-face-tiny"), torch.from_numpy(inputs.tensor(1, (2, 3, 8, 8)))
    with torch.inference_mode():
        noise = model.unet(latents, torch.tensor([3, 871]), model.checked(5 * VECTORS))
        pixels = model.decoder(latents)

    assert apart(noise.numpy(), golden["noise"]) <= 1e-5
    assert apart(pixels.numpy(), golden["pixels"]) <= 1e-5
    with torch.inference_mode():
        other = model.unet(latents, torch.tensor([4, 871]), model.checked(VECTORS))
    assert apart(other.numpy(), golden["noise"]) > 1e-3


def test_the_published_files_load_by_their_names_and_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        key: torch.empty([int(n) for n in shape.split("x") if n], dtype=getattr(torch, kind), device="meta")
        for key, kind, shape in Golden("idiff-face").keys
    }
    monkeypatch.setattr(checkpoint, "sound", lambda weights, name: None)
    count = 0
    for make, start in ((ContextUNet, "eps_model."), (CodedDecoder, "first.")):
        part = {key.removeprefix(start): value for key, value in found.items() if key.startswith(start)}
        count += sum(value.numel() for value in checkpoint.install(make, part, start, "meta").parameters())
    assert count == SPEC.parameters


def test_a_thousand_steps_are_the_authors_schedule() -> None:
    steps = idiff_face.spacing(1000)
    betas = torch.linspace(0.0001, 0.02, 1000, dtype=torch.float64)

    assert steps.taken.tolist() == list(range(1000))
    assert torch.allclose(steps.noise, betas)
    assert torch.allclose(steps.kept, torch.cumprod(1 - betas, 0))
    few = idiff_face.spacing(10)
    assert (few.taken[0], few.taken[-1]) == (0, 999)
    assert torch.allclose(torch.cumprod(1 - few.noise, 0), few.kept)


def test_a_step_is_algorithm_two(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = idiff_face.spacing(1000)
    steps = idiff_face.Spacing(steps.taken[:4], steps.kept[:4], steps.noise[:4])
    noise: Iterator[float] = iter((0.5, -1.0))
    start = torch.full((1, 3, 2, 2), 2.0)
    found = idiff_face.sampled(
        lambda x, step: 0.1 * x + step.float()[:, None, None, None],
        start,
        lambda: torch.full_like(start, next(noise)),
        steps,
        Watch(),
    )
    x, again = 2.0, iter((0.5, -1.0))
    for i in (3, 2, 1, 0):
        beta, kept = float(steps.noise[i]), float(steps.kept[i])
        x = (x - (0.1 * x + i) * beta / (1 - kept) ** 0.5) / (1 - beta) ** 0.5
        x += beta**0.5 * next(again) if i > 1 else 0
    assert found.flatten().tolist() == pytest.approx([x] * 12, rel=1e-5)


def test_a_row_is_drawn_alike_alone_and_among_others(model: idiff_face.IDiffFace) -> None:
    both = model(VECTORS, Recipe(seed=3, steps=4))
    seen: list[int] = []
    alone = model(VECTORS[:1] * 7, Recipe(seed=3, steps=4), preview=lambda pictures: seen.append(len(pictures)))

    assert both[0].shape == (32, 32, 3)
    assert both[0].dtype == np.uint8
    assert np.abs(both[0].astype(int) - alone[0]).max() <= 1
    assert not np.array_equal(both[0], both[1])
    assert not np.array_equal(both[0], model(VECTORS[:1], Recipe(seed=4, steps=4))[0])
    assert seen == [1]


def test_what_cannot_be_drawn_is_refused(model: idiff_face.IDiffFace, tmp_path: Path) -> None:
    for wrong in (VECTORS[:, :5], np.full((1, 512), np.nan), VECTORS[0]):
        with pytest.raises(BadRequest, match="512 finite numbers of elasticface-arc"):
            model(wrong, Recipe())
    with pytest.raises(BadRequest, match="2 to 1000 steps"):
        model(VECTORS, Recipe(steps=1))
    with pytest.raises(Cancelled):
        model(VECTORS, Recipe(steps=4), Watch(cancelled=lambda: True))
    files = _files(tmp_path)
    with pytest.raises(BadWeights, match="of its weights are missing"):
        idiff_face.load(SPEC, {"unet": files["decoder"], "decoder": files["unet"]}, "cpu", TINY, latent=8)
