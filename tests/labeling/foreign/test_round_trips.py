"""Judgements go to another tool's file and come back: every task type, every format that can hold it."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.labeling.foreign.studies import SECRET, brought, given, meant, write
from workbench.errors import StudyError
from workbench.labeling.foreign import files, label_studio
from workbench.labeling.foreign.bringing import bring
from workbench.labeling.foreign.given import Given
from workbench.labeling.foreign.runs import packed
from workbench.labeling.hub.hub import LocalHub
from workbench.labeling.hub.loading import load_labels
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.store.store import Store
from workbench.labeling.study import details
from workbench.labeling.study.tasktypes import TASK_TYPES

KINDS = ("label-studio", "potato", "csv", "jsonl", "parquet", "datasets")
DRAWN = ("mask", "attention", "points")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One store for all studies of this file."""
    store = Store(tmp_path_factory.mktemp("here") / "labels.db")
    yield store
    store.close()


@pytest.mark.parametrize("task", TASK_TYPES)
def test_every_answer_goes_there_and_comes_back(task, store, tmp_path):
    shown = write(tmp_path / f"{task}-all", task)
    told = given(shown)
    first = brought(store, shown, told)
    assert (first.new, first.raters, first.left_out) == (len(told), 3, ())
    for kind in (*KINDS, *(["coco"] if shown.study.task.form in DRAWN else [])):
        name, data = files.export(store, shown, kind)
        (tmp_path / name).write_bytes(data)
        back = list(files.read(tmp_path / name, shown, kind))
        assert meant(back) == meant(told), kind
        again = brought(store, shown, back)
        assert (again.new, again.already, again.raters) == (0, len(told), 0), kind
    _is_shown(shown, json.loads((tmp_path / f"{task}-all-label-studio.json").read_text()))


def _is_shown(shown, tasks):
    """Label Studio's interface is XML with the controls that the annotations answer and the pictures of the tasks."""
    view = ElementTree.fromstring(label_studio.interface(shown.study))
    controls = {node.get("name") for node in view if node.get("toName")}
    pictures = {node.get("value", "").strip("$") for node in view if node.tag == "Image"}
    regions = [region for one in tasks for annotation in one["annotations"] for region in annotation["result"]]
    assert {region["from_name"] for region in regions} <= controls
    assert pictures == {name for name in tasks[0]["data"] if name != "item"}
    assert "completed_by" not in json.dumps(tasks)  # Label Studio refuses people it does not know


def test_what_came_back_is_judged_as_it_was_and_marked(store, tmp_path):
    """Into a store of its own: same rows but for their ids, on the way to the Hub, and never twice."""
    shown = write(tmp_path / "pairs", "same_different")
    told = given(shown)
    brought(store, shown, told)
    name, data = files.export(store, shown, "label-studio")
    (tmp_path / name).write_bytes(data)
    there = Store(tmp_path / "there.db")
    account = brought(there, shown, files.read(tmp_path / name, shown, "label-studio"), b"t" * 32)
    assert (account.new, account.raters) == (len(told), 3)
    names = ["item", "answer", "value", "response_ms", "answered_at", "reason", "flags", "group"]
    tables = [one.judgements("pairs")[names].fillna(0).astype(str) for one in (store, there)]
    assert sorted(map(tuple, tables[0].to_numpy())) == sorted(map(tuple, tables[1].to_numpy()))
    assert all("imported" in flags for flags in tables[0]["flags"])
    assert set(there.raters("pairs")["consent_version"]) == {"imported"}
    assert not set(there.raters("pairs")["rater"]) & {"ann@example.org", "17", "=bob"}
    outbox = Outbox(there, LocalHub(tmp_path / "hub"))
    assert outbox.attempt()
    assert len(load_labels(tmp_path / "hub")) == len(told)
    assert there.items("pairs")["filled"].tolist() == [2, 3, 3]
    there.close()


def test_coco_is_refused_for_answers_that_have_no_shape(store, tmp_path):
    shown = write(tmp_path / "plain", "same_different")
    brought(store, shown, given(shown))
    with pytest.raises(StudyError, match="drawn or placed"):
        files.export(store, shown, "coco")


