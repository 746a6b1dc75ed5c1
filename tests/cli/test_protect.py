"""`protect FOLDER`: protected, made-up or anonymised photos without metadata, resumed, with a table and the broken ones
listed."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.protection.toys import hurry
from workbench import marks
from workbench.cli import main
from workbench.tasks.detection import find_faces


@pytest.fixture
def cache(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real weights, and searches of three steps."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    hurry(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path, astronaut: np.ndarray) -> Path:
    photos = tmp_path / "in"
    (photos / "sub").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    Image.fromarray(astronaut).save(photos / "one.jpg", quality=95, exif=exif)
    Image.fromarray(np.hstack([astronaut[20:420, 40:440]] * 2)).save(photos / "sub" / "two.png")
    (photos / "broken.jpg").write_text("no photo")
    return photos


def _table(out: Path) -> dict[str, dict[str, str]]:
    return {row["file"]: row for row in csv.DictReader((out / "summary.csv").open())}


def test_a_folder_is_protected_with_every_recognisers_scores(
    cache, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    code = main(
        ["protect", str(folder), "--out", str(out), "--strength", "light", "--attack", "dlib", "--judge", "sface"]
    )
    rows = _table(out)

    assert code == 1, "one file failed, and the exit code says so"
    assert "broken.jpg" in capsys.readouterr().err
    assert sorted(rows) == ["broken.jpg", "one.jpg", "sub/two.png"]
    assert rows["broken.jpg"]["error"]
    for name, stem in (("one.jpg", "one"), ("sub/two.png", "sub/two")):
        word = "protected" if rows[name]["outcome"] == "protected" else "not-protected"
        assert rows[name]["saved"] == f"{stem}_{word}.jpg", "a file says no more than its verdict"
    saved = out / rows["one.jpg"]["saved"]
    assert rows["one.jpg"]["dlib role"] == "surrogate"
    assert rows["one.jpg"]["sface role"] == "judge"
    assert float(rows["one.jpg"]["sface after JPEG 75"]) < 1
    assert rows["sub/two.png"]["faces"] == "2"
    assert b"taken at home" not in saved.read_bytes()
    assert Image.open(saved).size == (512, 512)


def test_a_second_run_does_only_what_is_missing(
    cache, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    asked = ["protect", str(folder), "--out", str(out), "--makeup", "natural"]
    main(asked)
    before, stamp = _table(out), (out / "one.jpg").stat().st_mtime_ns
    (out / "sub" / "two.jpg").unlink()
    capsys.readouterr()
    main(asked)

    assert "1 done, 1 already there, 1 failed" in capsys.readouterr().out
    assert (out / "one.jpg").stat().st_mtime_ns == stamp
    assert _table(out) == before


@pytest.mark.parametrize(
    ("how", "worked"),
    [
        (["--anonymise", "mosaic"], "2"),
        (["--anonymise", "blur", "--faces", "largest"], "1"),
        (["--makeup", "goth", "--faces", "all"], "2"),
    ],
)
def test_all_faces_or_the_largest(cache, folder: Path, tmp_path: Path, how: list[str], worked: str) -> None:
    main(["protect", str(folder / "sub"), "--out", str(tmp_path / "out"), *how])

    assert _table(tmp_path / "out")["two.png"]["worked on"] == worked


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (["--makeup", "clown"], "no look"),
        (["--anonymise", "swirl"], "expected one of blur, mosaic, silhouette, drawn"),
        (["--look", "clown"], "no look"),
        (["--strength", "invisible"], "strength"),
        (["--attack", "nobody"], "cannot take part"),
        (["--attack", "dlib", "--judge", "dlib"], "cannot judge"),
    ],
)
def test_a_wrong_wish_is_one_line_before_anything_is_read(
    cache, folder: Path, tmp_path: Path, asked: list[str], reason: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["protect", str(folder), "--out", str(tmp_path / "out"), *asked]) == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_a_place_to_write_it_says_what_is_missing(cache, folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["protect", str(folder)]) == 2
    assert "--out DIR" in capsys.readouterr().err


def test_hiding_takes_the_same_choices_as_the_tab(cache, tmp_path: Path, astronaut, stranger, finder) -> None:
    photos, out = tmp_path / "in", tmp_path / "out"
    photos.mkdir()
    pair = np.hstack([astronaut[:400, 56:456], np.asarray(Image.fromarray(stranger).resize((400, 400)))])
    Image.fromarray(pair).save(photos / "pair.png")
    Image.fromarray(astronaut).save(photos / "me.png")
    words = ["protect", str(photos), "--out", str(out), "--anonymise", "silhouette", "--keep", str(photos / "me.png")]
    words += ["--hide-shape", "outline", "--hide-size", "1.1", "--hide-strength", "2"]
    assert main(words) == 0
    rows = _table(out)
    assert (rows["pair.png"]["worked on"], rows["pair.png"]["kept"]) == ("1", "1")
    assert rows["me.png"]["outcome"] == "everybody kept"
    left = find_faces(np.asarray(Image.open(out / "pair.jpg").convert("RGB")), finder)
    assert [face.box[0] < 400 for face in left] == [True]


def test_a_folder_of_drawn_faces_says_who_was_replaced(cache, tmp_path: Path, astronaut, monkeypatch) -> None:
    monkeypatch.setattr("workbench.protection.cast.NUMBERS", (1, 15))
    monkeypatch.setattr("workbench.protection.roles.calibrated_here", lambda *rows: ["sface"])
    photos, out = tmp_path / "in", tmp_path / "out"
    photos.mkdir()
    Image.fromarray(astronaut).save(photos / "me.png")
    assert main(["protect", str(photos), "--out", str(out), "--anonymise", "drawn"]) == 0
    row = _table(out)["me.png"]
    assert (row["outcome"], row["drawn"], row["by mosaic"], row["why"]) == ("drawn", "1", "0", "")
    assert marks.read((out / "me.jpg").read_bytes()).source == marks.EDITED


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--hide-shape", "square"], "--hide-shape: expected one of ellipse, outline"),
        (["--hide-size", "9"], "--hide-size: expected 0.7 to 2"),
        (["--hide-strength", "nan"], "--hide-strength: expected 0.25 to 4"),
    ],
)
def test_hiding_choices_out_of_range_are_sentences(cache, folder: Path, tmp_path: Path, capsys, words, said) -> None:
    assert main(["protect", str(folder), "--out", str(tmp_path / "o"), "--anonymise", "blur", *words]) == 2
    assert said in capsys.readouterr().err
