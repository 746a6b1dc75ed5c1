"""Protecting a photo: the search never meets a judge, nothing outside the face changes, and every figure is of the
saved file."""

from dataclasses import replace

import numpy as np
import pytest

from tests.protection.toys import Spy, ToyRecogniser, hurry
from workbench.errors import BadRequest, Cancelled, FaceTooSmall
from workbench.protection import judge, outcome
from workbench.protection import protect as protection
from workbench.protection.judge import opened
from workbench.protection.protect import Request, protect, protect_curve
from workbench.protection.scene import make_scene
from workbench.protection.strength import STRENGTHS, strength_of
from workbench.tasks.parsing import parse
from workbench.values import Face, Parsing
from workbench.watch import Watch


@pytest.fixture(scope="module")
def parsing(astronaut, astronaut_face, bench) -> Parsing:
    """The astronaut's parts."""
    return parse(astronaut, bench.model("compact"), [astronaut_face])


@pytest.fixture(scope="module")
def made(astronaut, astronaut_face, parsing, finder):
    """One short protection with a toy on each side, and what was previewed."""
    shown: list[np.ndarray] = []
    result = protect(
        astronaut,
        astronaut_face,
        parsing,
        [ToyRecogniser("attacked", 1)],
        [ToyRecogniser("judge", 2)],
        finder,
        Request(steps=10),
        preview=shown.append,
    )
    return result, shown


def test_every_recogniser_is_reported_with_its_role(made) -> None:
    result, _ = made

    assert [(reading.model, reading.role) for reading in result.readings] == [
        ("attacked", "surrogate"),
        ("judge", "judge"),
    ]
    assert all(set(reading.survival) == {"JPEG 75", "half size", "blur", "screenshot"} for reading in result.readings)
    assert result.readings[0].before == pytest.approx(1, abs=0.001)
    assert result.readings[0].after < result.readings[0].before
    assert result.steps == 10
    assert result.against == "the photo as it came"


def test_the_figures_are_those_of_the_saved_file(made, astronaut, astronaut_face, finder) -> None:
    result, _ = made
    model = ToyRecogniser("judge", 2)
    reader = judge.Reader(
        [model], finder, astronaut_face.box, (512, 512), judge.vectors(astronaut, astronaut_face, [model])
    )

    scores = reader.scores(judge.jpeg(opened(result.photo), 75))

    assert scores["judge"] == pytest.approx(result.readings[1].survival["JPEG 75"])
    assert b"Exif" not in result.photo


def test_nothing_outside_the_face_changes_by_more_than_one_level(
    astronaut, astronaut_face, parsing, finder, monkeypatch
) -> None:
    kept: list[np.ndarray] = []
    monkeypatch.setattr(
        outcome.images, "encode_jpeg", lambda image, quality=92: kept.append(image) or real(image, quality)
    )

    protect(
        astronaut,
        astronaut_face,
        parsing,
        [ToyRecogniser("a", 1)],
        [],
        finder,
        Request(steps=2, strength="strong", look="goth"),
    )

    scene = make_scene([astronaut], [astronaut_face], [parsing])
    canvas = scene.canvases[0]
    may = np.maximum(canvas.masks["face"], scene.oval[0, 0].numpy())
    face = outcome.images.warp(may, outcome.images.invert(canvas.matrix), (512, 512), "black")
    change = np.abs(kept[0].astype(int) - astronaut).max(axis=2)
    assert change.max() > 10
    assert change[face < 0.001].max() <= 1


real = outcome.images.encode_jpeg


def test_previews_are_photos_of_the_same_size(made, astronaut) -> None:
    _, shown = made

    assert shown
    assert shown[0].shape == astronaut.shape
    assert (shown[0] != astronaut).any()


def test_the_search_never_asks_a_judge(astronaut, astronaut_face, finder, monkeypatch) -> None:
    spy = Spy("spy", 3)
    spy.closed = False
    search = protection.search

    def guarded(*words, **options):
        spy.closed = True
        try:
            return search(*words, **options)
        finally:
            spy.closed = False

    monkeypatch.setattr(protection, "search", guarded)
    result = protect(astronaut, astronaut_face, None, [ToyRecogniser("a", 1)], [spy], finder, Request(steps=2))

    assert result.judges[0].model == "spy"
    spy.closed = True
    with pytest.raises(AssertionError, match="asked a judge"):
        protect(astronaut, astronaut_face, None, [spy], [], finder, Request(steps=1, other=(astronaut, astronaut_face)))


def test_without_a_judge_nothing_is_claimed(astronaut, astronaut_face, finder) -> None:
    result = protect(
        astronaut, astronaut_face, None, [ToyRecogniser("a", 1, threshold=0.999)], [], finder, Request(steps=1)
    )

    assert result.state == "not judged"


