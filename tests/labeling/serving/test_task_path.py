"""Every kind of question, from the desk through an export and back into a report."""

import numpy as np
import pytest

from tests.labeling.conftest import STUDY, write_study
from tests.labeling.desks import agree, open_desk, vote
from workbench.labeling.hub.formats import from_file, to_file
from workbench.labeling.report.layers import layers_of
from workbench.labeling.report.report import pictures_of, report
from workbench.labeling.statistics.analysis import analyse
from workbench.labeling.study import details


def test_choices_of_pictures_are_named_by_picture_not_by_place(study_folder, tmp_path, clock):
    text = (
        STUDY.replace("same_different", "triplet")
        .replace('csv = "items.csv"', 'csv = "three.csv"')
        .replace("gold = 2", "gold = 0")
    )
    lines = ["image_1,image_2,image_3"] + [f"images/{n}a.png,images/{n}b.png,images/{n + 1}a.png" for n in range(12)]
    (study_folder / "three.csv").write_text("\n".join(lines))
    desk = open_desk(study_folder, tmp_path / "t.db", clock, tmp_path / "hub", text=text)
    rater, orders = agree(desk), set()
    for _ in range(12):
        item = desk.sync({"rater": rater, "want": 1})["items"][0]
        orders.add(tuple(item["keys"]))
        row = desk.store.hold(desk.study, desk.sealer.open("rater", rater)["rater"], 1)[0]
        pictures = desk._pictures[row.item]
        for key, shown in zip(item["keys"], item["images"][1:], strict=True):
            picture = pictures[int(key[-1]) - 1]
            assert shown == desk._shelf.address(picture.file, picture.sha256)
        assert item["images"][0] == desk._shelf.address(pictures[0].file, pictures[0].sha256), "the reference stays"
        desk.sync({"rater": rater, "votes": [vote(item, "image_3")]})
    assert orders == {("image_2", "image_3"), ("image_3", "image_2")}
    desk.store.close()


@pytest.mark.parametrize(
    ("task", "images", "answer"),
    [
        ("better_of_two", 2, "tie"),
        ("better_with_original", 3, "image_3"),
        ("more_of_two", 2, "image_1"),
        ("best_worst", 4, "image_4>image_2"),
    ],
)
def test_tasks_that_compare_are_judged_exported_and_read_back_into_a_report(tmp_path, clock, task, images, answer):
    folder = write_study(tmp_path / "study")
    columns = [f"image_{n + 1}" for n in range(images)] + [f"source_{n + 1}" for n in range(images)]
    names = [[f"images/{(4 * k + n) // 2}{'ab'[n % 2]}.png" for n in range(images)] for k in range(4)]
    made = [",".join([*row, *("ABCD"[:images])]) for row in names]
    (folder / "items.csv").write_text("\n".join([",".join(columns), *made]) + "\n")
    text = (
        STUDY.replace("gold = 2", "gold = 0")
        .replace("repeats = 1", "repeats = 0")
        .replace('task = "same_different"', f'task = "{task}"\nattribute = "clear"')
    )
    desk = open_desk(folder, tmp_path / "labels.db", clock, tmp_path / "hub", text)
    shown = []
    for _ in range(3):
        rater = agree(desk)
        found = desk.sync({"rater": rater, "want": 1})
        while found["items"]:
            shown.append(found["items"][0])
            clock.seconds += 3
            found = desk.sync({"rater": rater, "votes": [vote(found["items"][0], answer)], "want": 1})
    assert len(shown) == 12
    assert all(len(item["images"]) == images for item in shown)
    assert not {"source", "sources"} & {key for item in shown for key in item}, "no rater is told what made a picture"
    refused = desk.sync({"rater": rater, "votes": [vote(shown[0], "image_1>image_1")]})["votes"][0]
    assert refused["state"] == "refused"
    table = from_file(to_file(desk.store.judgements("pairs"), "parquet"), "parquet")
    found = analyse(desk.study, table, desk.store.items("pairs"), rounds=20)
    ranking = found.ranking
    assert ranking.judgements == 12
    assert ranking.table.iloc[0]["candidate"] == {"tie": "A", "image_3": "C", "image_1": "A"}.get(answer, "D")
    if answer == "tie":
        assert ranking.ties.value == 1
        page = report(found)
        assert "Preference" in page.html
        assert "ranking" in page.tables
    desk.store.close()


