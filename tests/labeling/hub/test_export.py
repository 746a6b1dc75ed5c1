"""Every export of a study holds the judgements that count, and loads."""

import io
import zipfile

import pandas as pd
import pytest

from tests.labeling.store.test_store import SAME, answer_all
from workbench.cli import label
from workbench.errors import BadRequest
from workbench.labeling.hub import loading
from workbench.labeling.hub.export import FORMATS, export
from workbench.labeling.hub.formats import from_file
from workbench.labeling.store.entries import features
from workbench.labeling.store.leases import Vote


@pytest.fixture
def address(tmp_path):
    return f"sqlite:///{tmp_path / 'labels.db'}"


@pytest.fixture
def voted(filled_store, study):
    """One rater with an undone answer and a skip, one who withdrew."""
    kept, gone = filled_store.join(study), filled_store.join(study)
    first = answer_all(filled_store, study, kept, most=4)
    filled_store.record(study, filled_store.revise(study, kept, first[-1]["label"]), Vote("different_3", 900))
    answer_all(filled_store, study, kept, Vote("skip", 300, reason="=blurred"), most=1)
    answer_all(filled_store, study, gone, SAME, most=2)
    filled_store.withdraw(study.name, gone)
    return filled_store


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_an_export_holds_exactly_the_judgements_that_count(voted, study, kind):
    name, data = export(voted, study.name, kind)
    expected = voted.judgements(study.name).set_index("label")
    table = from_file(data, kind).set_index("label").loc[expected.index]
    assert name == f"pairs.{kind}"
    assert len(table) == 5
    for column in ("item", "rater", "answer", "is_gold", "swapped", "answered_at", "reason", "correct"):
        assert table[column].tolist() == expected[column].tolist(), column
    assert table["value"].fillna(9).tolist() == expected["value"].fillna(9).tolist()


def test_the_zip_loads_as_a_data_set_with_declared_features(voted, study, tmp_path):
    name, data = export(voted, study.name, "datasets")
    zipfile.ZipFile(io.BytesIO(data)).extractall(tmp_path)
    table = loading.load_arrow(tmp_path / "pairs")
    assert name == "pairs.zip"
    assert {field.name: field.type for field in table.schema} == {
        column: loading.TYPES[kind] for column, kind in features("label").items()
    }
    assert set(table.column("label").to_pylist()) == set(voted.judgements(study.name)["label"])


def test_the_zip_is_the_same_bytes_each_time(voted, study):
    assert export(voted, study.name, "datasets") == export(voted, study.name, "datasets")


def test_crowd_kit_gets_tasks_workers_and_labels(voted, study):
    name, data = export(voted, study.name, "crowd-kit")
    table = pd.read_csv(io.BytesIO(data))
    assert name == "pairs-crowd-kit.csv"
    assert list(table.columns) == ["task", "worker", "label"]
    assert set(table["label"]) <= {"same", "different"}


def test_a_reason_that_a_spreadsheet_would_run_is_text_in_csv(voted, study):
    assert "'=blurred" in export(voted, study.name, "csv")[1].decode()


def test_the_command_line_offers_every_format():
    assert label.FORMATS == FORMATS


def test_an_unknown_format_is_refused(voted, study):
    with pytest.raises(BadRequest, match="not 'xlsx'"):
        export(voted, study.name, "xlsx")
