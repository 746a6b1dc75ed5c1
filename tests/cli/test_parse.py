"""`parse FOLDER`: a map per photo at its size, resumed, with the broken ones listed."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import bad_images
from workbench.cli import main
from workbench.parts import INDEX


@pytest.fixture
def cache(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))


@pytest.fixture
def folder(tmp_path: Path, astronaut: np.ndarray) -> Path:
    photos = tmp_path / "in"
    photos.mkdir()
    Image.fromarray(astronaut).save(photos / "one.png")
    Image.fromarray(astronaut[20:420, 40:440]).save(photos / "two.jpg", quality=95)
    (photos / "broken.jpg").write_text("no photo")
    return photos


def test_a_folder_becomes_maps_and_a_summary(
    cache, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    code = main(["parse", str(folder), "--model", "compact", "--out", str(out)])

    assert code == 1, "one file failed, and the exit code says so"
    names = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    assert names == ["one.png", "run.json", "summary.csv", "two.png"]
    two = Image.open(out / "two.png")
    assert two.mode == "P"
    assert two.size == (400, 400)
    assert INDEX["hair"] in np.asarray(two)
    assert "broken.jpg" in capsys.readouterr().err
    assert "hair" in (out / "summary.csv").read_text().lower()


def test_a_second_run_does_only_what_is_missing(
    cache, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    main(["parse", str(folder), "--out", str(out)])
    summary = (out / "summary.csv").read_text()
    (out / "two.png").unlink()
    before = (out / "one.png").stat().st_mtime_ns
    capsys.readouterr()
    main(["parse", str(folder), "--out", str(out)])

    assert (out / "one.png").stat().st_mtime_ns == before
    assert (out / "two.png").is_file()
    assert "1 done, 1 already there, 1 failed" in capsys.readouterr().out
    assert sorted((out / "summary.csv").read_text().splitlines()) == sorted(summary.splitlines())


@pytest.mark.parametrize("name", sorted(bad_images.REFUSED))
def test_every_bad_picture_is_listed_and_nothing_hangs(
    cache, name: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    photos = tmp_path / "in"
    photos.mkdir()
    path = bad_images.write(photos, name)
    code = main(["parse", str(path), "--out", str(tmp_path / "out")])

    printed = capsys.readouterr()
    assert code == 1
    assert path.name in printed.err
    assert "Traceback" not in printed.err + printed.out


def test_a_folder_that_is_not_there_is_one_line(cache, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["parse", str(tmp_path / "nowhere"), "--out", str(tmp_path)]) == 2
    assert "neither a folder nor a file" in capsys.readouterr().err


def test_an_unknown_model_names_the_known(cache, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["parse", str(folder), "--model", "nope", "--out", str(tmp_path / "out")]) == 2
    assert "compact" in capsys.readouterr().err


def test_photos_that_share_a_stem_do_not_overwrite_each_other(cache, tmp_path: Path, astronaut: np.ndarray) -> None:
    photos = tmp_path / "in"
    (photos / "sub").mkdir(parents=True)
    for name in ("a.png", "a.jpg", "sub/a.png"):
        Image.fromarray(astronaut).save(photos / name)
    main(["parse", str(photos), "--out", str(tmp_path / "out")])

    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert found == ["a.jpg.png", "a.png.png", "sub/a.png"]


def test_a_jpg_a_png_and_a_jpg_png_make_three_maps_and_three_sets_of_rows(
    cache, tmp_path: Path, astronaut: np.ndarray
) -> None:
    photos = tmp_path / "in"
    photos.mkdir()
    for name in ("a.png", "a.jpg", "a.jpg.png"):
        Image.fromarray(astronaut).save(photos / name)
    assert main(["parse", str(photos), "--out", str(tmp_path / "out")]) == 0

    rows = list(csv.DictReader((tmp_path / "out" / "summary.csv").open()))
    saved = {row["file"]: row["saved"] for row in rows}
    assert sorted(saved) == ["a.jpg", "a.jpg.png", "a.png"]
    assert len(set(saved.values())) == 3
    assert all((tmp_path / "out" / place).is_file() for place in saved.values())


def test_photos_of_one_name_in_two_folders_keep_their_rows(cache, tmp_path: Path, astronaut: np.ndarray) -> None:
    photos = tmp_path / "in"
    for folder in ("p1", "p2"):
        (photos / folder).mkdir(parents=True)
        Image.fromarray(astronaut).save(photos / folder / "1.png")
    main(["parse", str(photos), "--out", str(tmp_path / "out")])

    rows = list(csv.DictReader((tmp_path / "out" / "summary.csv").open()))
    assert {row["file"] for row in rows} == {"p1/1.png", "p2/1.png"}