def test_a_photo_nobody_matches_is_left_alone(astronaut, astronaut_face, finder) -> None:
    rng = np.random.default_rng(0)
    stranger = (rng.integers(0, 255, astronaut.shape, np.uint8), astronaut_face)
    models = [ToyRecogniser("a", 1)], [ToyRecogniser("b", 2)]

    result = protect(astronaut, astronaut_face, None, *models, finder, Request(steps=2, other=stranger))

    assert result.state == "not needed"
    assert result.change.max() == 0
    assert result.steps == 0
    assert "Left as it is" in result.words


def test_impersonation_compares_with_its_target(astronaut, astronaut_face, finder) -> None:
    target = np.ascontiguousarray(astronaut[:, ::-1])
    request = Request("impersonate", steps=2, target=(target, astronaut_face))

    result = protect(astronaut, astronaut_face, None, [ToyRecogniser("a", 1)], [ToyRecogniser("b", 2)], finder, request)

    assert result.aim == "impersonate"
    assert result.against == "the made-up person"
    assert result.readings[0].before < 0.99


def test_cancel_leaves_nothing(astronaut, astronaut_face, finder) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 4

    with pytest.raises(Cancelled):
        protect(
            astronaut,
            astronaut_face,
            None,
            [ToyRecogniser("a", 1)],
            [],
            finder,
            Request(steps=50),
            Watch(cancelled=cancelled),
        )
    assert len(asked) == 5


@pytest.mark.parametrize(
    ("attacked", "judges", "word"),
    [([], ["b"], "at least one"), (["a"], ["a"], "cannot judge"), (["none"], [], "threshold")],
)
def test_wrong_casts_are_refused(
    astronaut, astronaut_face, finder, attacked: list[str], judges: list[str], word: str
) -> None:
    def cast(name: str) -> ToyRecogniser:
        model = ToyRecogniser(name, 1)
        model.threshold = None if name == "none" else 0.5
        return model

    with pytest.raises(BadRequest, match=word):
        protect(
            astronaut, astronaut_face, None, [cast(name) for name in attacked], [cast(name) for name in judges], finder
        )


def test_a_small_face_is_refused(astronaut, astronaut_face, finder) -> None:
    small: Face = replace(astronaut_face, mesh=astronaut_face.mesh * np.float32(0.5))

    with pytest.raises(FaceTooSmall):
        protect(astronaut, small, None, [ToyRecogniser("a", 1)], [], finder)


@pytest.mark.parametrize(
    "wrong",
    [{"aim": "hide"}, {"strength": "huge"}, {"aim": "impersonate"}, {"steps": -1}, {"steps": 501}, {"strength": 9.0}],
)
def test_wrong_requests_are_refused(wrong: dict) -> None:
    with pytest.raises(BadRequest):
        Request(**wrong)


def test_stronger_means_more_may_be_seen_and_any_number_is_a_strength() -> None:
    light, middle, strong = (STRENGTHS[name].level for name in ("light", "middle", "strong"))

    assert light <= 1.5 < middle < strong
    assert Request().strength == "light"
    assert strength_of("1.2").plan.levels == (1.0, 1.2)
    assert strength_of(2).plan.levels == STRENGTHS["middle"].plan.levels


def test_a_curve_rises_to_the_protection_alone(astronaut, astronaut_face, parsing, finder, monkeypatch) -> None:
    hurry(monkeypatch, 20, more=10)
    asked = (astronaut, astronaut_face, parsing, [ToyRecogniser("a", 1)], [ToyRecogniser("b", 2)], finder)
    curve = protect_curve(*asked, Request(strength=2))
    alone = protect(*asked, Request(strength=2))

    assert alone.photo == curve[-1].photo
    assert [one.level for one in curve] == [1, 1.5, 2]
    assert [one.visibility for one in curve] == sorted(one.visibility for one in curve)
    assert curve[-1].visibility < 2.5, "the file's own noise may add a little"


@pytest.mark.parametrize(
    ("seen", "left"),
    [
        ([1.0, 1.5, 2.0], [1, 2, 3]),
        ([1.3, 1.4, 1.35], [1, 3]),
        ([1.4, 1.2, 1.3], [2, 3]),
        ([2.0, 1.0, 1.0], [3]),
        ([1.0], [1]),
    ],
)
def test_a_level_that_shows_more_than_a_higher_one_is_no_point_of_the_curve(made, seen, left) -> None:
    climbed = [replace(made[0], visibility=shows, level=number + 1) for number, shows in enumerate(seen)]

    assert [one.level for one in protection._rising(climbed)] == left
