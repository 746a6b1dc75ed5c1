"""Files that are huge, of wrong types or forged get a sentence, and nothing is changed by them."""

import json
import tracemalloc
import zipfile
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.labeling.foreign.studies import SECRET, brought, given, write
from workbench.cli import main
from workbench.errors import StudyError
from workbench.labeling.foreign import files, runs
from workbench.labeling.foreign import given as values
from workbench.labeling.foreign.bringing import bring
from workbench.labeling.foreign.given import Given
from workbench.labeling.foreign.making import Asked, make
from workbench.labeling.store.store import Store


@pytest.fixture(scope="module")
def hats(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    shown = write(folder / "hats", "category")
    store = Store(folder / "labels.db")
    store.add_study(shown.study, shown.items)
    yield SimpleNamespace(shown=shown, store=store)
    store.close()


TASK = {"data": {"image": "0-0.png"}, "annotations": []}
CHOICE = {"type": "choices", "from_name": "answer", "value": {"choices": ["none"]}}


def _tasks(**annotation):
    whole = {"completed_by": 1, "result": [CHOICE]} | annotation
    return json.dumps([TASK | {"annotations": [whole]}])


BAD = [
    ("label-studio", "{"),
    ("label-studio", '{"a": 1}'),
    ("label-studio", "[" * 5000),
    ("label-studio", "[1]"),
    ("label-studio", '[{"data": [1]}]'),
    ("label-studio", '[{"data": {"image": "../../../etc/passwd"}, "annotations": [{"result": []}]}]'),
    ("label-studio", _tasks(result=[CHOICE | {"value": {"choices": "none"}}])),
    ("label-studio", _tasks(result=[CHOICE | {"value": {"choices": [["none"]]}}])),
    ("label-studio", _tasks(result=[CHOICE, CHOICE])),
    ("label-studio", _tasks(lead_time="soon")),
    ("label-studio", _tasks(lead_time=float("nan"))),
    ("label-studio", _tasks(created_at="yesterday")),
    ("label-studio", _tasks(created_at="0001-01-01T00:00:00Z", lead_time=50)),
    ("label-studio", _tasks(created_at="0999-12-31T00:00:00Z")),
    ("label-studio", _tasks(completed_by=None)),
    ("label-studio", _tasks(completed_by="x" * 300)),
    ("label-studio", _tasks(completed_by="\ud800")),
    ("label-studio", json.dumps([TASK | {"data": {"image": "a\0b.png"}, "annotations": [{"result": [CHOICE]}]}])),
    ("potato", '{"instance_id": "item-0", "user_id": "u", "labels": 4}'),
    ("potato", '{"instance_id": "item-0", "user_id": "u", "labels": {"a": {"none": true, "cap & bow": true}}}'),
    ("potato", '{"instance_id_to_label_to_value": []}'),
    ("potato", "\xff\xfe"),
    ("csv", "item,rater\na,b\n"),
    ("csv", "item,rater,answer\nitem-0,u,none,too,many\n"),
    ("csv", "item,rater,answer,seconds\nitem-0,u,none,-3\n"),
    ("csv", "item,rater,answer\n../item-0,u,none\n"),
    ("csv", "item,rater,answer\nitem-0,u,none#5\n"),
    ("jsonl", '{"item": "item-0"}\n'),
    ("parquet", "PAR1 no"),
    ("datasets", "PK no"),
    ("label-studio", json.dumps([TASK | {"data": {"image": "http://[/a.png"}, "annotations": [{"result": [CHOICE]}]}])),
    ("label-studio", _tasks(result=[CHOICE | {"value": {"choices": ["\ud800"]}}])),
    ("potato", '{"instance_id": "item-0", "user_id": "u", "labels": {"a": {"\\ud800": true, "b": true}}}'),
    ("potato", '{"instance_id_to_label_to_value": {"\\ud800": {"a": {"none": true}}}}'),
    ("csv", 'item,rater,answer\nitem-0,u,"' + "x" * 200_000 + '"\n'),
    ("jsonl", '{"item": "item-0", "rater": "u", "answer": "none", "flags": 5}'),
]


@pytest.mark.parametrize(("kind", "text"), BAD)
def test_a_bad_file_gets_a_sentence_and_changes_nothing(hats, kind, text, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(StudyError) as caught:
        bring(hats.store, hats.shown.study, hats.shown.items, files.read(path, hats.shown, kind), SECRET)
    assert 10 < len(str(caught.value).encode()) < 500
    assert len(hats.store.judgements("hats")) == len(hats.store.raters("hats")) == 0


def test_a_file_that_is_too_large_is_not_read(hats, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b" " * 2000)
    monkeypatch.setattr(values, "MOST_BYTES", 1000)
    with pytest.raises(StudyError, match="larger than"):
        list(files.read(tmp_path / "file", hats.shown, "label-studio"))


def test_a_zip_that_unpacks_without_end_is_refused(hats, tmp_path, monkeypatch):
    from workbench.labeling.foreign import tables

    monkeypatch.setattr(tables, "MOST_BYTES", 100_000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data/labels.parquet", b"\0" * 1_000_000)
    with pytest.raises(StudyError, match="datasets file"):
        list(files.read(tmp_path / "bomb.zip", hats.shown, "datasets"))


def _peak(work):
    """The most memory that `work()` holds at once, in MB; it may refuse."""
    tracemalloc.start()
    try:
        work()
    except StudyError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak / 1e6


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_columns_without_end_take_no_memory(hats, tmp_path, kind):
    path, row = tmp_path / "file", {"item": "item-0", "rater": "u", "answer": "none"}
    if kind == "csv":
        wide = ",".join(f"c{n}" for n in range(1500))
        path.write_text(f"item,rater,answer,{wide}\n" + "item-0,u,none\n" * 1500)
    else:
        path.write_text("\n".join(json.dumps(row | {f"c{n}": 1}) for n in range(1500)))
    assert _peak(lambda: list(files.read(path, hats.shown, kind))) < 5


@pytest.mark.parametrize(("text", "rows"), [("item-0", 5_000_000), ("x" * 1_000_000, 1000)])
def test_a_small_parquet_file_of_rows_or_texts_without_end_takes_little_memory(hats, tmp_path, text, rows):
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array([text]))
    table = pa.table(dict.fromkeys(("item", "rater", "answer"), column))
    pq.write_table(table, tmp_path / "file", compression="zstd", store_schema=False)
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    before = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        peak = _peak(lambda: list(files.read(tmp_path / "file", hats.shown, "parquet")))
    finally:
        pa.set_memory_pool(before)
    assert peak + pool.max_memory() / 1e6 < 50


@pytest.mark.parametrize("kind", ["coco", "label-studio"])
def test_many_masks_of_one_picture_are_held_one_at_a_time(tmp_path, kind):
    shown, side = write(tmp_path / "masks", "correct_mask", items=1), 1000
    mask, one = np.ones((side, side), bool), {"image_id": 1, "attributes": {"rater": "u"}}
    if kind == "coco":
        image = {"id": 1, "file_name": "0-0.png", "width": side, "height": side}
        file = {"images": [image], "annotations": [one | {"segmentation": runs.counts(mask)}] * 60}
    else:
        stroke = {"type": "brushlabels", "original_width": side, "original_height": side}
        stroke |= {"value": {"rle": runs.packed(mask)}}
        file = [TASK | {"annotations": [{"completed_by": 1, "result": [stroke] * 60}]}]
    (tmp_path / "file").write_text(json.dumps(file))
    assert _peak(lambda: list(files.read(tmp_path / "file", shown, kind))) < 35


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_no_feeling(tmp_path, number):
    shown = write(tmp_path / "felt", "expression", items=1)
    regions = [CHOICE | {"value": {"choices": ["happy"]}}]
    regions += [{"type": "number", "from_name": "intensity", "value": {"number": number}}]
    (tmp_path / "file").write_text(json.dumps([TASK | {"annotations": [{"completed_by": 1, "result": regions}]}]))
    with pytest.raises(StudyError, match="whole number"):
        list(files.read(tmp_path / "file", shown, "label-studio"))


def test_one_wrong_answer_refuses_the_file_and_a_lenient_import_leaves_it_out(tmp_path):
    shown = write(tmp_path / "mixed", "category")
    told = given(shown)
    told[3:3] = [Given("item-9", (), "ann", "none", where="row 4"), Given("item-1", (), "ann", "beret", where="row 5")]
    store = Store(tmp_path / "labels.db")
    with pytest.raises(StudyError, match="row 4: 'item-9' is no item"):
        brought(store, shown, told)
    assert len(store.judgements("mixed")) == len(store.raters("mixed")) == 0
    account = brought(store, shown, told, lenient=True)
    assert (account.new, len(account.left_out)) == (len(told) - 2, 2)
    assert "row 5" in account.left_out[1]
    store.close()


def test_who_withdrew_does_not_come_back_with_the_file(tmp_path):
    shown = write(tmp_path / "gone", "category")
    store = Store(tmp_path / "labels.db")
    brought(store, shown, given(shown))
    rater = store.judgements("gone")["rater"][0]
    before = len(store.judgements("gone"))
    store.withdraw("gone", rater)
    account = brought(store, shown, given(shown))
    assert account.new == 0
    assert len(account.left_out) == before - len(store.judgements("gone")) == 3
    store.close()


def test_a_study_is_made_from_tasks_and_takes_only_pictures_of_its_folder(tmp_path):
    pictures = tmp_path / "pictures" / "deep"
    pictures.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        Image.fromarray(np.random.default_rng(len(name)).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(
            pictures / name
        )
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    tasks = [
        {"id": n, "data": {"image": f"s3://bucket/x/{name}"}, "annotations": []}
        for n, name in enumerate(("a.png", "b.png"))
    ]
    tasks[0]["annotations"] = [{"completed_by": 1, "result": [CHOICE | {"value": {"choices": ["cat"]}}]}]
    tasks[1]["annotations"] = [{"completed_by": 1, "result": [CHOICE | {"value": {"choices": ['do"g']}}]}]
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(tasks))
    study = make(tmp_path / "made", path, "label-studio", tmp_path / "pictures", Asked("category", "animal"))
    assert [answer.key for answer in study.answers] == ["cat", 'do"g']
    assert study.name == "made"
    path.write_text(json.dumps([{"data": {"image": str(secret)}}, {"data": {"image": "../secret.png"}}]))
    with pytest.raises(StudyError, match="0 times among the pictures"):
        make(tmp_path / "forged", path, "label-studio", tmp_path / "pictures", Asked("rating_5", "bright"))
    (tmp_path / "pictures" / "link.png").symlink_to(secret)
    path.write_text(json.dumps([{"data": {"image": "link.png"}}]))
    with pytest.raises(StudyError, match="0 times"):
        make(tmp_path / "forged", path, "label-studio", tmp_path / "pictures", Asked("rating_5", "bright"))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["made", "pictures", "secret.png", "tasks.json"]


def test_masks_of_a_coco_file_become_a_study_to_correct(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (60, 40)).save(tmp_path / "pictures" / "a.jpg")
    image = {"id": 5, "file_name": "train/a.jpg", "width": 60, "height": 40}
    shape = {"id": 1, "image_id": 5, "category_id": 1, "segmentation": [[10, 10, 29, 10, 29, 29, 10, 29]]}
    (tmp_path / "faces.json").write_text(json.dumps({"images": [image], "annotations": [shape], "categories": []}))
    study = make(
        tmp_path / "correct", tmp_path / "faces.json", "coco", tmp_path / "pictures", Asked("correct_mask", "face")
    )
    from workbench.labeling.study.reading import load_items

    (item,) = load_items(study)
    with Image.open(study.folder / item.pictures[1].file) as mask:
        assert mask.size == (60, 40)
        assert 0.9 < np.asarray(mask.convert("L")).sum() / 255 / 20**2 < 1.2
    assert item.pictures[1].source == "faces"


def test_a_mask_to_correct_that_is_broken_is_said_with_its_place(tmp_path):
    brush = {"type": "brushlabels", "value": {"rle": [1, 2]}, "original_width": 4, "original_height": 3}
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([{"id": 1, "data": {}, "predictions": [{"result": [brush]}]}]))
    with pytest.raises(StudyError, match=r"tasks\.json, task 1: a brush's rle breaks off"):
        make(tmp_path / "made", path, "label-studio", tmp_path, Asked("correct_mask", "face"))


def test_many_masks_of_one_photo_are_held_one_after_the_other(tmp_path):
    """A small file with a thousand runs of a large photo took 25 GB."""
    side, many = 2000, 20
    runs = {"size": [side, side], "counts": [side * side]}
    image = {"id": 1, "file_name": "1.png", "width": side, "height": side}
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (side, side)).save(tmp_path / "pictures" / "1.png")
    path = tmp_path / "coco.json"
    annotations = [{"image_id": 1, "segmentation": runs}] * many
    path.write_text(json.dumps({"images": [image], "annotations": annotations, "categories": []}))
    tracemalloc.start()
    make(tmp_path / "made", path, "coco", tmp_path / "pictures", Asked("correct_mask", "face"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < many / 2 * side * side


def test_the_command_line_makes_a_study_and_imports_into_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("WORKBENCH_OWNER_TOKEN", "a-token-that-is-long-enough")
    shown = write(tmp_path / "theirs", "category", items=2)
    shown_tasks = [
        {
            "id": n,
            "data": {"image": f"/data/upload/1/0a1b2c3d-{n}-0.png"},
            "annotations": [{"completed_by": 3, "result": [CHOICE]}],
        }
        for n in range(2)
    ]
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(shown_tasks))
    folder = str(tmp_path / "ours")
    words = ["label", "import", folder, str(path), "--format", "label-studio"]
    assert main(words) != 0
    assert "--pictures" in capsys.readouterr().err
    more = [
        "--pictures",
        str(shown.study.folder),
        "--task",
        "category",
        "--attribute",
        "hat",
        "--choices",
        "none",
        "cap",
    ]
    assert main([*words, *more]) == 0
    assert "2 answers by 1 new raters imported" in capsys.readouterr().out
    assert main(words) == 0
    assert "0 answers by 0 new raters imported, 2 were here already" in capsys.readouterr().out
    assert main(["label", "export", folder, "--format", "potato", "--out", str(tmp_path / "out.jsonl")]) == 0
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
