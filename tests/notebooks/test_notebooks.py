"""The notebooks run from top to bottom, with small numbers, over what is in the working folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.bench import Workbench

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SMALL: dict[str, dict[str, Any]] = {
    "parse-and-measure": {"ROUNDS": 100},
    "explain-and-test": {"STEPS": 4, "RANDOMS": 4},
    "judge-a-protection": {"JUDGES": ["mobilefacenet"]},
    "study-to-bias-report": {"PEOPLE": 4, "GOLD": 1, "RATERS": 4, "ROUNDS": 50},
}


def _cells(name: str) -> list[dict[str, Any]]:
    return json.loads((FOLDER / f"{name}.ipynb").read_text())["cells"]


def test_every_notebook_is_run_here_and_holds_no_output() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(SMALL)
    for name in SMALL:
        code = [cell for cell in _cells(name) if cell["cell_type"] == "code"]
        assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code), name
        assert code[0]["metadata"]["tags"] == ["parameters"], name


@pytest.fixture
def ran(tmp_path: Path, bench, monkeypatch: pytest.MonkeyPatch, capsys):
    """Runs a notebook's code in one namespace, its parameters made small; what it printed and what it left."""

    def run(name: str) -> tuple[str, dict[str, Any]]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(Workbench, "from_env", classmethod(lambda cls: bench))
        left: dict[str, Any] = {}
        for number, cell in enumerate(cell for cell in _cells(name) if cell["cell_type"] == "code"):
            exec(compile("".join(cell["source"]), f"{name}, code cell {number}", "exec"), left)
            left |= SMALL[name] if number == 0 else {}
        return capsys.readouterr().out, left

    return run


def test_parse_and_measure(ran, tmp_path: Path) -> None:
    told, left = ran("parse-and-measure")

    assert left["found"].models[0].figures["pooled F1"].value == 1, "the example's truth is the parser's own answer"
    assert "compact minus mesh" in told
    assert (tmp_path / "measured" / "report" / "report.html").is_file()


def test_explain_and_test(ran) -> None:
    told, left = ran("explain-and-test")

    assert told.startswith("happy"), "the astronaut smiles"
    assert left["heat"].shape == left["photo"].shape[:2]
    assert "of 4 random maps" in told


def test_judge_a_protection(ran) -> None:
    told, left = ran("judge-a-protection")

    assert [reading.model for reading in left["found"].readings] == ["mobilefacenet"]
    assert "just noticeable differences" in told


def test_a_study_becomes_a_report(ran) -> None:
    _, left = ran("study-to-bias-report")

    page = left["page"].read_text()
    assert "The raters were simulated." in page
    assert "sface" in page.lower()
    assert {group for group, _ in left["by_group"].index} == {"brighter", "darker"}