def drawn(name, side, x):
    mask = np.zeros((side, side), bool)
    mask[2:9, x : x + 9] = True
    return details.drawing(name, mask)


FORMS = {
    "real_of_two": (2, "", ["image_1", "image_2", "image_1"], ""),
    "expression": (1, "", ["happy#4,3,1", "happy#3,2,-1", "neutral#0,0,0"], "happy"),
    "action_units": (1, "", ["coded#6,12", "coded#12", "none"], "coded"),
    "points": (1, 'choices = ["nose"]', ["placed#5000,5000", "placed#5100,4900", "placed#-"], "placed#5000"),
    "correct_mask": (
        2,
        'attribute = "hair"',
        [drawn("corrected", 24, 3), drawn("corrected", 24, 5), "fine"],
        "fine#2x2:4",
    ),
    "attention": (1, 'attribute = "who is it?"', [drawn("drawn", 24, n) for n in (3, 4, 5)], "drawn#24x24:576"),
}
"""Task → pictures, further lines of the study, what three raters answer, and an answer that is refused."""


@pytest.mark.parametrize("task", FORMS)
def test_answers_that_say_more_are_kept_whole_exported_read_back_and_reported(tmp_path, clock, task):
    images, more, answers, refused = FORMS[task]
    folder = write_study(tmp_path / "study")
    shown = 2 if task == "attention" else images
    names = [",".join([*(f"images/{k}{'ab'[n]}.png" for n in range(shown)), "image_1", "Maker"]) for k in range(4)]
    header = ",".join([*(f"image_{n + 1}" for n in range(shown)), "truth", f"source_{shown}"])
    (folder / "items.csv").write_text("\n".join([header, *names]) + "\n")
    text = STUDY.replace("gold = 2", "gold = 0").replace("repeats = 1", "repeats = 0")
    desk = open_desk(
        folder,
        tmp_path / "l.db",
        clock,
        tmp_path / "hub",
        text.replace('task = "same_different"', f'task = "{task}"\n{more}'),
    )
    for answer in answers:
        rater = agree(desk)
        found = desk.sync({"rater": rater, "want": 1})
        while found["items"]:
            assert len(found["items"][0]["images"]) == images, "the map stays here"
            wrong = desk.sync({"rater": rater, "votes": [vote(found["items"][0], refused)]})["votes"][0]
            assert wrong["state"] == "refused"
            assert "answer: " in wrong["message"]
            clock.seconds += 3
            sent = vote(found["items"][0], answer)
            found = desk.sync({"rater": rater, "votes": [sent], "want": 1})
            assert found["votes"][0]["state"] == "recorded"
    table = desk.store.judgements("pairs")
    for kind in ("parquet", "csv", "jsonl"):
        assert from_file(to_file(table, kind), kind)["answer"].tolist() == table["answer"].tolist()
    items = desk.store.items("pairs")
    read = from_file(to_file(table, "csv"), "csv")
    found = analyse(desk.study, read, items, rounds=20, layer=layers_of(desk.study, items))
    assert not found.excluded, "who gives one class of drawing only has not been lazy"
    page = report(found, pictures_of(desk.study, items))
    if task == "real_of_two":
        assert page.tables["fooled"]["answers"].tolist()[0] == 12
        assert "Taken for real" in page.html
    else:
        assert len(page.tables["items"]) == 4
        assert page.tables["measures"]["value"].notna().any()
    assert ("data:image" in page.html) == (task in ("correct_mask", "attention"))
    desk.store.close()
