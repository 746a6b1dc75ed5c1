"""A study file means what it says, or is refused with a sentence."""

import csv
import os
from dataclasses import replace

import numpy as np
import pytest

from tests.hub_double import HubDouble
from tests.labeling.conftest import STUDY, draw, write_study
from workbench.errors import StudyError
from workbench.labeling.study.items import fetch_hub_items, write_items
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import RATER_COLUMNS, load_study, parse_study
from workbench.labeling.study.tasktypes import ACTION_KEYS, TASK_TYPES, Answer, check_keys


def test_a_study_reads_with_its_items_hashed(study_folder):
    study = load_study(study_folder)
    items = load_items(study)
    assert (study.name, study.assigning.raters_per_item, len(items)) == ("pairs", 3, 16)
    assert all(len(picture.sha256) == 64 for item in items for picture in item.pictures)
    assert [item.gold for item in items if item.gold] == ["different", "same"] * 2


def test_confidence_collapses_to_minus_three_to_plus_three():
    values = [answer.value for answer in TASK_TYPES["same_different"].answers]
    assert values == [-3, -2, -1, 1, 2, 3]
    assert [answer.kind for answer in TASK_TYPES["same_different"].answers] == ["different"] * 3 + ["same"] * 3


@pytest.mark.parametrize("task", TASK_TYPES.values(), ids=lambda task: task.name)
def test_every_task_type_has_distinct_answers_and_keys(task):
    assert len({a.key for a in task.answers}) == len(task.answers)
    keys = [a.hotkey for a in task.buttons if a.hotkey]
    assert len(set(keys)) == len(keys)
    assert task.form or len(keys) == len(task.buttons), "only what is drawn or placed is sent by Enter"
    check_keys(task.buttons)
    assert task.open_choices or task.form or len(task.answers) >= 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("seed = 7", "sead = 7"), r"\[study\]: unknown key 'sead'. Did you mean 'seed'"),
        (("[blocks]", "[block]"), r"study file: unknown key 'block'. Did you mean 'blocks'"),
        (("gold = 2", "gold = 9"), "leave no room"),
        (("size = 10", "size = 0"), "from 1 to 500"),
        (("size = 10", "size = true"), "expected a number"),
        (("size = 10", "size = 2.5"), "leave no room|whole number"),
        (('task = "same_different"', 'task = "guess"'), "no task type 'guess'"),
        (('task = "same_different"', 'task = "rating_5"'), "attribute"),
        (('task = "same_different"', 'task = "category"\nattribute = "hair"'), "at least two"),
        (('name = "pairs"', 'name = "../pairs"'), "letters, digits"),
        (('text = "Your answers are kept."', 'text = ""'), "is empty"),
        (('version = "v1"', ""), "version: is required"),
        (('csv = "items.csv"', 'csv = "items.csv"\nfolder = "images"'), "exactly one of"),
        (('csv = "items.csv"', ""), "exactly one of"),
        (("[blocks]", '[crowd]\nreturn_url = "http://x.example/?cc={code}"\n[blocks]'), "https"),
        (("[blocks]", '[crowd.codes]\nfinished = "A"\n[blocks]'), "unknown outcome"),
        (("[blocks]", '[demographics]\nage = ["18-30"]\n[blocks]'), "two options"),
        (("[blocks]", "[blocks"), "not valid TOML"),
    ],
)
def test_a_wrong_study_file_is_refused_with_a_sentence(tmp_path, change, sentence):
    with pytest.raises(StudyError, match=sentence):
        parse_study(STUDY.replace(*change, 1), tmp_path)


