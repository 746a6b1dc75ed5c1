"""A study that is edited while it runs: answers keep their edition, an edited item is asked anew, the later of two
owners is told."""

import pytest

from tests.labeling.conftest import STUDY, draw, write_study
from tests.labeling.votes import SAME, answer_all
from workbench.errors import StudyError
from workbench.labeling.report.report import report
from workbench.labeling.serving.editing import edit, text_of
from workbench.labeling.statistics.analysis import analyse
from workbench.labeling.store.leases import Vote
from workbench.labeling.store.store import Store
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study


@pytest.fixture
def run(store, tmp_path):
    """A small study that one rater judged, and its folder."""
    folder = write_study(tmp_path / "study", items=3, gold=0, text=STUDY.replace("repeats = 1", "repeats = 0"))
    study = load_study(folder)
    store.add_study(study, load_items(study))
    answer_all(store, study, store.join(study))
    store.now.seconds += 60
    return folder, study


def swap(folder):
    """The list of items with another first picture of the first one."""
    draw(folder / "images/new.png", 99)
    return (folder / "items.csv").read_text().replace("images/0a.png", "images/new.png")


def test_an_edited_item_is_a_new_edition_and_what_was_answered_keeps_its_own(store, run):
    folder, study = run
    before = text_of(folder)
    new = edit(store, folder, before.toml, swap(folder), before.based_on, "ana")

    told = store.editions("pairs")
    assert list(told["number"]) == [1, 2]
    assert list(told["changed"])[1]["pair-000"][0][0] == "images/0a.png"
    items = store.items("pairs").set_index("item")
    assert list(items.loc[["pair-000", "pair-001"], "filled"]) == [0, 1]
    fresh = store.join(new)
    answer_all(store, new, fresh, Vote("different_3", 1500))
    table = store.judgements("pairs")
    assert len(table) == 6
    assert set(table[table["rater"] == fresh]["study_sha256"]) == {told["sha256"].iloc[1]}
    assert set(table[table["rater"] != fresh]["study_sha256"]) == {study.sha256}
    assert store.items("pairs").set_index("item").loc["pair-000", "filled"] == 1
    assert store.hold(new, table["rater"].iloc[0], 1) == [], "who met it is not asked again"


def test_an_answer_on_its_way_belongs_to_the_edition_it_was_shown_in_and_holds_no_place(store, run):
    folder, study = run
    rater = store.join(study)
    lease = next(one for one in store.hold(study, rater, 3) if one.item == "pair-000")
    store.now.seconds += 1
    before = text_of(folder)
    new = edit(store, folder, before.toml, swap(folder), before.based_on, "ana")
    assert store.record(new, lease, SAME).label["study_sha256"] == study.sha256
    assert store.items("pairs").set_index("item").loc["pair-000", "filled"] == 0


def test_a_changed_question_is_a_new_edition_whose_earlier_answers_still_count(store, run):
    folder, study = run
    before = text_of(folder)
    new = edit(store, folder, before.toml.replace("Compare them.", "Look long."), before.items, before.based_on, "ana")
    again = text_of(folder)
    back = edit(store, folder, before.toml, before.items, again.based_on, "ben")
    shas = list(store.editions("pairs")["sha256"])
    assert shas[:2] == [study.sha256, new.sha256]
    assert len(set(shas)) == 3, "what came back is an edition of its own"
    assert list(store.items("pairs")["filled"]) == [1, 1, 1]
    assert back.sha256 == study.sha256
    assert store.add_study(back, load_items(back)) == 0
    assert len(store.editions("pairs")) == 3, "a restart is none"


def test_the_later_of_two_owners_is_told_and_nothing_of_theirs_is_kept(store, run):
    folder, _ = run
    before = text_of(folder)
    edit(store, folder, before.toml.replace("Compare them.", "Look long."), before.items, before.based_on, "ana")
    with pytest.raises(StudyError, match=r"edited meanwhile, by ana at 20\d\d"):
        edit(store, folder, before.toml.replace("Compare them.", "Be quick."), before.items, before.based_on, "ben")
    assert "Look long." in (folder / "study.toml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "pairs"', 'name = "other"', "another study"),
        ("same_different", "similarity_5", "another study"),
        ("[blocks]", "[bloks]", "unknown key"),
        ('csv = "items.csv"', 'csv = "none.csv"', "none.csv"),
    ],
)
def test_an_edit_that_does_not_load_leaves_all_as_it_was(store, run, old, new, told):
    folder, _ = run
    before = text_of(folder)
    with pytest.raises(StudyError, match=told):
        edit(store, folder, before.toml.replace(old, new), before.items, before.based_on, "ana")
    with pytest.raises(StudyError):
        edit(store, folder, before.toml, before.items + "x,images/none.png,images/0b.png,,,,\n", before.based_on, "ana")
    assert text_of(folder) == before
    assert len(store.editions("pairs")) == 1


def test_an_edit_writes_over_no_other_file_of_the_study(store, run):
    folder, _ = run
    before = text_of(folder)
    (folder / "other.csv").write_text(before.items.replace("pair-002", "pair-009"))
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".edit.lock"}
    for place in ("images/0a.png", "study.toml", "other.csv"):
        toml = before.toml.replace("items.csv", place)
        for items in (before.items + "\n", before.items) if place != "other.csv" else (before.items + "\n",):
            with pytest.raises(StudyError):
                edit(store, folder, toml, items, before.based_on, "ana")
    assert all(path.read_bytes() == data for path, data in kept.items())
    new = edit(store, folder, before.toml.replace("items.csv", "other.csv"), before.items, before.based_on, "ana")
    assert "pair-009" in {item.id for item in load_items(new)}
    assert (folder / "items.csv").read_text() == before.items


def test_the_report_says_which_edition_answers_belong_to_and_leaves_old_pictures_out(store, run):
    folder, study = run
    before = text_of(folder)
    new = edit(store, folder, before.toml, swap(folder), before.based_on, "ana")
    answer_all(store, new, store.join(new), Vote("different_3", 1500))
    items, told = store.items("pairs"), store.editions("pairs")
    found = analyse(new, store.judgements("pairs"), items, rounds=20, editions=told)
    assert found.counts["judgements"] == 5
    assert found.editions[["number", "who", "what", "answers", "left_out"]].to_numpy().tolist() == [
        [1, "–", "–", 3, 1],
        [2, "ana", "pair-000", 3, 0],
    ]
    page = report(found).html
    assert "Editions" in page
    assert "Editions" not in report(analyse(study, store.judgements("pairs"), items, rounds=20)).html


def test_editions_outlive_the_database_beside_the_studys_file(store, run, tmp_path):
    folder, _ = run
    before = text_of(folder)
    new = edit(store, folder, before.toml, swap(folder), before.based_on, "ana")
    other = Store(tmp_path / "other.db", store.now)
    other.add_study(new, load_items(new))
    assert other.editions("pairs").equals(store.editions("pairs"))
    assert list(other.items("pairs").set_index("item").loc[["pair-000", "pair-001"], "edition"]) == [2, 1]
    other.add_study(new, load_items(new))
    assert len(other.editions("pairs")) == 2
    other.close()
    (folder / ".editions.json").write_text('[{"number": 1}]')
    with pytest.raises(StudyError, match="damaged"):
        Store(tmp_path / "third.db", store.now).add_study(new, load_items(new))
