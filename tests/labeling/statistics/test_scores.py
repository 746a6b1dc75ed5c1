"""Scores that somebody else wrote are read, or refused in a sentence."""

import numpy as np
import pytest

from tests.labeling.conftest import write_study
from workbench.cli import main
from workbench.errors import StudyError
from workbench.labeling.statistics.scores import read_scores

BROKEN = {
    "empty.csv": (b"", "it is none"),
    "binary.csv": (b"\x00\xff\x00PK", "it is none"),
    "ragged.csv": (b"item,a\nx,1\ny,1,2,3\n", "it is none"),
    "empty.npz": (b"", "it is none"),
    "broken.npz": (b"PK\x03\x04broken", "got PK"),
    "other.csv": (b"a,b\n1,2\n", "got a, b"),
    "only.csv": (b"item\nx\n", "got item"),
    "words.csv": (b"item,a\nx,1\ny,high\n", "line 3: expected a finite number for 'a', got 'high'"),
    "endless.csv": (b"item,a\nx,inf\n", "finite number"),
    "twice.csv": (b"item,a\nx,1\nx,2\n", "item 'x' is there twice"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_holds_no_scores_is_one_sentence(tmp_path, name):
    data, sentence = BROKEN[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(StudyError, match=sentence) as refused:
        read_scores(tmp_path / name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_no_file_is_one_sentence(tmp_path, name):
    with pytest.raises(StudyError, match="cannot be read"):
        read_scores(tmp_path / name)


def test_scores_are_read_with_their_gaps(tmp_path):
    (tmp_path / "s.csv").write_bytes("\ufeffitem,a,b\n001,0.5,\nx,-1e3,nan\n".encode())
    table = read_scores(tmp_path / "s.csv")
    assert table["item"].tolist() == ["001", "x"]
    assert table["a"].tolist() == [0.5, -1000.0]
    assert np.isnan(table["b"]).all()


def test_the_report_command_says_it_and_exits_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    write_study(tmp_path / "study")
    (tmp_path / "s.npz").write_bytes(b"")
    assert main(["label", "report", str(tmp_path / "study"), "--scores", str(tmp_path / "s.npz")]) == 2
    assert capsys.readouterr().err.startswith("error: s.npz: expected a CSV")