def test_a_full_study_file_reads(tmp_path):
    extra = """
[crowd]
return_url = "https://crowd.example/submit?cc={code}"
pay = "2 EUR"
minutes = 10
parameters = { PROLIFIC_PID = "participant", STUDY_ID = "study" }
codes = { complete = "C1", failed_checks = "C2", no_consent = "C3" }
[demographics]
"Age group" = ["18-30", "31-50", "51+"]
[exclusion]
gold_accuracy = 0.7
"""
    study = parse_study(STUDY + extra, tmp_path)
    assert study.crowd.parameters["PROLIFIC_PID"] == "participant"
    assert study.demographics == {"Age group": ("18-30", "31-50", "51+")}
    assert study.exclusion.gold_accuracy == 0.7


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("x,images/none.png,images/0b.png,,,,", "not in its folder"),
        ("x,../outside.png,images/0b.png,,,,", "outside the study's folder"),
        ("x,/etc/passwd,images/0b.png,,,,", "outside the study's folder"),
        ("x,images/link.png,images/0b.png,,,,", "outside the study's folder"),
        ("x,items.csv,images/0b.png,,,,", "not a picture"),
        ("x,images/0a.png,,,,,", "expected 7 columns"),
        ("x,images/0a.png,images/0b.png,,maybe,,", "gold 'maybe' is no answer"),
        ("pair-001,images/0a.png,images/0b.png,,,,", "occurs once"),
        ("a/b,images/0a.png,images/0b.png,,,,", "expected an id"),
    ],
)
def test_a_wrong_item_is_refused_with_a_sentence(study_folder, row, sentence):
    draw(study_folder.parent / "outside.png", 1)
    (study_folder / "images/link.png").symlink_to(study_folder.parent / "outside.png")
    with (study_folder / "items.csv").open("a") as stream:
        stream.write(row + "\n")
    with pytest.raises(StudyError, match=sentence):
        load_items(load_study(study_folder))


@pytest.mark.parametrize(
    ("header", "sentence"),
    [("item,image_1", "missing image_2"), ("item,image_1,image_2,colour", "unknown column 'colour'")],
)
def test_a_wrong_header_is_refused(study_folder, header, sentence):
    (study_folder / "items.csv").write_text(header + "\n")
    with pytest.raises(StudyError, match=sentence):
        load_items(load_study(study_folder))


def test_a_csv_outside_the_folder_is_refused(study_folder):
    (study_folder.parent / "far.csv").write_text("image_1,image_2\n")
    text = (study_folder / "study.toml").read_text().replace("items.csv", "../far.csv")
    with pytest.raises(StudyError, match="outside the study's folder"):
        load_items(parse_study(text, study_folder))


def test_a_picture_that_changed_since_it_was_listed_is_refused(study_folder):
    items = load_items(load_study(study_folder))
    write_items(items, study_folder / "items.csv")
    assert load_items(load_study(study_folder)) == items
    draw(study_folder / "images/3a.png", 999)
    with pytest.raises(StudyError, match=r"images/3a\.png: its sha256"):
        load_items(load_study(study_folder))


def test_a_folder_makes_one_item_per_picture(tmp_path):
    for n in range(3):
        draw(tmp_path / f"faces/g{n % 2}/{n}.png", n)
    text = STUDY.replace("same_different", 'rating_5"\nattribute = "happy').replace(
        'csv = "items.csv"', 'folder = "faces"'
    )
    items = load_items(parse_study(text, tmp_path))
    assert sorted((item.pictures[0].file, item.group) for item in items) == [
        ("faces/g0/0.png", "g0"),
        ("faces/g0/2.png", "g0"),
        ("faces/g1/1.png", "g1"),
    ]
    with pytest.raises(StudyError, match="shows 2 pictures"):
        load_items(parse_study(STUDY.replace('csv = "items.csv"', 'folder = "faces"'), tmp_path))


def test_instructions_are_kept_as_text_even_with_markup(tmp_path):
    text = STUDY.replace("Compare them.", "<script>alert(1)</script>")
    assert parse_study(text, tmp_path).instructions == "<script>alert(1)</script>"


def test_gold_accepts_keys_kinds_and_alternatives(study_folder):
    study = load_study(study_folder)
    assert study.is_correct("same_1", "same")
    assert study.is_correct("same_1", "same_1|same_2")
    assert not study.is_correct("different_1", "same")
    assert not study.is_correct("nonsense", "same")


def test_pictures_get_ids_that_tell_nothing(study_folder):
    picture = load_items(load_study(study_folder))[0].pictures[0]
    assert picture.id == picture.sha256[:16]
    assert np.all([c in "0123456789abcdef" for c in picture.id])


def test_items_come_from_a_data_set_on_the_hub(tmp_path):
    with HubDouble() as double:
        write_study(tmp_path / "source", items=3, gold=0)
        files = {
            p.relative_to(tmp_path / "source").as_posix(): p.read_bytes()
            for p in (tmp_path / "source").rglob("*")
            if p.is_file()
        }
        commit = double.put("dataset", "tester/pairs", files | {"secret.py": b"print()"})
        text = STUDY.replace('csv = "items.csv"', f'csv = "items.csv"\nhub = "tester/pairs@{commit}"')
        study = parse_study(text, tmp_path / "study")
        with pytest.raises(StudyError, match="label init"):
            load_items(study)
        folder = fetch_hub_items(study, "hf_test", double.address)
        items = load_items(study)
        assert [item.id for item in items] == ["pair-000", "pair-001", "pair-002"]
        assert not (folder / "secret.py").exists()
        with pytest.raises(StudyError, match="could not be fetched"):
            fetch_hub_items(
                parse_study(text.replace("tester/pairs", "tester/none"), tmp_path / "study"), "hf_test", double.address
            )


