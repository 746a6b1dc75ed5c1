"""Likeness of pictures made anywhere: which reference is whose, who is nearer to somebody else, what changed, and what
the files say."""

import csv
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from workbench import images
from workbench.cli import main
from workbench.errors import BadRequest
from workbench.generation import likeness, likeness_tables, marking
from workbench.generation.likeness_cases import read_cases
from workbench.generation.likeness_changes import changes
from workbench.generation.likeness_page import page
from workbench.generation.repose import repose
from workbench.generation.repose_moves import Edit

TWO = ("sface", "dlib")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut, stranger, astronaut_face):
    """Two people and two tools: one re-poses, the other draws somebody else for the first person and no face at all."""
    root = tmp_path_factory.mktemp("likeness")
    other = stranger
    for name in ("references", "moved", "swapped"):
        (root / name).mkdir()
    write = lambda path, image: (root / path).write_bytes(images.encode_png(image))  # noqa: E731
    write("references/ann.png", astronaut)
    write("references/bea.png", other)
    moved = repose(astronaut, astronaut_face, Edit(yaw=8, smile=0.5)).image
    (root / "moved/ann-1.png").write_bytes(marking.png(moved, marking.edited("yaw +8")))
    write("moved/bea_1.png", np.clip(other.astype(int) + 12, 0, 255).astype(np.uint8))
    (root / "swapped/ann-1.png").write_bytes(marking.png(other, marking.drawn("m", 1)))
    write("swapped/bea.png", np.full((64, 64, 3), 90, np.uint8))
    write("swapped/nobody.png", other)
    return root


@pytest.fixture(scope="module")
def ratings(folder, bench):
    return likeness.rate(
        read_cases([folder]), bench.finder(), {name: bench.recogniser(name) for name in TWO}, bench.settings
    )


def test_a_picture_belongs_to_the_reference_its_name_begins_with(folder):
    cases = read_cases([folder])
    assert [(case.tool, case.person, case.name) for case in cases.cases] == [
        ("moved", "ann", "moved/ann-1.png"),
        ("moved", "bea", "moved/bea_1.png"),
        ("swapped", "ann", "swapped/ann-1.png"),
        ("swapped", "bea", "swapped/bea.png"),
    ]
    assert cases.left_out == ("swapped/nobody.png",)


def test_a_folder_may_be_a_person_and_a_table_may_say_it_all(tmp_path, astronaut):
    (tmp_path / "anna").mkdir()
    (tmp_path / "ref").mkdir()
    for name in ("anna/1.png", "ref/anna.png", "ref/annabel.png"):
        (tmp_path / name).write_bytes(images.encode_png(astronaut[:8, :8]))
    (case,) = read_cases([tmp_path / "anna"], tmp_path / "ref" / "annabel.png").cases
    assert case.person == "annabel"
    assert [case.person for case in read_cases([tmp_path], tmp_path / "ref").cases] == ["anna"]
    (tmp_path / "pairs.csv").write_text("picture,reference,tool\nanna/1.png,ref/annabel.png,mine\n")
    (case,) = read_cases([tmp_path]).cases
    assert (case.person, case.tool, case.picture.name) == ("annabel", "mine", "1.png")


