"""A folder with truth goes in, a report comes out; nothing is asked twice, and other weights are refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation import folders
from workbench.cli import main
from workbench.errors import BadRequest
from workbench.evaluation import asking
from workbench.evaluation.answers import Answers, pack, unpack
from workbench.evaluation.archive import unpack as unzip
from workbench.evaluation.layouts import read_truth
from workbench.evaluation.run import evaluate
from workbench.evaluation.truth import Case
from workbench.tasks.detection import find_faces
from workbench.tasks.parsing import parse


@pytest.fixture
def parsed_folder(tmp_path: Path, bench, astronaut) -> Path:
    """Three photos whose truth is the compact parser's own answer, so that its figures must be 1."""
    finder, model = bench.model("blazeface"), bench.model("compact")
    for number in range(3):
        image = np.ascontiguousarray(astronaut[number * 8 :, : 512 - 16 * number])
        folders.photo(tmp_path / "truth" / "images" / f"{number}.png", image)
        labels = parse(image, model, find_faces(image, finder)).labels
        folders.mask(tmp_path / "truth" / "masks" / f"{number}.png", labels)
    folders.photo(tmp_path / "truth" / "images" / "blank.png", np.zeros((64, 64, 3), np.uint8))
    folders.mask(tmp_path / "truth" / "masks" / "blank.png", folders.face())
    return tmp_path / "truth"


