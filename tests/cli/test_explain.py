"""`explain FOLDER`: maps, numbers, recipes and one table; resumable, and a recipe gives back the same map."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.cli import main

ASKED = ["--method", "grad_cam", "--parser", "none", "--no-shuffle"]


@pytest.fixture
def folder(tmp_path: Path, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch, settings) -> Path:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    Image.fromarray(astronaut).save(photos / "one.png")
    Image.fromarray(astronaut[:, ::-1]).save(photos / "more" / "two.png")
    (photos / "broken.jpg").write_bytes(b"not a photo")
    return photos


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open()))


@pytest.mark.usefixtures("little_work")
def test_a_folder_gives_maps_and_one_table_and_lists_the_broken_file(folder, capsys):
    assert main(["explain", str(folder), "--out", "out", *ASKED]) == 1

    out = Path("out")
    found = rows(out / "figures.csv")
    assert [row["file"] for row in found] == ["broken.jpg", "more/two.png", "one.png"]
    assert found.pop(0)["error"].startswith("Expected a photo")
    assert all(row["verdict"] and float(row["gain"]) for row in found)
    assert all(0 <= float(row["score"]) <= 1 for row in found)
    for name in ("one.png", "more/two.png"):
        assert Image.open(out / f"{name}.png").size == (512, 512)
        with np.load(out / f"{name}.npz") as saved:
            assert saved["heatmap"].shape == (512, 512)
    assert "broken.jpg" in capsys.readouterr().err
    assert not list(out.rglob("*.part"))


def test_a_second_run_does_nothing_and_another_question_is_not_mixed_in(folder, capsys):
    main(["explain", str(folder), "--out", "out", "--no-proof", *ASKED])
    table = Path("out/figures.csv")
    whole = table.read_text()
    table.write_text(
        "".join(line for line in whole.splitlines(keepends=True) if not line.startswith("one.png"))
    )  # as if it was killed
    capsys.readouterr()

    main(["explain", str(folder), "--out", "out", "--no-proof", *ASKED])
    assert "1 done, 1 already there, 1 failed" in capsys.readouterr().out
    assert table.read_text() == whole
    assert main(["explain", str(folder), "--out", "out", "--method", "eigen_cam", "--parser", "none"]) == 2
    said = capsys.readouterr().err
    assert "holds something else" in said
    assert "method occlusion, now" not in said
    assert "method grad_cam, now eigen_cam" in said


def test_a_recipe_makes_the_same_map_and_refuses_another_photo(folder, capsys):
    asked = [
        "--method",
        "rise",
        "--set",
        "masks=60",
        "--set",
        "share=0.4",
        "--seed",
        "5",
        "--parser",
        "none",
        "--no-proof",
    ]
    main(["explain", str(folder / "one.png"), "--out", "first", *asked])
    recipe = Path("first/one.png.json")
    assert json.loads(recipe.read_text())["knobs"] == {"masks": 60, "grid": 7, "share": 0.4, "fill": "grey"}

    assert main(["explain", str(folder / "one.png"), "--out", "again", "--recipe", str(recipe), "--no-proof"]) == 0
    with np.load("first/one.png.npz") as one, np.load("again/one.png.npz") as two:
        assert np.array_equal(one["heatmap"], two["heatmap"])
    assert main(["explain", str(folder / "more"), "--out", "other", "--recipe", str(recipe), "--no-proof"]) == 1
    assert "not the photo" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "tea"], "no method"),
        (["--method", "rise", "--set", "masks"], "KNOB=VALUE"),
        (["--method", "rise", "--set", "masks=many"], "expected a number"),
        (["--method", "rise", "--set", "masks=3"], "Masks: expected a whole number"),
        (["--model", "nobody"], "no such model"),
        (["--recipe", "nowhere.json"], "no recipe"),
    ],
)
def test_a_wrong_request_is_refused_before_any_photo(folder, capsys, words, message):
    assert main(["explain", str(folder), *words]) == 2
    assert message in capsys.readouterr().err
    assert not list(Path().glob("*-explained/*.png"))