@pytest.mark.parametrize("name", ["../secret.png", "missing.png", ""])
def test_a_table_reaches_no_file_outside_its_folder(tmp_path, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    (tmp_path / "in" / "pairs.csv").write_text(f"picture,reference\n{name},{name}\n")
    with pytest.raises(BadRequest, match="line 2"):
        read_cases([tmp_path / "in"])


def test_pictures_without_any_reference_are_refused_in_words(tmp_path):
    with pytest.raises(BadRequest, match="references"):
        read_cases([tmp_path])


def test_each_picture_is_told_apart(ratings):
    moved, compressed, swapped, empty = ratings.rated
    assert all(moved.same.values())
    assert not moved.lost
    assert compressed.nearest == "bea"
    assert compressed.alike["sface"] > 0.9
    assert swapped.lost
    assert swapped.nearest == "bea"
    assert not any(swapped.same.values())
    assert not empty.face
    assert empty.row()["more like another"] is None


def test_marks_of_the_files_stand_in_the_table(ratings):
    assert [row.marks.verdict for row in ratings.rated] == ["edited", "", "generated", ""]


def test_the_parts_that_were_moved_are_named(ratings):
    moved, compressed = ratings.rated[:2]
    assert max(moved.changed, key=lambda part: moved.changed[part].moved) in ("lips", "eyes", "outline")
    assert all(moved.changed[part].moved > compressed.changed[part].moved for part in ("lips", "outline"))


def test_colour_alone_moves_nothing(astronaut, astronaut_face):
    redder = np.clip(astronaut.astype(int) + np.array([40, 0, 0]), 0, 255).astype(np.uint8)
    found = changes(astronaut, astronaut_face, redder, astronaut_face)
    assert all(change.moved < 1e-6 and change.colour > 5 for change in found.values())


def test_the_best_of_each_person_come_first(ratings):
    assert [row.case.name for row in likeness.best(ratings, 1)] == [
        "moved/ann-1.png",
        "moved/bea_1.png",
        "swapped/ann-1.png",
        "swapped/bea.png",
    ]


def test_two_tools_are_compared_on_the_people_they_share(ratings):
    gaps = likeness.against(ratings, "moved", "swapped")
    assert gaps["sface: likeness"].value > 0.3
    assert gaps["with a face"].value == 0.5
    with pytest.raises(BadRequest, match="in common"):
        likeness.against(ratings, "moved", "nothing")


def test_the_page_holds_every_picture_and_no_markup_of_names(ratings, settings):
    told = page(ratings, settings)
    assert told.count("<img ") == 4
    assert "moved minus swapped" in told
    assert "⚠" in told
    figures = json.dumps(likeness_tables.figures(ratings))
    assert "NaN" not in figures
    assert likeness_tables.table(ratings).count(b"\n") == 5


def test_a_comma_in_a_pictures_name_shifts_no_column(ratings):
    first = ratings.rated[0]
    odd = replace(first, case=replace(first.case, name='moved/ann, "smiling" \udce9.png'))
    (row,) = csv.DictReader(likeness_tables.table(replace(ratings, rated=(odd,))).decode().splitlines())
    assert row["picture"] == 'moved/ann, "smiling" \\udce9.png'
    assert row["person"] == first.case.person
    assert None not in row


def test_the_command_writes_report_table_and_the_best(folder, tmp_path, bench, monkeypatch, capsys):
    monkeypatch.setattr("workbench.bench.Workbench", lambda settings: bench)
    monkeypatch.setenv("WORKBENCH_CACHE", str(bench.settings.cache))
    words = ["likeness", str(folder / "moved"), str(folder / "swapped"), "--references", str(folder / "references")]
    assert main([*words, "--out", str(tmp_path / "out"), "--model", "sface", "--best", "1"]) == 0
    said = capsys.readouterr().out
    assert "moved:" in said
    assert "1 pictures have no reference" in said
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "report.html", "ratings.csv", "figures.json", "best",
    }  # fmt: skip
    assert len(list((tmp_path / "out" / "best").iterdir())) == 4
    assert main([*words, "--out", str(tmp_path / "out")]) == 2


def test_names_that_are_not_utf8_break_no_page_and_no_table(tmp_path, folder, bench):
    odd = os.fsdecode(b"caf\xe9")
    try:
        (tmp_path / f"{odd}-tool").mkdir()
        (tmp_path / "references").mkdir()
        shutil.copyfile(folder / "references/ann.png", tmp_path / f"references/{odd}.png")
        shutil.copyfile(folder / "moved/ann-1.png", tmp_path / f"{odd}-tool/{odd}-1.png")
        (tmp_path / f"references/empty-{odd}.png").write_bytes(b"no picture")
        shutil.copyfile(folder / "moved/ann-1.png", tmp_path / f"{odd}-tool/empty-{odd}.png")
    except OSError:
        pytest.skip("this file system takes no such names")
    ratings = likeness.rate(
        read_cases([tmp_path]), bench.finder(), {"sface": bench.recogniser("sface")}, bench.settings
    )
    assert ratings.people == ("caf\\xe9",)
    for told in (page(ratings, bench.settings), json.dumps(likeness_tables.figures(ratings)), *ratings.notes):
        assert "caf\\" in told
        told.encode()
    assert "caf\\xe9-tool/caf\\xe9-1.png" in likeness_tables.table(ratings).decode()