def test_parts_of_an_array_find_the_figures_of_the_plain_command(
    parsed_folder: Path, tmp_path: Path, settings, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    words = ["evaluate", str(parsed_folder), "--model", "compact", "--rounds", "100", "--least", "2", "--out"]
    assert main([*words, str(tmp_path / "plain")]) == 0
    out = tmp_path / "out"
    assert main([*words, str(out), "--shard", "1/2", "--shard-size", "2"]) == 0
    assert "1 of 2 shards are done" in capsys.readouterr().out
    assert not (out / "report.html").exists()
    assert main([*words, str(out), "--shard", "2/2", "--shard-size", "2"]) == 0
    assert (out / "figures.json").read_text() == (tmp_path / "plain" / "figures.json").read_text()
    with open(out / "answers" / "compact" / "answers.jsonl") as lines:
        asked = sorted(json.loads(line).get("id", "") for line in lines)
    assert asked == ["", *(f"images/{name}.png" for name in ("0", "1", "2", "blank"))]


def test_a_parser_measured_on_its_own_answers_is_perfect(parsed_folder: Path, tmp_path: Path, bench) -> None:
    (parsed_folder / "masks" / "blank.png").unlink()
    found = evaluate(read_truth(parsed_folder), ["compact", "mesh"], tmp_path / "out", bench, rounds=100, least=2)

    first, second = found.models
    assert first.figures["pooled F1"].value == 1
    assert second.figures["pooled F1"].value < 0.95
    assert found.against[0][2].difference.value > 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<svg") >= 2
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert json.loads((tmp_path / "out" / "figures.json").read_text())["models"]["compact"]["pooled F1"][0] == 1
    assert (tmp_path / "out" / "compact.csv").read_text().count("\n") == 4


def test_nothing_is_asked_twice_and_a_replaced_photo_is(
    parsed_folder: Path, tmp_path: Path, bench, monkeypatch: pytest.MonkeyPatch, astronaut
) -> None:
    truth = read_truth(parsed_folder)
    evaluate(truth, ["compact"], tmp_path / "out", bench, rounds=100, least=2)
    asked: list[str] = []
    real = asking.decode
    monkeypatch.setattr(asking, "decode", lambda path, settings: asked.append(path.name) or real(path, settings))

    evaluate(truth, ["compact"], tmp_path / "out", bench, rounds=100, least=2)
    assert asked == []

    folders.photo(parsed_folder / "images" / "1.png", astronaut[40:])
    found = evaluate(read_truth(parsed_folder), ["compact"], tmp_path / "out", bench, rounds=100, least=2)
    assert asked == ["1.png"]
    assert any("another shape" in why for _, why in found.models[0].left_out)


def test_half_a_row_of_a_killed_run_is_dropped_and_other_weights_are_refused(tmp_path: Path, astronaut) -> None:
    case = Case("a.png", folders.photo(tmp_path / "a.png", astronaut))
    with Answers(tmp_path / "answers", "m", "weights-1") as answers:
        answers.add(case, [1.0])
    file = tmp_path / "answers" / "answers.jsonl"
    file.write_text(file.read_text() + '{"id": "b.png", "st')

    with Answers(tmp_path / "answers", "m", "weights-1") as answers:
        assert answers.fresh(case)
        answers.add(case, [2.0])
    with Answers(tmp_path / "answers", "m", "weights-1") as answers:
        assert answers.row(case)["value"] == [2.0]
        with pytest.raises(BadRequest, match="in use"), Answers(tmp_path / "answers", "m", "weights-1"):
            pass
    with pytest.raises(BadRequest, match="other weights"), Answers(tmp_path / "answers", "m", "weights-2"):
        pass


def test_vectors_keep_every_bit() -> None:
    vector = np.random.default_rng(0).normal(size=128).astype(np.float32)

    assert np.array_equal(unpack(pack(vector)), vector)


def test_a_model_of_another_task_is_refused(parsed_folder: Path, tmp_path: Path, bench) -> None:
    with pytest.raises(BadRequest, match="of the task recognition; this truth measures parsing"):
        evaluate(read_truth(parsed_folder), ["sface"], tmp_path / "out", bench)


def test_labels_and_pairs_through_the_command(tmp_path: Path, astronaut, settings, monkeypatch, capsys) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    root = tmp_path / "truth"
    for number in range(6):
        folders.photo(root / "images" / f"{number}.png", astronaut[number * 4 :])
    folders.table(
        root / "labels.csv",
        ("file", "label", "light"),
        [(f"{n}.png", "happy", "dim" if n < 3 else "bright") for n in range(6)],
    )

    assert (
        main(["evaluate", str(root), "--model", "fer", "--out", str(tmp_path / "a"), "--least", "2", "--rounds", "100"])
        == 0
    )
    told = capsys.readouterr().out
    assert "fer: accuracy 1.000" in told
    figures = json.loads((tmp_path / "a" / "figures.json").read_text())
    assert set(figures["models"]["fer"]["groups"]) == {"light: bright", "light: dim"}

    for name, part in (("moon", astronaut[::-1]), ("other", astronaut[:, ::-1])):
        folders.photo(root / "images" / f"{name}.png", part)
    rows = [("0.png", "1.png", 1), ("2.png", "3.png", 1), ("0.png", "other.png", 0), ("1.png", "other.png", 0)]
    folders.table(root / "pairs.csv", ("file_a", "file_b", "same"), rows)
    assert (
        main(
            [
                "evaluate",
                str(root),
                "--layout",
                "pairs",
                "--model",
                "sface",
                "--out",
                str(tmp_path / "b"),
                "--rounds",
                "100",
            ]
        )
        == 0
    )
    assert "sface: AUC" in capsys.readouterr().out
    assert "The hardest pairs" in (tmp_path / "b" / "report.html").read_text()


def test_a_zip_reaches_nothing_outside_and_holds_only_what_is_read(tmp_path: Path) -> None:
    import zipfile

    for name, words in (("../out.png", "paths inside"), ("run.py", "expected photos"), ("a\\b.png", "expected photos")):
        path = tmp_path / "z.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, b"x")
        with pytest.raises(BadRequest, match=words):
            unzip(path, tmp_path / "in")
    (tmp_path / "z.zip").write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(BadRequest, match="no zip"):
        unzip(tmp_path / "z.zip", tmp_path / "in")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("faces/labels.csv", "file,label\n")
        archive.writestr("__MACOSX/faces/._x", b"")
    assert unzip(tmp_path / "z.zip", tmp_path / "fresh").name == "faces"


def test_the_worst_pictures_stand_upright_beside_their_masks(tmp_path: Path, bench, astronaut) -> None:
    """A phone photo lies on its side in the file; its truth, and the answer, are upright."""
    from PIL import Image

    from workbench.evaluation.place_pages import thumb

    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(astronaut[:, :300])).save(path, exif=exif, quality=95)
    small = Image.fromarray(astronaut[:, :300])
    small.thumbnail((260, 260))

    found = thumb(Case("phone.jpg", path), bench.settings)

    assert found.shape == np.array(small).shape
    assert np.abs(found.astype(int) - np.array(small)).mean() < 6
