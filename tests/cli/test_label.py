"""`python -m workbench label …`: each action on a small study."""

import pandas as pd
import pytest

from tests.labeling.conftest import STUDY, write_study
from tests.labeling.hub.test_outbox import labels_of
from tests.labeling.votes import answer_all
from workbench.cli import main
from workbench.labeling.store.clock import Clock
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study


class Ticking:
    """A real clock that a test can push forward."""

    def __init__(self):
        self.seconds, self._clock = 0.0, Clock()

    def __call__(self):
        return self._clock.now() + self.seconds


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return write_study(tmp_path / "study")


@pytest.fixture
def judged(folder, tmp_path):
    """The store after one rater's six answers."""
    study = load_study(folder)
    store = Store(tmp_path / "data/labels.db", Ticking())
    store.add_study(study, load_items(study))
    answer_all(store, study, store.join(study), most=6)
    yield store, study
    store.close()


def test_init_checks_a_study_and_tells_how_to_serve_it(folder, capsys):
    assert main(["label", "init", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "pairs: 16 items, 4 of them gold" in said
    assert "label serve" in said


def test_init_writes_a_template_to_fill_in(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    assert main(["label", "init", str(tmp_path / "new"), "--template"]) == 0
    assert "my-study" in (tmp_path / "new/study.toml").read_text()
    assert main(["label", "init", str(tmp_path / "new")]) == 2
    assert "items.csv" in capsys.readouterr().err


def test_a_wrong_study_is_one_line_on_stderr(folder, capsys):
    (folder / "study.toml").write_text(STUDY.replace("[blocks]", "[bloks]"))
    assert main(["label", "status", str(folder)]) == 2
    assert capsys.readouterr().err == "error: study file: unknown key 'bloks'. Did you mean 'blocks'?\n"


def test_status_counts(folder, judged, capsys):
    assert main(["label", "status", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "pairs: open;" in said
    assert "1 raters, 0 withdrawn, 6 rows" in said
    assert "7 rows wait" in said


@pytest.mark.parametrize(
    ("kind", "read"),
    [("parquet", pd.read_parquet), ("csv", pd.read_csv), ("jsonl", lambda p: pd.read_json(p, lines=True))],
)
def test_export_has_exactly_the_rows_that_count(folder, judged, tmp_path, kind, read):
    store, study = judged
    assert main(["label", "export", str(folder), "--format", kind, "--out", str(tmp_path / "out")]) == 0
    assert set(read(tmp_path / "out")["label"]) == labels_of(store, study)


def test_push_then_compact_and_squash(folder, judged, tmp_path, capsys):
    assert main(["label", "push", str(folder)]) == 0
    assert "7 rows pushed" in capsys.readouterr().out
    assert len(list((tmp_path / "data/hub/pairs/data/labels").rglob("*.jsonl"))) == 1
    assert main(["label", "compact", str(folder), "--before", "2999-01-01", "--squash"]) == 0
    assert len(list((tmp_path / "data/hub/pairs/data/labels").rglob("*.jsonl"))) == 0
    assert (
        sum(len(pd.read_parquet(p)) for p in (tmp_path / "data/hub/pairs/data/labels-parquet").rglob("*.parquet")) == 6
    )
    assert main(["label", "compact", str(folder), "--before", "soon"]) == 2


def test_report_writes_one_page(folder, judged, tmp_path, capsys):
    assert main(["label", "report", str(folder), "--out", str(tmp_path / "r.html")]) == 0
    assert "<html" in (tmp_path / "r.html").read_text()


def test_roles_archive_clone_edit_due_and_disputes_each_say_what_they_did(folder, judged, tmp_path, capsys):
    store, study = judged

    def told(*words):
        code = main(["label", words[0], str(folder), *map(str, words[1:])])
        said = capsys.readouterr()
        return code, said.out + said.err

    assert "ana: reader; token, shown this once: fwm_" in told("members", "--add", "ana")[1]
    assert "owner        hub:carla" in told("members", "--add", "hub:carla", "--role", "owner")[1]
    assert "ana" not in told("members", "--remove", "ana")[1]
    assert told("archive") == (0, "pairs is archived\n")
    assert told("reopen") == (0, "pairs is open\n")
    assert "Made again" in told("clone", tmp_path / "again")[1]
    assert load_study(tmp_path / "again").name == "again"
    assert "names of 0 raters and answers of 0 are due" in told("due")[1]
    assert "is in edition 1; edited with it: no item" in told("edit")[1]
    assert told("adjudicate")[0] == 2
    (folder / "study.toml").write_text(STUDY + '[adjudication]\nrule = "disagreement"\n')
    assert "is in edition 2" in told("edit")[1]
    rater = store.join(study)
    assert f"{rater} decides from now on" in told("adjudicate", "--appoint", rater, "--out", tmp_path / "d.csv")[1]
    assert list(pd.read_csv(tmp_path / "d.csv").columns)[-1] == "final"
