"""`generate`: a person, new people or a study; written as drawn, going on where it stopped, with figures and marks."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.generation.fake_portrait import FakeLooker, FakePortrait
from tests.labeling.conftest import Time
from tests.labeling.votes import answer_all
from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.catalog.spec import ModelSpec
from workbench.cli import main
from workbench.generation import marking
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study


@pytest.fixture
def drawing(bench, settings, monkeypatch):
    """Commands find a fake portrait model and share this run's loaded models; the model, to see what it was asked."""
    model = FakePortrait(bench.model("dcgan-digiface-64"))
    row = ModelSpec(id="fake", task="portrait", title="Fake", load="nowhere:load", files=())
    mender = ModelSpec(id="mender", task="repair", title="Mender", load="nowhere:load", files=())
    mine = Workbench(settings, {"fake": row, "mender": mender, **MODELS})
    real, doubles = Workbench.model, {"fake": model, "mender": lambda image, face: image}
    monkeypatch.setattr(
        mine,
        "model",
        lambda name, task="": doubles[name] if name in doubles else real(bench, name, task),
        raising=False,
    )
    monkeypatch.setattr("workbench.bench.Workbench", lambda settings: mine)
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    return model


@pytest.fixture
def portrait(tmp_path: Path, astronaut: np.ndarray) -> str:
    path = tmp_path / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return str(path)


def test_a_person_is_drawn_and_reported(drawing, portrait, tmp_path, capsys):
    assert (
        main(["generate", portrait, "--out", str(tmp_path / "out"), "--count", "3", "--seed", "5", "--drift", "12"])
        == 0
    )
    said = capsys.readouterr().out
    assert "A face was found in 3 of 3" in said
    assert "took no part in drawing" in said
    text = marking.read(tmp_path / "out" / "portrait-0003.png")
    assert (text["AI-generated"], text["Model"], text["Seed"]) == ("true", "fake", "5")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {row["to"] for row in report["likeness"]} == {"the reference", "the turned identity"}
    assert len(list(csv.DictReader((tmp_path / "out" / "figures.csv").open()))) == 3


def test_a_stopped_run_goes_on_with_the_same_pictures(drawing, portrait, tmp_path):
    words = ["generate", portrait, "--count", "10", "--out"]
    assert main([*words, str(tmp_path / "whole")]) == 0
    assert main([*words, str(tmp_path / "parts")]) == 0
    for number in (9, 10):
        (tmp_path / "parts" / f"portrait-{number:04d}.png").unlink()
    drawing.calls.clear()
    assert main([*words, str(tmp_path / "parts")]) == 0
    assert [len(vectors) for vectors, _ in drawing.calls] == [2]
    for path in sorted((tmp_path / "whole").iterdir()):
        assert (tmp_path / "parts" / path.name).read_bytes() == path.read_bytes(), path.name


def test_other_choices_are_not_mixed_in(drawing, portrait, tmp_path, capsys):
    assert main(["generate", portrait, "--count", "1", "--out", str(tmp_path / "out")]) == 0
    assert main(["generate", portrait, "--count", "1", "--seed", "9", "--out", str(tmp_path / "out")]) == 2
    assert "begun with other choices" in capsys.readouterr().err


