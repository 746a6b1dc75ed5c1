"""What was pushed to the Hub loads by its card, with the declared features, and says the same as the store."""

import json

import pyarrow as pa
import pytest

from tests.hub_double import HubDouble
from tests.labeling.votes import SAME, answer_all
from workbench.errors import StudyError
from workbench.labeling.hub import loading
from workbench.labeling.hub.compaction import compact
from workbench.labeling.hub.hub import HuggingFaceHub
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.statistics.judgements import check_table, given
from workbench.labeling.store.entries import features
from workbench.labeling.store.leases import Vote


@pytest.fixture
def snapshot(filled_store, study, clock, tmp_path):
    """A data set after two days of votes, one undone and one withdrawn rater, compacted once; and its store."""
    with HubDouble() as double:
        outbox = Outbox(filled_store, HuggingFaceHub("tester/faces", "hf_test", endpoint=double.address, seconds=15))
        outbox.hub.ensure()
        early, gone, late = (filled_store.join(study) for _ in range(3))
        answer_all(filled_store, study, early, most=4)
        answer_all(filled_store, study, gone, most=2)
        push(outbox)
        clock.seconds += 86_400
        compact(outbox, before="2027-01-16")
        labels = answer_all(filled_store, study, late, Vote("different_2", 1500, ("blur",)), most=3)
        filled_store.record(study, filled_store.revise(study, late, labels[-1]["label"]), SAME)
        answer_all(filled_store, study, late, Vote("skip", 500, reason="too blurred"), most=1)
        filled_store.withdraw(study.name, gone)
        push(outbox)
        for path, data in double.repo("dataset", "tester/faces").files.items():
            (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / path).write_bytes(data)
    return tmp_path / "set", filled_store


def push(outbox):
    for _ in range(20):
        if outbox.attempt():
            return
    raise AssertionError(outbox.last_error)


def test_every_config_loads_with_exactly_the_declared_features(snapshot):
    folder, _ = snapshot
    assert loading.configs(folder)[0] == "labels"
    assert {"labels", "labels_recent", "raters"} <= set(loading.configs(folder))
    for config in loading.configs(folder):
        kind = config.removesuffix("_recent").removesuffix("s")
        table = loading.load_arrow(folder, config)
        assert table.num_rows > 0
        assert {field.name: field.type for field in table.schema} == {
            name: loading.TYPES[dtype] for name, dtype in features(kind).items()
        }


def test_the_wanted_labels_are_those_of_the_store(snapshot, study):
    folder, store = snapshot
    loaded, kept = loading.load_labels(folder), store.judgements(study.name)
    assert set(kept["label"]) < set(loaded["label"])  # the undone row is pushed too
    table = given(check_table(loaded)).set_index("label").sort_index()
    expected = given(kept).set_index("label").sort_index()
    for name in (
        "item",
        "rater",
        "answer",
        "value",
        "is_gold",
        "is_repeat",
        "swapped",
        "response_ms",
        "answered_at",
        "flags",
        "group",
    ):
        assert table[name].tolist() == expected[name].tolist(), name
    assert [None if value is None else bool(value) for value in table["correct"]] == expected["correct"].tolist()


def test_a_row_that_lies_in_two_configs_is_loaded_once(tmp_path):
    features = [{"name": name, "dtype": "string"} for name in ("label", "study", "rater")]
    files = [{"split": "train", "path": "one.jsonl"}]
    names = ("labels", "labels_recent")
    front = {"configs": [{"config_name": name, "data_files": files} for name in names]}
    front["dataset_info"] = [{"config_name": name, "features": features} for name in names]
    (tmp_path / "one.jsonl").write_text(json.dumps({"label": "a", "study": "s", "rater": "r"}) + "\n")
    (tmp_path / "README.md").write_text(f"---\n{json.dumps(front)}\n---\n")
    assert loading.load_labels(tmp_path)["label"].tolist() == ["a"]


def test_nobody_who_withdrew_is_loaded(snapshot, study):
    folder, store = snapshot
    everyone = set(loading.load(folder, "labels")["rater"]) | set(loading.load(folder, "labels_recent")["rater"])
    gone = set(loading.load(folder, "withdrawals_recent")["rater"])
    assert len(gone) == 1
    assert gone < everyone
    assert not gone & set(loading.load_labels(folder)["rater"])
    assert set(loading.load_labels(folder)["rater"]) == set(store.judgements(study.name)["rater"])


def data_set(folder, dtype="int64", row=None, path="data/*.jsonl"):
    front = {
        "configs": [{"config_name": "labels", "data_files": [{"split": "train", "path": path}]}],
        "dataset_info": [
            {"config_name": "labels", "features": [{"name": "label", "dtype": "string"}, {"name": "n", "dtype": dtype}]}
        ],
    }
    (folder / "data").mkdir()
    (folder / "data" / "one.jsonl").write_text(json.dumps(row or {"label": "a", "n": 1}) + "\n")
    (folder / "README.md").write_text(f"---\n{json.dumps(front)}\n---\n# Set\n")
    return folder


def test_absent_values_stay_absent_and_types_are_those_declared(tmp_path):
    table = loading.load_arrow(data_set(tmp_path, "float64", {"label": "a", "n": None}))
    assert table.schema.field("n").type == pa.float64()
    assert table.to_pylist() == [{"label": "a", "n": None}]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"row": {"label": "a", "n": 1, "extra": 2}}, "does not follow its card"),
        ({"row": {"label": "a", "n": "many"}}, "does not follow its card"),
        ({"dtype": "image"}, "got 'image'"),
        ({"path": "elsewhere/*.jsonl"}, "no file is there"),
    ],
)
def test_a_data_set_that_breaks_its_card_is_refused(tmp_path, change, words):
    with pytest.raises(StudyError, match=words):
        loading.load(data_set(tmp_path, **change))


def test_an_unknown_config_and_a_missing_card_are_named(tmp_path):
    with pytest.raises(StudyError, match="begins with ---"):
        loading.load(tmp_path)
    with pytest.raises(StudyError, match="among labels, got 'pairs'"):
        loading.load(data_set(tmp_path), "pairs")


def test_a_parquet_file_with_other_columns_is_refused(tmp_path):
    folder = data_set(tmp_path, path="data/*.parquet")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"label": ["a"], "m": [1]}), folder / "data" / "one.parquet")
    with pytest.raises(StudyError, match="expected the columns label, n, got label, m"):
        loading.load(folder)