def test_a_photo_smaller_than_the_cells_of_its_mask_loses_nothing_and_corrections_count(store, tmp_path):
    shown = write(tmp_path / "small", "correct_mask", size=(40, 30))
    told = [replace(one, answer="fine") if one.answer.startswith("corrected") else one for one in given(shown)]
    drawn = details.drawing("corrected", np.random.default_rng(5).random((192, 256)) > 0.5)
    told[-1] = replace(told[-1], answer=drawn)
    brought(store, shown, told)
    for kind in ("label-studio", "coco"):
        name, data = files.export(store, shown, kind)
        (tmp_path / name).write_bytes(data)
        back = list(files.read(tmp_path / name, shown, kind))
        assert sorted(one.answer for one in back) == sorted(one.answer for one in told), kind
    name, data = files.export(store, shown, "label-studio")
    tasks = json.loads(data)
    (region,) = [r for one in tasks for a in one["annotations"] for r in a["result"] if r["type"] == "brushlabels"]
    region["value"]["rle"] = packed(np.ones((30, 40), bool))
    (tmp_path / name).write_text(json.dumps(tasks))
    changed = [one.answer for one in files.read(tmp_path / name, shown, "label-studio") if "#" in one.answer]
    assert [bool(details.drawn(answer).all()) for answer in changed] == [True]


def test_label_studios_own_export_is_read(store, tmp_path):
    """As documented: a picture by its upload's name, a person by id or address, one choice."""
    shown = write(tmp_path / "hats-1", "category")
    value = {"choices": ["Hut"]}
    tasks = [
        {
            "id": 7,
            "data": {"image": "/data/upload/3/1a2b3c4d-1-0.png"},
            "annotations": [
                {"id": 1, "completed_by": 10, "lead_time": 4.288, "created_at": "2021-03-09T22:16:08.728353Z"}
                | {"was_cancelled": False}
                | {"result": [{"from_name": "tag", "to_name": "img", "type": "choices", "value": value}]},
                {"id": 2, "completed_by": {"id": 3, "email": "a@b.org"}, "was_cancelled": True, "result": []},
            ],
            "predictions": [],
        }
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    with pytest.raises(StudyError, match=r"task 1, annotation 1.*'Hut'.*--word"):
        list(files.read(path, shown, "label-studio"))
    shown = replace(shown, words={"Hut": "cap & bow"})
    account = brought(store, shown, files.read(path, shown, "label-studio"))
    assert (account.new, account.raters) == (2, 2)
    table = store.judgements("hats-1")
    assert sorted(table["answer"]) == ["cap & bow", "skip"]
    assert set(table["item"]) == {"item-1"}
    assert set(table["response_ms"]) == {4288, 0}


def test_potatos_own_files_are_read(tmp_path):
    shown = write(tmp_path / "hats", "category")
    lines = [{"instance_id": "item-0", "user_id": "u1", "labels": {"hat": {"none": True}}, "spans": {}, "links": {}}]
    lines += [{"instance_id": "item-1", "user_id": "u1", "labels": {"hat": {"labels": {"cap & bow": "true"}}}}]
    (tmp_path / "annotations.jsonl").write_text("\n".join(map(json.dumps, lines)))
    pairs = [[{"schema": "hat", "name": "none"}, "true"]]
    state = {
        "user_id": "u2",
        "instance_id_to_label_to_value": {"item-0": {"hat": {"labels": {"none": True}}}, "item-2": pairs},
    }
    (tmp_path / "user_state.json").write_text(json.dumps(state))
    found = [list(files.read(tmp_path / name, shown, "potato")) for name in ("annotations.jsonl", "user_state.json")]
    assert [(one.item, one.rater, one.answer) for one in found[0]] == [
        ("item-0", "u1", "none"),
        ("item-1", "u1", "cap & bow"),
    ]
    assert [(one.item, one.rater, one.answer) for one in found[1]] == [
        ("item-0", "u2", "none"),
        ("item-2", "u2", "none"),
    ]


def test_coco_that_others_wrote_is_read(store, tmp_path):
    shown = write(tmp_path / "masks", "correct_mask")
    image = {"id": 5, "file_name": "train/0-0.png", "width": 300, "height": 260}
    polygon = {
        "id": 1,
        "image_id": 5,
        "category_id": 1,
        "segmentation": [[10, 10, 90, 10, 90, 90, 10, 90]],
        "iscrowd": 0,
    }
    file = {"images": [image], "annotations": [polygon | {"attributes": {"rater": "x"}}], "categories": []}
    (tmp_path / "coco.json").write_text(json.dumps(file))
    shown_one = list(files.read(tmp_path / "coco.json", shown, "coco"))
    assert [(one.files, one.rater, one.seconds) for one in shown_one] == [(("0-0.png",), "x", None)]
    account = brought(store, shown, shown_one)
    assert account.new == 1
    assert set(store.judgements("masks")["item"]) == {"item-0"}


def test_a_rater_who_is_named_like_one_of_this_study_gives_nothing_in_their_name(store, tmp_path):
    shown = write(tmp_path / "hats-2", "category")
    brought(store, shown, [])
    own = store.join(shown.study)
    account = bring(store, shown.study, shown.items, [Given("item-0", (), own, "none", where="row 1")], SECRET)
    assert (account.new, len(account.left_out)) == (0, 1)
    assert "is a rater of this study" in account.left_out[0]
