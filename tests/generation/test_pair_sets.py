"""A study of drawn pairs: graded identity distance, the same noise, files that a labeling study loads, and a run that
goes on."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.generation.fake_portrait import FakePortrait
from workbench.errors import BadRequest, Cancelled
from workbench.generation import marking, pair_sets
from workbench.generation.identity import angle
from workbench.generation.pair_sets import Design, Maker, make_study
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study
from workbench.watch import Watch

DESIGN = Design("graded", "fake", people=3, pictures=3, widest=40, seed=5)


@pytest.fixture(scope="module")
def maker(bench, settings) -> Maker:
    model = FakePortrait(bench.model("dcgan-digiface-64"))
    return Maker(model, bench.model("blazeface"), {name: bench.model(name) for name in ("dlib", "sface")}, settings)


@pytest.fixture(scope="module")
def made(maker, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "graded"
    make_study(DESIGN, folder, maker)
    return folder


def rows(path: Path) -> list[dict]:
    return list(csv.DictReader(path.open()))


def test_it_loads_as_a_labeling_study(made):
    study = load_study(made)
    items = load_items(study)
    assert study.source.synthetic
    assert study.question == "Do both pictures show the same person?"
    assert {item.group for item in items} <= {"turned 20 degrees", "turned 40 degrees", "stranger", "again"}
    assert {item.truth for item in items if item.gold} == {"same", "different"}
    assert all(item.gold == "" for item in items if item.group.startswith("turned"))


def test_only_the_identity_differs_by_the_angle_asked(made, maker):
    """Pictures of one person share a seed; their vectors are turned in one direction by exactly the manifest's
    angle."""
    manifest = rows(made / "manifest.csv")
    with np.load(made / "embeddings.npz", allow_pickle=False) as table:
        vectors, names = table["embeddings"], table["names"].tolist()
        assert str(table["model"]) == "dlib"
        assert table["measured_sface"].shape == (12, 128)
    assert names == [row["file"] for row in manifest]
    for start in range(0, 12, 4):
        assert len({row["seed"] for row in manifest[start : start + 4]}) == 1
        for place in range(4):
            assert angle(vectors[start], vectors[start + place]) == pytest.approx(
                float(manifest[start + place]["angle"]), abs=0.05
            )
        assert angle(vectors[start + 1], vectors[start + 2]) == pytest.approx(20, abs=0.1)


def test_every_pair_has_its_similarity_by_every_recogniser(made):
    pairs = rows(made / "pairs.csv")
    assert {row["item"] for row in pairs} == {item.id for item in load_items(load_study(made))}
    assert all(-1 <= float(row["sface"]) <= 1 and float(row["dlib"]) <= 0 for row in pairs)
    again = [float(row["sface"]) for row in pairs if row["kind"] == "again"]
    strangers = [float(row["sface"]) for row in pairs if row["kind"] == "stranger"]
    assert min(again) > max(strangers)


def test_every_picture_says_it_is_ai_generated(made):
    for path in (made / "images").iterdir():
        assert marking.read(path)["AI-generated"] == "true"
    assert json.loads((made / "report.json").read_text())["ai_generated"] is True


def test_a_stopped_run_goes_on_and_ends_with_the_same_files(made, maker, tmp_path):
    folder, told = tmp_path / "graded", []

    def stop_after_three() -> bool:
        return len(list(folder.glob("images/*.png"))) >= 3

    with pytest.raises(Cancelled):
        make_study(DESIGN, folder, maker, Watch(cancelled=stop_after_three))
    assert len(list(folder.glob("images/*.png"))) == 3
    assert not (folder / "study.toml").exists()
    maker.model.calls.clear()
    make_study(DESIGN, folder, maker, Watch(lambda share, word: told.append(word)))
    assert [len(vectors) for vectors, _ in maker.model.calls] == [3, 3]
    for name in ("items.csv", "pairs.csv", "manifest.csv", "study.toml", "report.json"):
        assert (folder / name).read_bytes() == (made / name).read_bytes(), name


def test_a_finished_study_is_not_drawn_again(made, maker):
    before = (made / "items.csv").read_bytes()
    maker.model.calls.clear()
    make_study(DESIGN, made, maker)
    assert maker.model.calls == []
    assert (made / "items.csv").read_bytes() == before


def test_another_design_or_a_used_folder_is_refused(made, maker, tmp_path):
    with pytest.raises(BadRequest, match="other choices"):
        make_study(replace(DESIGN, seed=6), made, maker)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BadRequest, match="not empty"):
        make_study(DESIGN, tmp_path, maker)


def test_a_picture_without_a_face_is_left_out_and_named(maker, tmp_path, bench):
    walls = replace(maker, model=Walls(maker.model, of=1))
    make_study(replace(DESIGN, people=2, pictures=2), tmp_path / "s", walls)
    left_out = json.loads((tmp_path / "s" / "report.json").read_text())["left_out"]
    assert len(left_out) == 1
    assert not any(left_out[0] in (row["image_1"], row["image_2"]) for row in rows(tmp_path / "s" / "pairs.csv"))
    assert load_items(load_study(tmp_path / "s"))


class Walls(FakePortrait):
    """The second call draws a wall first."""

    def __init__(self, model, of: int) -> None:
        super().__init__(model.sampler)
        self.of = of

    def __call__(self, vectors, recipe, watch=None, preview=None):
        drawn = super().__call__(vectors, recipe, watch, preview)
        return [np.full_like(drawn[0], 128), *drawn[1:]] if len(self.calls) == self.of + 1 else drawn


def test_a_rating_study_has_no_gold(maker, tmp_path):
    make_study(replace(DESIGN, people=2, pictures=2, task="similarity_7"), tmp_path / "s", maker)
    study = load_study(tmp_path / "s")
    assert all(item.gold == "" and item.truth in ("", "same", "different") for item in load_items(study))
    assert study.blocks.gold == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "../up"}, "Study name"),
        ({"people": 1}, "people: expected a number from 2"),
        ({"pictures": 21}, "pictures: expected"),
        ({"people": 500, "pictures": 20}, "at most 2000"),
        ({"widest": 0}, "widest: expected"),
        ({"task": "triplet"}, "task: expected"),
        ({"seed": -1}, "seed: expected"),
    ],
)
def test_impossible_designs_are_refused(wrong, message):
    with pytest.raises(BadRequest, match=message):
        replace(DESIGN, **wrong)


def test_the_package_holds_the_whole_study(made, tmp_path):
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(pair_sets.package(made))) as archive:
        archive.extractall(tmp_path)
    assert len(load_items(load_study(tmp_path))) == len(load_items(load_study(made)))