def test_new_people_keep_away_from_the_photos(drawing, portrait, tmp_path):
    assert main(["generate", portrait, "--new", "3", "--out", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {row["to"] for row in report["likeness"]} == {"its own vector", "the nearest to keep away from"}
    assert report["diversity"][0]["within"] is None
    assert report["diversity"][0]["across"] > 0


@pytest.fixture
def looker(drawing, monkeypatch) -> FakeLooker:
    """A model that must see a photo, mixes, and draws two people in one picture; the fake one draws for it."""
    from workbench.bench import Workbench as found

    mine = found(None)
    row = ModelSpec(
        id="looker", task="portrait", title="Looker", load="n:l", files=(), photo="must", mixes=True, people=2
    )
    double, spec, model = FakeLooker(drawing.sampler), mine.spec, mine.model
    monkeypatch.setattr(mine, "spec", lambda name, task="": row if name == "looker" else spec(name, task))
    monkeypatch.setattr(mine, "model", lambda name, task="": double if name == "looker" else model(name, task))
    return double


def test_new_people_and_a_study_of_a_model_that_must_see_a_photo(looker, tmp_path, capsys):
    words = ["generate", "--model", "looker", "--least", "25"]
    assert main([*words, "--new", "2", "--out", str(tmp_path / "new")]) == 0
    assert "lies at least 25° apart by dlib" in capsys.readouterr().out
    report = json.loads((tmp_path / "new" / "report.json").read_text(encoding="utf-8"))
    assert {row["to"] for row in report["likeness"]} == {"the photo drawn first"}
    assert "drew one of each" in report["notes"][0]
    study = ["--study", str(tmp_path / "turned"), "--people", "2", "--pictures", "2", "--widest", "25"]
    assert main([*words, *study]) == 0
    assert len(list((tmp_path / "turned" / "images").iterdir())) == 6
    assert main(["generate", "--model", "flux1-kontext", *study]) == 2
    assert "cannot turn a face by degrees" in capsys.readouterr().err
    assert main([*words, "--new", "2", "--out", str(tmp_path / "s"), "--engine", "local"]) == 2
    assert "must see a photo of each new person" in capsys.readouterr().err


def test_two_people_in_one_picture(looker, portrait, example_photos, tmp_path, capsys):
    words = ["generate", portrait, "--model", "looker", "--beside", str(example_photos[1]), "--count", "1"]
    assert main([*words, "--out", str(tmp_path / "two"), "--places", "50 0 100 100; 0 0 50 100"]) == 0
    report = json.loads((tmp_path / "two" / "report.json").read_text(encoding="utf-8"))
    assert [row["to"] for row in report["likeness"]] == ["person 1", "person 1", "person 2", "person 2"]
    for more, message in (
        (["--beside", portrait], "draws 2 people at most"),
        (["--drift", "5"], "goes without --drift"),
        (["--places", "0 0 60 100; 50 0 100 100"], "overlap"),
    ):
        assert main([*words, *more, "--out", str(tmp_path / "not")]) == 2
        assert message in capsys.readouterr().err
    assert main(["generate", portrait, "--model", "fake", "--beside", portrait, "--out", str(tmp_path / "no")]) == 2
    assert "one person only" in capsys.readouterr().err


def test_bias_draws_waits_for_people_and_sets_them_beside_recognisers(drawing, tmp_path, monkeypatch, capsys):
    """One command for the whole of Liang et al. 2023; it goes on where it stopped."""
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    words = ["bias", str(tmp_path / "drawn"), "--people", "3", "--pictures", "2", "--out", str(tmp_path / "b.html")]
    words += ["--recognisers", "sface"]
    assert main(words) == 0
    assert "Nobody has judged yet" in capsys.readouterr().out
    study = load_study(tmp_path / "drawn")
    store = Store(tmp_path / "data" / "labels.db", Time())
    store.add_study(study, load_items(study))
    answer_all(store, study, store.join(study), most=6)
    store.close()
    drawing.calls.clear()

    assert main(words) == 0

    said = capsys.readouterr().out
    assert drawing.calls == []
    assert "judgements of 1 raters" in said
    assert "Groups: appears" in said
    assert "SFace" in (tmp_path / "b.html").read_text() or "sface" in (tmp_path / "b.html").read_text()


def test_a_study_is_written(drawing, tmp_path, capsys):
    folder = tmp_path / "my study"
    assert main(["generate", "--study", str(folder), "--people", "2", "--pictures", "2", "--task", "similarity_5"]) == 0
    study = load_study(folder)
    assert study.name == "my-study"
    assert len(load_items(study)) >= 4
    assert "label serve" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "x"], "Expected photos"),
        (["photo.png"], "Expected --out"),
        (["photo.png", "--out", "x", "--count", "0"], "expected 1 to 10,000, got 0"),
        (["--new", "10001", "--out", "x"], "expected 1 to 10,000, got 10,001"),
        (["--study", "x", "--new", "3"], "people of its own"),
        (["photo.png", "--out", "x", "--model", "sface"], "no portrait model 'sface'"),
        (["photo.png", "--out", "x", "--prompt", "a" * 10_000], "10,000 characters"),
        (["photo.png", "--out", "x", "--seed", "-1"], "--seed"),
        (["photo.png", "--out", "x", "--repair", "sface"], "no repair model 'sface'"),
        (["--study", "x", "--repair", "mender"], "leave out --repair"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(drawing, words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["generate", *words]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_here_come_with_their_command(portrait, tmp_path, capsys, monkeypatch, settings):
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    assert main(["generate", portrait, "--out", str(tmp_path / "out"), "--model", "arc2face-lcm"]) == 2
    assert "python -m workbench models fetch arc2face-lcm" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_photo_of_a_pose_that_is_not_there_is_said_before_anything_is_loaded(portrait, tmp_path, capsys):
    assert main(["generate", portrait, "--out", str(tmp_path / "out"), "--pose", str(tmp_path / "nobody.jpg")]) == 2
    assert "nobody.jpg: there is no such file." in capsys.readouterr().err


def test_parts_of_an_array_draw_the_same_pictures_as_the_plain_command(drawing, portrait, tmp_path, capsys):
    words = ["generate", portrait, "--count", "10", "--variation", "0.2", "--out"]
    assert main([*words, str(tmp_path / "plain")]) == 0
    out = tmp_path / "out"
    torch.set_num_threads(
        2
    )  # the first part reads the photo on two threads, as the plain command may; then works on one
    assert main([*words, str(out), "--shard", "1/2", "--shard-size", "3"]) == 0
    assert "1 of 2 shards are done" in capsys.readouterr().out
    assert not (out / "report.json").exists()
    assert main([*words, str(out), "--shard", "2/2", "--shard-size", "3"]) == 0
    for number in range(1, 11):
        name = f"portrait-{number:04d}.png"
        assert (out / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
    assert (out / "figures.csv").read_bytes() == (tmp_path / "plain" / "figures.csv").read_bytes()
    assert main(["generate", "--study", str(tmp_path / "study"), "--engine", "local"]) == 2


def test_last_digits_of_other_threads_are_the_same_person_and_other_choices_are_not(tmp_path):
    from workbench.cli.generate import _as_first_told

    told = np.array([[0.5, -0.25]], np.float32)
    np.save(tmp_path / "vectors.npy", told)

    assert np.array_equal(_as_first_told(tmp_path / "vectors.npy", told + np.float32(1e-6)), told)
    assert np.array_equal(_as_first_told(tmp_path / "vectors.npy", told + np.float32(1e-4)), told + np.float32(1e-4))
    assert np.array_equal(_as_first_told(tmp_path / "none.npy", told), told)


def test_repaired_pictures_lie_beside_the_drawn_ones_and_are_what_is_reported(drawing, portrait, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["generate", portrait, "--out", str(out), "--count", "2", "--steps", "1", "--repair", "mender"]) == 0

    assert "Repair, by SFace: mean cosine" in capsys.readouterr().out
    assert marking.read(out / "repaired" / "portrait-0002.png")["Repair"] == "mender"
    assert "Repair" not in marking.read(out / "portrait-0002.png")
    rows = json.loads((out / "report.json").read_text())["pictures"]
    assert all(row["sface, repaired to drawn"] == pytest.approx(1, abs=1e-3) for row in rows)
    assert "sface, repaired to drawn" in (out / "figures.csv").read_text()


def test_a_stopped_queue_of_variants_goes_on_and_its_table_says_which_is_which(drawing, portrait, tmp_path):
    words = [
        "generate",
        portrait,
        "--out",
        str(tmp_path / "out"),
        "--count",
        "2",
        "--variant",
        "3",
        "--variant",
        "steps=5",
    ]
    assert main(words) == 0
    before = (tmp_path / "out" / "portrait-0003.png").read_bytes()
    (tmp_path / "out" / "portrait-0004.png").unlink()
    drawing.calls.clear()

    assert main(words) == 0
    assert [recipe.steps for _, recipe in drawing.calls] == [5]
    assert (tmp_path / "out" / "portrait-0003.png").read_bytes() == before
    rows = list(csv.DictReader((tmp_path / "out" / "figures.csv").open()))
    assert [row["variant"] for row in rows] == ["seed 3", "seed 3", "steps 5", "steps 5"]


def test_what_a_model_does_not_take_is_refused_before_drawing(drawing, portrait, tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    for more, told in (
        (["--style", "film"], "Fake takes no style"),
        (["--size", "512"], "Fake takes no size"),
        (["--pose", portrait], "takes no pose"),
        (["--variant", "strength=0.5"], "Fake takes no strength"),
    ):
        assert main(["generate", portrait, *out, *more]) != 0
        assert told in capsys.readouterr().err
    assert not drawing.calls
