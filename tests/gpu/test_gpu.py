"""On this machine's graphics card: every default model says what it says on the processor, and how fast.

Run by `make test-gpu`; needs a card. `tests/models/test_on_a_card.py` is the same without one.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from workbench.bench import Workbench
from workbench.portraits import Recipe

pytestmark = pytest.mark.gpu
SCORERS = ("fer", "age", "gender", "sface", "dlib")


@pytest.fixture(scope="module")
def card(settings) -> Workbench:
    """A bench on the card."""
    import torch

    assert torch.cuda.is_available() or torch.backends.mps.is_available(), "there is no graphics card here"
    return Workbench(replace(settings, device="auto"))


@pytest.fixture
def timed(record_property, card: Workbench):
    """Runs it once on each bench to warm up and once more by the clock, and records both times."""

    def run(name: str, work: Callable[[Workbench], object], bench: Workbench) -> list[object]:
        found, times = [], []
        for one in (bench, card):
            work(one)
            start = time.perf_counter()
            found.append(work(one))
            times.append(time.perf_counter() - start)
        record_property(name, f"{times[0] * 1000:.1f} ms on the processor, {times[1] * 1000:.1f} ms on {card.device}")
        return found

    return run


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_says_what_the_processor_says(name: str, bench, timed, astronaut, astronaut_face) -> None:
    def work(one: Workbench) -> np.ndarray:
        model = one.model(name)
        chips = np.repeat(model.crop(astronaut, astronaut_face)[None], 16, axis=0)
        return model.batch(chips)

    here, there = timed(f"{name}, 16 chips", work, bench)
    np.testing.assert_allclose(here, there, atol=5e-3)  # cards multiply in TF32


def test_the_parser_says_what_the_processor_says(bench, timed, astronaut, astronaut_face) -> None:
    here, there = timed("compact", lambda one: one.model("compact")(astronaut, astronaut_face).scores, bench)

    assert (here.argmax(0) != there.argmax(0)).mean() < 2e-3


def test_a_portrait_is_drawn_and_is_like_the_person(bench, timed, finder, astronaut, astronaut_face) -> None:
    """The search is chaotic in its last bits: pictures differ, and both are like her by the vectors they were told."""
    vector = bench.model("dlib").embed(astronaut, astronaut_face).vector[None]

    def distance(one: Workbench) -> float:
        from workbench.tasks.detection import find_faces

        picture = one.model("identity-prior-64")(vector, Recipe(seed=3))[0]
        large = np.kron(picture, np.ones((4, 4, 1), np.uint8))
        faces = find_faces(large, finder)
        return float(np.linalg.norm(bench.model("dlib").embed(large, faces[0]).vector - vector[0]))

    here, there = timed("identity-prior-64, one picture", distance, bench)
    assert max(here, there) < 0.6, "dlib calls it one person"
    assert abs(here - there) < 0.15


def test_an_explanation_is_that_of_the_processor(bench, timed, astronaut, astronaut_face) -> None:
    from workbench.explanation import gradients
    from workbench.explanation.question import Question
    from workbench.explanation.targets import class_score

    def work(one: Workbench) -> np.ndarray:
        model = one.model("fer")
        chip = model.tensor(model.crop(astronaut, astronaut_face))
        question = Question(class_score(model, "happy", "logit"), chip)
        return gradients.integrated_gradients(question, steps=64, fill="grey").values

    here, there = timed("integrated gradients, 64 steps", work, bench)
    assert np.corrcoef(here.ravel(), there.ravel())[0, 1] > 0.999
