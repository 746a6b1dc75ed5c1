"""`concepts`: what a folder of too few faces is told, and the table of one that has enough."""

from PIL import Image

from workbench.cli import concepts, main
from workbench.explanation.concepts import ConceptScore


def test_a_folder_of_one_face_is_too_few(tmp_path, monkeypatch, capsys, settings, astronaut):
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    Image.fromarray(astronaut).save(tmp_path / "one.png")
    assert main(["concepts", str(tmp_path), "--model", "fer", "--parser", "mesh"]) == 2
    assert "8 faces or more" in capsys.readouterr().err


def test_the_table_has_a_row_per_concept(tmp_path, monkeypatch, capsys, settings):
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    monkeypatch.setattr(concepts, "_faces", lambda *asked: (None, [], []))
    monkeypatch.setattr(concepts, "_examples", lambda *asked: {})
    row = ConceptScore("mouth", 20, 0.9, 1.0, 1.0, 1.0, 0.48, 0.0001, True)
    monkeypatch.setattr("workbench.explanation.concepts.tcav", lambda *asked: (row,))
    out = tmp_path / "table.csv"
    assert main(["concepts", str(tmp_path), "--model", "fer", "--out", str(out)]) == 0
    assert out.read_text() == capsys.readouterr().out
    assert out.read_text().splitlines()[1] == "mouth,20,0.900,1.000,1.000,1.000,0.480,0.0001,True"


def test_sex_needs_a_model_that_says_it(tmp_path, monkeypatch, capsys, settings):
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    assert main(["concepts", str(tmp_path), "--model", "fer", "--sex", "age", "--parser", "mesh"]) == 2
    assert "female and male" in capsys.readouterr().err