def test_a_download_that_ends_without_a_word_is_told_by_its_kind(tmp_path, monkeypatch):
    import huggingface_hub

    def silent(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(huggingface_hub.HfApi, "snapshot_download", silent)
    study = parse_study(STUDY.replace('csv = "items.csv"', 'csv = "items.csv"\nhub = "someone/pairs@0"'), tmp_path)
    with pytest.raises(StudyError, match="could not be fetched: TimeoutError"):
        fetch_hub_items(study)


@pytest.mark.parametrize("count", range(2, 17))
def test_no_key_of_an_answer_is_the_key_of_an_action(tmp_path, count):
    """With eleven choices key b meant "picture broken", and the next answer was void."""
    choices = ", ".join(f'"c{n}"' for n in range(count))
    text = STUDY.replace("same_different", f'category"\nattribute = "kind"\nchoices = [{choices}]\nlicense = "x')
    answers = parse_study(text, tmp_path).answers
    keys = [answer.hotkey for answer in answers]
    assert len(set(keys)) == count
    assert not set(keys) & set(ACTION_KEYS.values())
    assert all(len(key) == 1 for key in keys)


@pytest.mark.parametrize("task", TASK_TYPES.values(), ids=lambda task: task.name)
def test_no_task_of_ours_has_an_action_s_key(task):
    check_keys(task.answers)


@pytest.mark.parametrize(("key", "sentence"), [("b", "action 'broken'"), ("z", "action 'undo'"), ("1", "answer 'one'")])
def test_answers_whose_keys_collide_are_refused_by_name(key, sentence):
    with pytest.raises(StudyError, match=sentence):
        check_keys((Answer("one", "One", hotkey="1"), Answer("two", "Two", hotkey=key)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('csv = "items.csv"', 'identities = "people"\nhard = 0.5'), "a study file cannot ask"),
        (('csv = "items.csv"', 'csv = "items.csv"\nhard = 0.5'), "a study file cannot ask"),
        (('csv = "items.csv"', 'csv = "items.csv"\nsame = 50'), "only `identities` builds pairs"),
        (("seed = 7", 'seed = 7\nattribute = "kind"'), "would ignore it"),
        (("[blocks]", '[crowd.codes]\ncomplete = "A"\n[blocks]'), "return_url"),
        *((("[blocks]", f'[demographics]\n"{name}" = ["a", "b"]\n[blocks]'), "has a column of this name")
          for name in (*RATER_COLUMNS, "State", " rater ")),
    ],
)  # fmt: skip
def test_what_would_be_ignored_or_overwrite_something_is_refused(tmp_path, change, sentence):
    with pytest.raises(StudyError, match=sentence):
        parse_study(STUDY.replace(*change, 1), tmp_path)


def test_hard_zero_means_none_and_is_taken(tmp_path):
    text = STUDY.replace('csv = "items.csv"', 'identities = "people"\nsame = 5\ndifferent = 4\nhard = 0')
    assert (parse_study(text, tmp_path).source.same, parse_study(text, tmp_path).source.different) == (5, 4)


def test_cells_that_a_spreadsheet_would_run_are_marked_and_read_back(tmp_path):
    folder = write_study(tmp_path / "study", items=2, gold=0)
    first, second = load_items(load_study(folder))
    items = [replace(first, group="=1+1", truth="@x"), replace(second, group="'quoted", conflict=("-1", "b"))]
    write_items(items, folder / "items.csv")
    cells = [cell for row in csv.reader((folder / "items.csv").open(newline="")) for cell in row]
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell]
    assert load_items(load_study(folder)) == items


def test_a_folder_whose_name_is_not_utf_8_is_one_sentence(tmp_path):
    folder = os.fsencode(tmp_path) + b"/faces/g\xff"
    os.makedirs(folder)
    draw(tmp_path / "a.png", 1)
    os.rename(tmp_path / "a.png", folder + b"/a.png")
    text = STUDY.replace("same_different", 'rating_5"\nattribute = "happy').replace(
        'csv = "items.csv"', 'folder = "faces"'
    )
    with pytest.raises(StudyError, match=r"udcff.*not UTF-8; rename"):
        load_items(parse_study(text, tmp_path))
