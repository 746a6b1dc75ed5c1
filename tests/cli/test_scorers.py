"""`classify`, `embed` and `verify` on folders: tables that are whole, resumed, and honest about broken files."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.batch import Stamp, Table, unescaped
from workbench.cli import main
from workbench.cli.verify import people, read_pairs
from workbench.errors import BadRequest
from workbench.scale.step import Outcome
from workbench.scale.vectors import COLUMNS, Growing


@pytest.fixture
def folder(settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, astronaut: np.ndarray) -> Path:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    photos = tmp_path / "Fotos ü"
    (photos / "sub").mkdir(parents=True)
    Image.fromarray(astronaut).save(photos / "one.png")
    Image.fromarray(astronaut[20:300, 100:380]).convert("L").save(photos / "sub" / "größer.jpg", quality=95)
    Image.fromarray(np.full((90, 120, 3), 99, np.uint8)).save(photos / "empty.png")
    (photos / "broken.jpg").write_text("no photo")
    return photos


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_classify_writes_labels_and_probabilities(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "out.csv"

    code = main(["classify", str(folder), "--out", str(out)])

    rows = _rows(out)
    assert code == 1, "two files failed, and the exit code says so"
    assert [row["file"] for row in rows] == ["broken.jpg", "empty.png", "one.png", "sub/größer.jpg"]
    assert [row["error"] != "" for row in rows] == [True, True, False, False]
    rows = rows[2:]
    assert [row["label"] for row in rows] == ["happy", "happy"]
    labels = ("neutral", "happy", "sad", "surprise", "anger")
    assert sum(float(rows[0][label]) for label in labels) == pytest.approx(1, abs=1e-4)
    said = capsys.readouterr().err
    assert "broken.jpg" in said
    assert "empty.png: No face was found in 120 × 90 pixels" in said


def test_classify_goes_on_where_it_stopped(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "out.csv"
    main(["classify", str(folder), "--out", str(out)])
    whole = out.read_text()
    kept = whole.splitlines()[:4]
    out.write_text("\n".join(kept) + "\nsub/gr")  # killed in the middle of a row
    capsys.readouterr()

    main(["classify", str(folder), "--out", str(out)])

    assert out.read_text() == whole
    assert "1 done, 1 already there, 2 failed" in capsys.readouterr().out


def test_classify_reads_age_and_keeps_models_apart(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "out.csv"
    main(["classify", str(folder / "one.png"), "--model", "age", "--out", str(out)])

    assert 15 < float(_rows(out)[0]["age"]) < 65
    assert main(["classify", str(folder), "--out", str(out)]) == 2, "the table holds ages"
    assert "Choose another --out" in capsys.readouterr().err


def test_classify_refuses_a_model_of_another_task(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["classify", str(folder), "--model", "sface"]) == 2
    assert "expected one of compact-expression" in capsys.readouterr().err


def test_embed_writes_names_vectors_and_metric(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "vectors.npz"

    assert main(["embed", str(folder), "--out", str(out)]) == 1

    with np.load(out, allow_pickle=False) as found:
        assert found["names"].dtype.kind == "U"
        assert found["names"].tolist() == ["one.png", "sub/größer.jpg"]
        assert found["embeddings"].shape == (2, 128)
        assert found["embeddings"].dtype == np.float32
        assert str(found["metric"]) == "cosine"
        np.testing.assert_allclose(np.linalg.norm(found["embeddings"], axis=1), 1, atol=1e-5)
        assert found["embeddings"][0] @ found["embeddings"][1] > 0.5, "one woman in two crops"


def test_embed_goes_on_where_it_stopped(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "vectors.npz"
    main(["embed", str(folder / "one.png"), "--out", str(out)])
    capsys.readouterr()

    main(["embed", str(folder), "--out", str(out)])

    assert "1 done, 1 already there, 2 failed" in capsys.readouterr().out
    assert main(["embed", str(folder), "--model", "dlib", "--out", str(out)]) == 2
    assert "model sface, now dlib" in capsys.readouterr().err
    with np.load(out, allow_pickle=False) as found:
        assert found["names"].tolist() == ["one.png", "sub/größer.jpg"]
        assert found["failed"].tolist() == ["broken.jpg", "empty.png"]


def test_packed_vectors_are_gone_on_with_and_come_back_the_same(tmp_path: Path) -> None:
    rows, kept = Growing(tmp_path / "v.npz", "toy"), np.arange(6, dtype=np.float32).reshape(2, 3) / 7
    table = Table(rows.table, COLUMNS)
    table.begin()
    for name, vector in zip(("b.jpg", "a\\\udcff.jpg"), kept, strict=True):
        more = rows.keep(name, Outcome(({},), vector=vector))
        box = dict.fromkeys(("left", "top", "right", "bottom"), 1.5)
        table.add(name, [{"faces": 1, **box, "metric": "l2", **more}], Stamp(3, "1-2", "abc"))
    table.add("c.jpg", [{}], Stamp(3, "1-2", ""), error="no face")
    table.end()
    rows.finish()
    first = (tmp_path / "v.npz").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["v.npz"]

    again = Growing(tmp_path / "v.npz", "toy")
    again.start()
    assert Table(again.table, COLUMNS).error("c.jpg") == "no face"
    again.finish()

    assert (tmp_path / "v.npz").read_bytes() == first
    with np.load(tmp_path / "v.npz", allow_pickle=False) as found:
        assert [unescaped(name) for name in found["names"]] == ["a\\\udcff.jpg", "b.jpg"]
        np.testing.assert_array_equal(found["embeddings"], kept[::-1])


def test_a_file_that_is_no_embeddings_is_not_overwritten(folder: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "v.npz"
    path.write_text("precious")

    assert main(["embed", str(folder), "--out", str(path)]) == 2
    assert "nothing says how it was made" in capsys.readouterr().err
    assert path.read_text() == "precious"


@pytest.fixture
def pairs(folder: Path, astronaut: np.ndarray, tmp_path: Path) -> Path:
    Image.fromarray(astronaut[:, ::-1]).save(folder / "mirror.png")
    portrait = np.array(Image.fromarray(astronaut).rotate(8))
    Image.fromarray(np.clip(portrait * 0.7, 0, 255).astype(np.uint8)).save(folder / "dark.png")
    path = tmp_path / "pairs.csv"
    lines = [
        "file_a,file_b,same",
        "one.png,mirror.png,1",
        "one.png,dark.png,1",
        "one.png,broken.jpg,1",
        "mirror.png,dark.png,0",
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_verify_prints_and_writes_the_roc(
    folder: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "figures.json"

    assert main(["verify", str(pairs), "--images", str(folder), "--out", str(out), "--rounds", "20"]) == 1

    said = capsys.readouterr()
    assert "2 same and 1 different pairs" in said.out
    assert "1 lack a face" in said.out
    assert "AUC" in said.out
    assert "broken.jpg" in said.err
    found = json.loads(out.read_text())
    assert (found["pairs"], found["judged"], found["metric"]) == (4, 3, "cosine")
    assert 0 <= found["auc"][0] <= 1
    curve = _rows(tmp_path / "figures-roc.csv")
    assert (curve[0]["far"], curve[0]["tar"], curve[-1]["far"], curve[-1]["tar"]) == ("0", "0", "1", "1")


def test_people_are_joined_by_same_pairs() -> None:
    who = people([("a1", "a2", True), ("a2", "a3", True), ("a1", "b1", False), ("b1", "b2", True)])

    assert who["a1"] == who["a2"] == who["a3"] != who["b1"] == who["b2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns"),
        ("a,b,same\nx,y,1\n", "expected the columns"),
        ("file_a,file_b,same\n", "lists no pairs"),
        ("file_a,file_b,same\nx,y,maybe\n", "line 2"),
        ("file_a,file_b,same\nx,y,1\nx,,0\n", "line 3"),
        ("file_a,file_b,same\nx,y\n", "line 2"),
    ],
)
def test_a_list_that_is_none_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text)

    with pytest.raises(BadRequest, match=message):
        read_pairs(path)


def test_a_byte_order_mark_and_words_are_read(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("\ufefffile_a,file_b,same\nx, y ,TRUE\nx,z,different\n", encoding="utf-8")

    assert read_pairs(path) == [("x", "y", True), ("x", "z", False)]
