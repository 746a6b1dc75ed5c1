"""Models on a graphics card say what they say on the processor: nothing is left behind on the other side.

The card is a double (`tests/fake_card.py`); `make test-gpu` asks a real one.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fake_card import CARD, OnCard, machine_with_a_card
from tests.golden.inputs import photo, tensor
from tests.models.portraits import test_instant_id as instant
from tests.models.portraits import test_photo_maker as maker
from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.errors import OutOfMemory
from workbench.models.blocks import memory, precision
from workbench.models.portraits import diffusion_parts, diffusion_xl, instant_id, photo_maker
from workbench.portraits import Recipe
from workbench.values import Face

SCORERS = ("fer", "age", "gender", "sface", "dlib")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch, settings) -> Iterator[Workbench]:
    """A bench on a machine with a card; this processor multiplies in float32, as the double does."""
    monkeypatch.setattr(precision, "_processor_flags", str)
    with machine_with_a_card(monkeypatch):
        bench = Workbench(replace(settings, device="auto"))
        assert bench.device == "cuda"
        yield bench


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, settings) -> Workbench:
    """A bench on the processor, in float32."""
    monkeypatch.setattr(precision, "_processor_flags", str)
    return Workbench(settings)


def test_the_double_minds_where_tensors_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with machine_with_a_card(monkeypatch):
        here, there = torch.ones(3), torch.ones(3).to(CARD)
        assert there.device == torch.device(CARD)
        assert torch.zeros(3, device="cuda").device.type == "cuda"
        with pytest.raises(RuntimeError, match="expected all tensors on cuda:0"):
            here + there
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()
        assert isinstance(torch.nn.Linear(3, 2).to("cuda").weight, OnCard)
        assert type((there * 2).cpu()) is torch.Tensor
        assert here + (there * 2).cpu() == pytest.approx(torch.full((3,), 3.0))


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_and_its_gradients_are_those_of_the_processor(card, plain, name, astronaut, astronaut_face) -> None:
    answers = []
    for bench in (plain, card):
        model = bench.model(name)
        chip = model.tensor(model.crop(astronaut, astronaut_face)).requires_grad_()
        values = model.forward(chip)
        (slope,) = torch.autograd.grad(values[0, 0], chip)
        answers.append((values.detach().cpu().numpy(), slope.cpu().numpy()))

    assert isinstance(next(card.model(name).network.parameters()), OnCard)
    for one, other in zip(*answers, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_compact_parsers_copy_without_normalisation_goes_along(card, plain, astronaut, astronaut_face) -> None:
    torch_alone = Workbench(replace(plain.settings, runtime="torch"))
    one, other = (bench.model("compact")(astronaut, astronaut_face).scores for bench in (torch_alone, card))

    assert card.model("compact")._torch.fast.stem[0].weight.device.type == "cuda"
    assert (one.argmax(0) != other.argmax(0)).mean() < 1e-3  # the card multiplies in bfloat16


def test_the_portrait_model_draws_the_same_person(card, plain, astronaut, astronaut_face) -> None:
    vector = plain.model("dlib").embed(astronaut, astronaut_face).vector[None]
    one, other = (bench.model("identity-prior-64")(vector, Recipe(seed=3, steps=5))[0] for bench in (plain, card))

    assert np.abs(one.astype(int) - other).max() <= 1


def test_an_explanation_is_that_of_the_processor(card, plain, astronaut, astronaut_face) -> None:
    from workbench.explanation import gradients
    from workbench.explanation.question import Question
    from workbench.explanation.targets import class_score

    maps = []
    for bench in (plain, card):
        model = bench.model("fer")
        chip = model.tensor(model.crop(astronaut, astronaut_face))
        question = Question(class_score(model, "happy", "logit"), chip)
        maps.append(gradients.integrated_gradients(question, steps=8, fill="grey").values)

    np.testing.assert_allclose(*maps, atol=1e-5)


def test_protection_paints_here_and_is_read_on_the_card(card, plain) -> None:
    from workbench.makeup.canvas import SIDE
    from workbench.protection.views import see

    places = torch.from_numpy(np.mgrid[-1:1:112j, -1:1:112j].transpose(1, 2, 0)[None].astype(np.float32))
    answers = []
    for bench in (plain, card):
        canvas = torch.from_numpy(tensor(3, (1, 3, SIDE, SIDE)) * 20 + 128).requires_grad_()
        vectors = see(bench.model("sface"), canvas, places)
        (slope,) = torch.autograd.grad(vectors.sum(), canvas)
        answers.append((vectors.detach().numpy(), slope.numpy()))

    for one, other in zip(*answers, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.usefixtures("little_work")
def test_a_folder_is_explained_on_the_card(card, tmp_path: Path, monkeypatch, settings, astronaut, capsys) -> None:
    from PIL import Image

    from workbench.cli import main

    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    (tmp_path / "photos").mkdir()
    Image.fromarray(astronaut).save(tmp_path / "photos" / "astronaut.png")
    words = [
        "explain",
        str(tmp_path / "photos"),
        "--method",
        "grad_cam",
        "--no-shuffle",
        "--out",
        str(tmp_path / "out"),
    ]

    assert main(words) == 0, capsys.readouterr().out
    assert list((tmp_path / "out").glob("*.png"))


class TestStableDiffusionXl:
    """Networks of gigabytes: whole on the card, in turns on it, or refused in words; here with tiny ones."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> dict[str, Path]:
        return instant._files(tmp_path, {})

    @pytest.fixture(autouse=True)
    def _full_precision(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """So that pictures can be compared to 1 of 255."""
        monkeypatch.setattr(diffusion_parts, "half", lambda device: torch.float32)
        for module, words in ((instant_id, "photo of a man"), (photo_maker, "photo of a man img")):
            monkeypatch.setattr(module, "PROMPT", words)
            monkeypatch.setattr(module, "NEGATIVE", "a forest")

    def room(self, files: dict[str, Path]) -> tuple[float, float]:
        sizes = sorted(path.stat().st_size for path in files.values())
        return sum(sizes[-2:]) * diffusion_xl.HEADROOM, sum(sizes) * diffusion_xl.HEADROOM

    @pytest.mark.parametrize("whole", [True, False], ids=["whole", "in turns"])
    def test_instantid_draws_the_same_picture(self, files, monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
        plain = instant_id.load(MODELS["instantid"], files, "cpu")(instant.VECTORS, Recipe(seed=7, steps=2))
        two, everything = self.room(files)
        with machine_with_a_card(monkeypatch, int(everything if whole else two) + 1):
            model = instant_id.load(MODELS["instantid"], files, "cuda")
            assert model.device.type == "cuda"
            assert model.pipeline.unet.device.type == ("cuda" if whole else "cpu")
            assert model.together == (4 if whole else 1)
            shown: list[int] = []
            drawn = model(instant.VECTORS, Recipe(seed=7, steps=2), preview=lambda rows: shown.append(len(rows)))
            assert model.pipeline.unet.device.type == ("cuda" if whole else "cpu"), "back where it waits"

        assert max(np.abs(one.astype(int) - other).max() for one, other in zip(plain, drawn, strict=True)) <= 1

    @pytest.mark.parametrize("whole", [True, False], ids=["whole", "in turns"])
    def test_photomaker_draws_the_same_picture(self, tmp_path, monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
        plain = maker._model("v2", tmp_path)
        files = maker._files("v2", tmp_path)
        two, everything = self.room(files)
        face = Face(maker.FACE.box, maker.FACE.points, 1.0)
        pictures = [plain.shown(photo(1, 100, 100), face)(maker.VECTORS[:1], Recipe(seed=7, steps=2))[0]]
        with machine_with_a_card(monkeypatch, int(everything if whole else two) + 1):
            model = photo_maker.load(MODELS["photomaker-v2"], files, "cuda")
            assert model.pipeline.unet.device.type == ("cuda" if whole else "cpu")
            pictures += model.shown(photo(1, 100, 100), face)(maker.VECTORS[:1], Recipe(seed=7, steps=2))

        assert np.abs(pictures[0].astype(int) - pictures[1]).max() <= 1

    def test_a_card_without_room_for_two_is_refused_with_both_figures(self, files, monkeypatch) -> None:
        two, _ = self.room(files)
        with (
            machine_with_a_card(monkeypatch, int(two) - 1),
            pytest.raises(OutOfMemory, match=r"needs about .* this graphics card has"),
        ):
            instant_id.load(MODELS["instantid"], files, "cuda")

    def test_turns_need_the_machines_memory(self, files, monkeypatch) -> None:
        two, _ = self.room(files)
        free = memory.free_bytes
        monkeypatch.setattr(memory, "free_bytes", lambda device="cpu", *more: free(device) if "cuda" in device else 1)
        with (
            machine_with_a_card(monkeypatch, int(two) + 1),
            pytest.raises(OutOfMemory, match=r"this machine has 0\.0 GB free"),
        ):
            instant_id.load(MODELS["instantid"], files, "cuda")


def test_the_guard_reads_the_cards_own_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    with machine_with_a_card(monkeypatch, 3_000_000_000):
        assert memory.free_bytes("cuda") == 3_000_000_000
        memory.require(2.9e9, "A model", "cuda")
        with pytest.raises(OutOfMemory, match=r"needs about 3\.1 GB of memory; this graphics card has 3\.0 GB free"):
            memory.require(3.1e9, "A model", "cuda")


def test_half_precision_is_for_cards() -> None:
    assert diffusion_parts.half("cuda:1") == torch.float16
    assert diffusion_parts.half("cpu") == diffusion_parts.half("mps") == torch.float32
    assert tensor(1, (2, 2)).dtype == np.float32


def test_bfloat16_is_used_where_it_is_in_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_processor_flags", str)
    assert not precision.fast_bfloat16("cpu")
    assert not precision.fast_bfloat16("mps")
    with machine_with_a_card(monkeypatch):
        assert precision.fast_bfloat16("cuda:0")
        with precision.fastest("cuda"):
            assert torch.is_autocast_enabled("cuda")
        assert not torch.is_autocast_enabled("cuda")
