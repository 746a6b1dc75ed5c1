"""Every export of a study holds the judgements that count, and loads."""

import csv
import io
import zipfile

import pandas as pd
import pytest
import yaml

from tests.labeling.conftest import STUDY
from tests.labeling.votes import SAME, answer_all
from workbench.cli import label, label_import
from workbench.errors import BadRequest
from workbench.labeling.foreign import files
from workbench.labeling.hub import loading
from workbench.labeling.hub.card import front_matter
from workbench.labeling.hub.export import FORMATS, export
from workbench.labeling.hub.formats import from_file
from workbench.labeling.store.entries import features
from workbench.labeling.store.leases import Vote
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import parse_study


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
    assert label.FORMATS == files.FORMATS
    assert label_import.FORMATS == files.READ
    assert files.FORMATS[: len(FORMATS)] == FORMATS


def test_an_unknown_format_is_refused(voted, study):
    with pytest.raises(BadRequest, match="not 'xlsx'"):
        export(voted, study.name, "xlsx")


def test_the_crowd_kit_file_holds_no_formula(store, study_folder):
    """Choices are the owner's words, and became cells of a CSV as they were."""
    text = STUDY.replace("same_different", 'category"\nattribute = "kind"\nchoices = ["=1+1", "plain"]\nlicense = "x')
    (study_folder / "one.csv").write_text("image_1\n" + "".join(f"images/{n}a.png\n" for n in range(4)))
    study = parse_study(text.replace("items.csv", "one.csv").replace("gold = 2", "gold = 0"), study_folder)
    store.add_study(study, load_items(study))
    answer_all(store, study, store.join(study), Vote("=1+1", 900), most=3)
    for kind in ("crowd-kit", "csv"):
        data = export(store, study.name, kind)[1].decode()
        cells = [cell for row in csv.reader(io.StringIO(data)) for cell in row]
        assert "'=1+1" in cells
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))], kind


def test_a_cards_front_matter_reads_back_whatever_is_in_it():
    values = {"a": ["x: y", "# no comment", "'", '"', "é\n- b"], "b": {"c": [{"d": True, "e": None}]}, "f": "no"}
    lines = front_matter(values)
    assert (lines[0], lines[-2]) == ("---", "---")
    assert yaml.safe_load("\n".join(lines[1:-2])) == values
