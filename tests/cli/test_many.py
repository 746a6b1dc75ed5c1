"""Commands in shards: the same answers as plainly, in one file again by `collect`."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.cli import main


@pytest.fixture
def folder(settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, astronaut: np.ndarray) -> Path:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    photos = tmp_path / "in"
    (photos / "sub").mkdir(parents=True)
    Image.fromarray(astronaut).save(photos / "one.png")
    Image.fromarray(astronaut[20:420, 40:440]).save(photos / "sub" / "one.png")
    (photos / "broken.jpg").write_text("no photo")
    return photos


def rows(path: Path) -> list[dict[str, str]]:
    return sorted(csv.DictReader(path.open(encoding="utf-8")), key=lambda row: row["file"])


def test_parts_of_an_array_make_what_the_plain_command_makes(folder: Path, tmp_path: Path, capsys) -> None:
    plain, out = tmp_path / "plain", tmp_path / "out"
    words = ["parse", str(folder), "--out"]
    main([*words, str(plain)])
    assert main([*words, str(out), "--plan-only", "--shard-size", "2"]) == 0
    assert "3 photos are planned in 2 shards; 0 of these are done" in capsys.readouterr().out

    main([*words, str(out), "--shard", "1/2"])
    assert main(["collect", str(out), "--csv", str(tmp_path / "t.csv")]) == 2
    assert "1 of 2 shards are not done yet" in capsys.readouterr().err
    main([*words, str(out), "--shard", "2/2"])
    assert main(["collect", str(out), "--csv", str(tmp_path / "t.csv"), "--files", str(tmp_path / "maps")]) == 0

    figures = [{**row, "saved": ""} for row in rows(tmp_path / "t.csv")]
    assert figures == [{**row, "saved": ""} for row in rows(plain / "summary.csv")]
    assert (tmp_path / "maps" / "sub" / "one.png.png").read_bytes() == (plain / "sub" / "one.png").read_bytes()


def test_vectors_from_processes_are_those_of_the_plain_command(folder: Path, tmp_path: Path, capsys) -> None:
    main(["embed", str(folder), "--out", str(tmp_path / "plain.npz")])
    words = ["embed", str(folder), "--out", str(tmp_path / "out"), "--engine", "local", "--workers", "1"]
    assert main(words) == 1, "one photo failed"
    assert "2 done, 0 already there, 1 failed" in capsys.readouterr().out
    assert main(words) == 1
    assert "0 done, 2 already there, 1 failed" in capsys.readouterr().out

    main(["collect", str(tmp_path / "out"), "--npz", str(tmp_path / "shards.npz")])
    with np.load(tmp_path / "plain.npz") as ours, np.load(tmp_path / "shards.npz") as theirs:
        order = np.argsort(theirs["names"])
        assert theirs["names"][order].tolist() == ours["names"].tolist()
        np.testing.assert_array_equal(theirs["embeddings"][order], ours["embeddings"])
        assert theirs["failed"].tolist() == ours["failed"].tolist() == ["broken.jpg"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["classify", "hf://datasets/x/*.parquet"], "Expected --out"),
        (["classify", "photos/*.jpg", "--out", "t.csv"], "--engine local or ray"),
        (["classify", "nowhere", "--out", "o", "--engine", "local"], "names nothing that is there"),
        (["embed", ".", "--out", "v.npz", "--engine", "local"], "results go into a folder"),
        (["parse", ".", "--out", "o", "--shard", "0/4"], "i from 1 to n"),
        (["parse", ".", "--out", "o", "--engine", "local", "--shard-size", "0"], "expected 1 or more"),
        (["collect", "nowhere", "--csv", "t.csv"], "has no plan"),
        (["collect", "nowhere"], "Expected --csv"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(folder: Path, tmp_path: Path, monkeypatch, words, message, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert message in capsys.readouterr().err
