"""Folders are recognised by their layout, truth is read as it is meant, and what is amiss is said."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation import folders
from workbench.errors import BadImage, BadRequest
from workbench.evaluation.layouts import read_mask, read_truth
from workbench.evaluation.truth import IGNORED, read_groups
from workbench.parts import INDEX

GREY = np.full((64, 64, 3), 128, np.uint8)


@pytest.mark.parametrize("palette", [True, False])
def test_masks_of_the_same_name_belong_to_photos(tmp_path: Path, palette: bool) -> None:
    folders.photo(tmp_path / "images" / "a" / "7.jpg", GREY)
    folders.photo(tmp_path / "images" / "8.jpg", GREY)
    folders.mask(tmp_path / "masks" / "a" / "7.png", folders.face(), palette)
    folders.mask(tmp_path / "masks" / "9.png", folders.face(), palette)

    truth = read_truth(tmp_path)

    assert [case.id for case in truth.cases] == ["images/a/7.jpg"]
    assert truth.notes == ("1 photos have no truth and are left out.", "1 entries of the truth have no photo.")
    assert np.array_equal(read_mask(truth.cases[0], truth.parts), folders.face())


def test_one_file_per_part_as_celebamask_hq_ships_them(tmp_path: Path) -> None:
    folders.photo(tmp_path / "CelebA-HQ-img" / "7.jpg", GREY)
    labels = folders.face()
    for word, part in (("skin", "skin"), ("hair", "hair"), ("l_eye", "image_right_eye"), ("r_eye", "image_left_eye")):
        path = tmp_path / "CelebAMask-HQ-mask-anno" / "0" / f"00007_{word}.png"
        folders.mask(path, ((labels == INDEX[part]) * 255).astype(np.uint8), palette=False)

    truth = read_truth(tmp_path)

    assert truth.layout.startswith("CelebAMask-HQ")
    assert np.array_equal(read_mask(truth.cases[0], truth.parts), labels), "the person's left lies on the image's right"


def test_names_say_what_indices_mean_and_unknown_ones_do_not_count(tmp_path: Path) -> None:
    folders.photo(tmp_path / "images" / "a.jpg", GREY)
    values = np.zeros((64, 64), np.uint8)
    values[:10], values[10:20], values[20:30] = 1, 2, 3
    folders.mask(tmp_path / "masks" / "a.png", values)
    (tmp_path / "names.json").write_text(json.dumps({"0": "background", "1": "hair", "2": "beard", "3": "l_eye"}))

    found = read_mask((truth := read_truth(tmp_path)).cases[0], truth.parts)

    assert set(found[:10].ravel()) == {INDEX["hair"]}
    assert set(found[10:20].ravel()) == {IGNORED}
    assert set(found[20:30].ravel()) == {INDEX["image_right_eye"]}


def test_a_side_that_could_be_anybodys_is_asked_for(tmp_path: Path) -> None:
    folders.photo(tmp_path / "images" / "a.jpg", GREY)
    folders.mask(tmp_path / "masks" / "a.png", folders.face())
    (tmp_path / "names.json").write_text('["background", "left_eye"]')

    with pytest.raises(BadRequest, match="whose side is it"):
        read_truth(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: folders.mask(path, np.full((64, 64), 40, np.uint8)), "index 40 has no name"),
        (lambda path: folders.photo(path, GREY), "colour picture"),
        (lambda path: path.write_bytes(b"no picture"), "no mask that can be read"),
        (lambda path: folders.mask(path, np.full((64, 64), 255, np.uint8) * (folders.face() > 1)), "only 0 and 255"),
    ],
)
def test_what_is_no_mask_is_said(tmp_path: Path, spoil, words: str) -> None:
    folders.photo(tmp_path / "images" / "a.jpg", GREY)
    (tmp_path / "masks").mkdir()
    spoil(tmp_path / "masks" / "a.png")
    truth = read_truth(tmp_path)

    with pytest.raises(BadImage, match=words):
        read_mask(truth.cases[0], truth.parts)


def test_labels_come_from_a_table_with_groups_and_people(tmp_path: Path) -> None:
    for name in ("Ann_Lee_0001.jpg", "b.jpg", "c.jpg"):
        folders.photo(tmp_path / "images" / name, GREY)
    rows = [("Ann_Lee_0001.jpg", "Happiness", "60+"), ("b.jpg", "sad|anger", ""), ("gone.jpg", "sad", "")]
    folders.table(tmp_path / "labels.csv", ("file", "label", "age"), rows)

    truth = read_truth(tmp_path)

    (case,) = truth.cases
    assert (case.label, case.person, dict(case.groups)) == ("happy", "Ann_Lee", {"age": "60+"})
    assert len(truth.notes) == 2


def test_folders_named_after_expressions(tmp_path: Path) -> None:
    folders.photo(tmp_path / "Happy" / "a.jpg", GREY)
    folders.photo(tmp_path / "angry" / "b.jpg", GREY)

    assert {case.id: case.label for case in read_truth(tmp_path).cases} == {
        "Happy/a.jpg": "happy",
        "angry/b.jpg": "anger",
    }


def test_raf_db_counts_from_one(tmp_path: Path) -> None:
    folders.photo(tmp_path / "aligned" / "train_1_aligned.jpg", GREY)
    (tmp_path / "list_patition_label.txt").write_text("train_1.jpg 4\nnonsense\ntrain_2.jpg 9\n")

    assert [case.label for case in read_truth(tmp_path).cases] == ["happy"]


def test_pairs_of_both_kinds_of_list(tmp_path: Path) -> None:
    for name, number in (("Ann", 1), ("Ann", 2), ("Bob", 1)):
        folders.photo(tmp_path / "images" / name / f"{name}_{number:04d}.jpg", GREY)
    (tmp_path / "pairs.txt").write_text("10\t300\nAnn\t1\t2\nAnn\t1\tBob\t1\nAnn\t1\tEve\t1\n")

    truth = read_truth(tmp_path)

    assert [(pair.same, Path(pair.second).name) for pair in truth.pairs] == [
        (True, "Ann_0002.jpg"),
        (False, "Bob_0001.jpg"),
    ]
    assert truth.notes == ("1 pairs name photos that are not here.",)
    folders.table(
        tmp_path / "pairs.csv", ("file_a", "file_b", "same"), [("Ann/Ann_0001.jpg", "Bob/Bob_0001.jpg", "maybe")]
    )
    with pytest.raises(BadRequest, match="line 2: same"):
        read_truth(tmp_path)


def test_a_table_cannot_reach_out_of_its_folder(tmp_path: Path) -> None:
    folders.photo(tmp_path / "secret.jpg", GREY)
    inside = tmp_path / "inside"
    folders.photo(inside / "images" / "a.jpg", GREY)
    (inside / "images" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    rows = [("../secret.jpg", "sad"), (str(tmp_path / "secret.jpg"), "sad"), ("link.jpg", "sad"), ("a.jpg", "sad")]
    folders.table(inside / "labels.csv", ("file", "label"), rows)

    assert [case.id for case in read_truth(inside).cases] == ["images/a.jpg"]


def test_a_folder_without_truth_names_the_layouts(tmp_path: Path) -> None:
    folders.photo(tmp_path / "a.jpg", GREY)

    with pytest.raises(BadRequest, match=r"no truth that is recognised.*pairs\.csv"):
        read_truth(tmp_path)


def test_groups_are_joined_by_path_or_by_a_name_that_is_there_once(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "b/1.jpg", "b/2.jpg"):
        folders.photo(tmp_path / "images" / name, GREY)
        folders.mask(tmp_path / "masks" / name.replace("jpg", "png"), folders.face())
    path = folders.table(
        tmp_path / "g.csv", ("file", "light"), [("1.jpg", "dim"), ("2.jpg", "dim"), ("images/a/1.jpg", "bright")]
    )

    cases, notes = read_groups(path, read_truth(tmp_path).cases)

    assert [case.groups.get("light") for case in cases] == ["bright", None, "dim"]
    assert notes == ("g.csv: 1 rows name no photo of this folder.", "g.csv: 1 photos are in no group.")


def test_short_rows_and_names_no_disk_allows_name_no_photo(tmp_path: Path) -> None:
    folders.photo(tmp_path / "images" / "a.jpg", GREY)
    long = "x" * 5000
    (tmp_path / "labels.csv").write_text(f"file,label,light\na.jpg,sad\n{long}.jpg,sad,dim\n\n\tb\n")
    (tmp_path / "groups.csv").write_text("light,file\ndim\nbright,a.jpg\n")

    truth = read_truth(tmp_path)
    cases, notes = read_groups(tmp_path / "groups.csv", truth.cases)

    assert [(case.id, dict(case.groups)) for case in cases] == [("images/a.jpg", {"light": "bright"})]
    assert notes == ("groups.csv: 1 rows name no photo of this folder.",)
    (tmp_path / "pairs.csv").write_text("file_a,file_b,same\na.jpg,a.jpg\n")
    with pytest.raises(BadRequest, match="line 2: same"):
        read_truth(tmp_path, "pairs")
