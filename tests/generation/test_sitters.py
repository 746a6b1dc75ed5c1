"""People of nobody for models that must see a photo: drawn first, kept apart by the model's own recogniser, turned by
known degrees."""

import csv
import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.generation.fake_portrait import FakeLooker, FakePortrait
from workbench.errors import BadRequest
from workbench.generation.identity import angle
from workbench.generation.pair_sets import Design, Maker, make_study
from workbench.generation.sitters import EachSees, Painter, sitters, turning
from workbench.portraits import Recipe


@pytest.fixture(scope="module")
def sampler(bench) -> Any:
    return bench.model("dcgan-digiface-64")


@pytest.fixture(scope="module")
def recognisers(bench) -> Mapping[str, Any]:
    return {name: bench.model(name) for name in ("dlib", "sface")}


@pytest.fixture(scope="module")
def painter(bench, sampler, recognisers) -> Painter:
    return Painter("The painter", FakePortrait(sampler), recognisers["dlib"], bench.model("blazeface"))


@pytest.fixture(scope="module")
def found(sampler, recognisers, painter) -> Any:
    return sitters(3, 12, FakeLooker(sampler), recognisers, painter, seed=4)


def least(rows: np.ndarray) -> float:
    return min(float(angle(a, b)) for a, b in itertools.combinations(rows, 2))


def test_sitters_are_apart_by_the_recogniser_of_the_model_that_sees_them(found):
    """Not by that of the model that drew them, whose vectors say nothing of it; and the vectors are those of the
    photos."""
    assert [len(found.photos), len(found.faces), *found.told.shape] == [3, 3, 3, 128]
    assert np.allclose(found.told, found.vectors["dlib"])
    assert least(found.told) >= 12
    assert found.vectors["sface"].shape == (3, 128)
    assert "The painter drew one of each person first" in found.said
    assert "lies at least 12° apart by dlib." in found.said


def test_sitters_keep_away_from_people_who_exist(found, sampler, recognisers, painter):
    away = found.told[:1]
    others = sitters(1, 10, FakeLooker(sampler), recognisers, painter, gallery=away, seed=4)
    assert float(angle(others.told[0], away[0])) >= 10
    assert not np.array_equal(others.photos[0], found.photos[0])


def test_vectors_are_turned_apart_where_drawn_faces_are_too_much_alike(sampler, recognisers, painter):
    """As far as new identities are of a model that takes a vector alone; a model that hears none has the photos, and
    says how many were apart."""
    asked = (2, 45, FakeLooker(sampler), recognisers)
    turned = sitters(*asked, painter, seed=4)
    assert least(turned.vectors["dlib"]) < 45 <= least(turned.told) + 0.01
    assert "vectors were turned by up to" in turned.said
    with pytest.raises(BadRequest, match=r"2 people at least 45° apart by dlib were not found among 8 .*: 1 were"):
        sitters(*asked, replace(painter, hears=False), seed=4)
    with pytest.raises(BadRequest, match=r"were not found among 16 that were drawn: 3 were [\d.]+° apart"):
        sitters(3, 121, FakeLooker(sampler), recognisers, painter, seed=4)


def test_every_row_is_drawn_of_its_own_photo_and_its_own_noise(found, sampler):
    views = found.shown_to(FakeLooker(sampler))
    vectors = found.told
    pictures = EachSees(views)(vectors, Recipe(seed=3))
    (first,) = views[0](vectors[:1], Recipe(seed=3))
    assert np.array_equal(pictures[0], first)
    same, *others = EachSees([views[0]] * 3)(vectors, Recipe(seed=3))
    assert np.array_equal(same, first)
    assert not any(np.array_equal(first, other) for other in others)


def test_turned_people_are_turned_by_exactly_so_much_in_vector_and_in_what_is_seen(sampler, recognisers, painter):
    model = FakeLooker(sampler)
    turned = turning(1, (0.0, 15.0, 30.0), 0, model, recognisers, painter, seed=2)
    start = turned.vectors[0, 0]
    assert [float(angle(start, row)) for row in turned.vectors[0]] == pytest.approx([0, 15, 30], abs=0.05)
    assert model.asked[0] == 0
    assert model.asked[2] == pytest.approx(2 * model.asked[1])
    assert 0 < model.asked[2] <= 1


def test_a_study_of_a_model_that_must_see_a_photo(sampler, recognisers, painter, settings, tmp_path: Path):
    maker = Maker(FakeLooker(sampler), painter.finder, recognisers, settings, painter=painter)
    make_study(Design("seen", "fake", people=2, pictures=2, widest=30, seed=5), tmp_path / "seen", maker)
    manifest = list(csv.DictReader((tmp_path / "seen" / "manifest.csv").open()))
    assert [float(row["angle"]) for row in manifest] == [0, 30, 0, 0, 30, 0]
    with np.load(tmp_path / "seen" / "embeddings.npz", allow_pickle=False) as table:
        vectors = table["embeddings"]
    assert float(angle(vectors[0], vectors[1])) == pytest.approx(30, abs=0.05)
    assert "drew one of each person first" in (tmp_path / "seen" / "report.json").read_text(encoding="utf-8")
