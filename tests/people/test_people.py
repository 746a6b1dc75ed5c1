"""A folder's faces become people; copies, strangers in a folder and a searched face are found; a person's corrections
are taken, and nothing outside the folder is named or written."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.people import builders
from workbench.cli import main
from workbench.errors import BadRequest
from workbench.metrics.clustering import bcubed
from workbench.people import export, naming
from workbench.people.faces import Faces, from_rows, names, nearest
from workbench.people.grouping import METHODS, Way, group, in_order, structure
from workbench.people.looking import doubts, duplicates, search
from workbench.people.run import sort, write
from workbench.thresholds import Metric


@pytest.mark.parametrize("method", METHODS)
def test_every_way_finds_people_that_lie_apart_and_leaves_strangers_alone(method: str) -> None:
    faces = builders.drawn([6, 4, 3, 2, 1, 1, 1])

    found = group(faces, Way(method))

    assert bcubed(found.tolist(), [photo[:3] for photo in faces.photos]).f > 0.95
    assert found[:6].tolist() == [0] * 6
    assert found[-3:].tolist() == [-1] * 3


def test_a_group_cannot_hold_people_who_are_far_apart_however_few_there_are() -> None:
    """HDBSCAN puts what is densest together; two strangers among nobody else are the densest there is."""
    faces = builders.drawn([1, 1, 1, 1])

    assert group(faces, Way("density")).tolist() == [-1] * 4


def test_groups_come_largest_first_and_small_ones_are_dissolved() -> None:
    assert in_order(np.array([3, 1, 1, 3, 1, 7]), 2).tolist() == [1, 0, 0, 1, 0, -1]
    assert in_order(np.array([3, 1, 1, 3, 1, 7]), 3).tolist() == [-1, 0, 0, -1, 0, -1]


def test_the_nearest_faces_equal_those_of_all_distances_and_a_copy_comes_after_itself() -> None:
    points = builders.drawn([40, 20]).places
    points[5] = points[7]

    order, far = nearest(points, 6)

    apart = np.linalg.norm(points[:, None] - points, axis=2)
    assert np.allclose(far, np.sort(apart, axis=1)[:, :6], atol=2e-3)
    assert order[:, 0].tolist() == list(range(60))


def test_structure_distances_equal_the_published_formula_written_out() -> None:
    """Wang et al. 2022, equations 2 to 4, as sets: R, the half-sized R that lie in it by two thirds, Jaccard."""
    points, k = builders.drawn([9, 7, 5, 1]).places, 8
    order, apart, far = structure(points, k)
    near = [set(row[:k]) for row in order.tolist()]
    half = [set(row[: k // 2]) for row in order.tolist()]
    mutual = [{j for j in near[i] if i in near[j]} for i in range(len(points))]
    small = [{j for j in half[i] if i in half[j]} for i in range(len(points))]
    wide = [set.union(own, *(small[j] for j in own if len(small[j] & own) >= 2 / 3 * len(small[j]))) for own in mutual]

    for i, j, measured, distance in zip(
        *(np.ravel(v) for v in (np.repeat(range(22), k), order, apart, far)), strict=True
    ):
        jaccard = 1 - len(wide[i] & wide[j]) / len(wide[i] | wide[j])
        cosine = 1 - float(points[i] @ points[j])
        assert measured == pytest.approx(0.7 * jaccard + 0.3 * cosine, abs=1e-3)
        assert distance**2 / 2 == pytest.approx(cosine, abs=1e-3)


def test_a_recogniser_without_a_threshold_is_refused_with_the_way_out() -> None:
    with pytest.raises(BadRequest, match="models calibrate"):
        group(builders.drawn([2, 2], threshold=None), Way())
    with pytest.raises(BadRequest, match="method: expected one of linkage"):
        Way("kmeans")


def test_a_stranger_in_a_folder_is_doubted_and_told_whose_folder_is_nearer() -> None:
    faces = builders.drawn([5, 5, 5, 2])
    given = [photo[:3] for photo in faces.photos]
    assert doubts(faces, given) == ()
    given[1] = "p02"

    (doubt,) = doubts(faces, given)

    assert (doubt.face, doubt.given, doubt.other) == (1, "p02", "p00")
    assert "of the threshold from the other pictures of p02" in doubt.words()
    assert doubts(faces, ["p00", *[""] * 16]) == ()


def test_copies_are_found_saved_again_smaller_and_mirrored_and_two_photos_of_one_person_are_none(
    tmp_path: Path,
) -> None:
    faces = builders.drawn([3, 3], spread=0.2)
    pictures = list(faces.pictures)
    with Image.open(io.BytesIO(pictures[0])) as first:
        copies = [first.resize((40, 40)), first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    for place, copy in zip((1, 2), copies, strict=True):
        stream = io.BytesIO()
        copy.resize((112, 112)).save(stream, "JPEG", quality=60)
        pictures[place] = stream.getvalue()

    found = duplicates(replace(faces, pictures=tuple(pictures)))

    assert {(each.first, each.second): each.mirrored for each in found} == {(0, 1): False, (0, 2): True, (1, 2): True}


def test_a_search_gives_the_nearest_faces_and_refuses_another_recognisers_vector() -> None:
    faces = builders.drawn([4, 4])

    found = search(faces, faces.vectors[5], most=5)

    assert found[0].face == 5
    assert {each.face for each in found[:4]} == {4, 5, 6, 7}
    assert [each.same for each in found] == [True] * 4 + [False]
    with pytest.raises(BadRequest, match="64 numbers"):
        search(faces, np.zeros(3))


def test_pairs_hold_every_person_and_the_most_alike_strangers_and_no_photo_of_several_people() -> None:
    faces = builders.drawn([3, 2, 1])
    faces = Faces((*faces.photos[:-1], faces.photos[0]), faces.boxes, faces.vectors, faces.metric, 0.36, "drawn")

    rows = list(csv.DictReader(io.StringIO(export.pairs(faces, ["a", "a", "a", "b", "b", ""]).decode())))

    assert names(faces)[0] == "p00/0.jpg#1"
    assert "p00/0.jpg" not in {row[side] for row in rows for side in ("file_a", "file_b")}
    assert [row["same"] for row in rows] == ["1", "1", "0", "0"]
    with pytest.raises(BadRequest, match="Nobody has two photos"):
        export.pairs(faces, ["a", "b", "c", "d", "e", "f"])


def test_corrections_name_only_faces_of_this_folder_and_people_a_folder_can_be_named_after(tmp_path: Path) -> None:
    faces = builders.drawn([2, 1])
    table = tmp_path / "people.csv"
    table.write_text("face,person\np00/0.jpg,Ann\np01/0.jpg,Ann\n")
    assert naming.corrected(table, faces) == ("Ann", "", "Ann")

    table.write_text("face,person\n../../etc/passwd,Ann\n")
    with pytest.raises(BadRequest, match="1 faces this folder does not have"):
        naming.corrected(table, faces)
    for name in ("..", "a/b", "a\\b", "C:", "nul", " x", "x" * 81, "tail."):
        with pytest.raises(BadRequest, match="cannot be a person's name"):
            naming.checked(name)
    table.write_text("face\np00/0.jpg\n")
    with pytest.raises(BadRequest, match="missing person"):
        naming.corrected(table, faces)


def test_the_page_escapes_names_and_its_tables_hold_no_formula(tmp_path: Path) -> None:
    faces = builders.drawn([2, 1])
    odd = replace(faces, photos=('<img src=x onerror="x">.jpg', "=1+1.jpg", "</script>.jpg"))

    write(sort(odd, Way(), given=["<u>", "<u>", ""]), tmp_path, "<i>")

    page = (tmp_path / "people.html").read_text()
    assert not [text for text in ("<img src=x", "<u>", "<i>", "</script>.jpg") if text in page]
    assert page.count("<script") == page.count("</script>") == 2
    assert "'=1+1.jpg" in (tmp_path / "people.csv").read_text()
    assert json.loads((tmp_path / "figures.json").read_text())["bcubed"]["f"] == 1


def test_rows_without_one_face_are_refused_with_the_first_reason() -> None:
    with pytest.raises(BadRequest, match=r"No photo shows a face that can be compared\. a\.jpg: No face"):
        from_rows([{"file": "a.jpg", "error": "No face"}], "sface", Metric.COSINE, 0.3)


def test_a_folder_becomes_people_through_the_command_and_goes_on(
    tmp_path: Path, astronaut, stranger, several_people, settings, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    photos = tmp_path / "photos"
    (photos / "a").mkdir(parents=True)
    for name, image in (("a/1.png", astronaut), ("a/2.png", astronaut[:400, 40:]), ("other.png", stranger)):
        Image.fromarray(np.ascontiguousarray(image)).save(photos / name)
    with Image.open(several_people) as picture:
        picture.save(photos / "all.png")
    (photos / "grey.png").write_bytes((photos / "other.png").read_bytes()[:200])
    out = tmp_path / "out"
    words = ["people", str(photos), "--out", str(out), "--like", str(photos / "a" / "2.png")]

    assert main([*words, "--folders", str(tmp_path / "sorted")]) == 1  # grey.png is no photo
    told = capsys.readouterr().out

    with (out / "people.csv").open() as stream:
        people = {row["face"]: row["person"] for row in csv.DictReader(stream)}
    assert people["a/1.png"] == people["a/2.png"] == people["all.png#4"] == "person-001"
    assert people["other.png"] == "person-002"  # who is one of the drawn three, whichever of them is the largest
    assert sorted(people[f"all.png#{face}"] for face in (1, 2, 3)) == ["", "", "person-002"]
    assert "pairs are probably one picture" in told
    assert {"people.html", "people.csv", "pairs.csv", "duplicates.csv", "search.csv"} <= {p.name for p in out.iterdir()}
    assert (tmp_path / "sorted" / "person-001" / "all.png").is_file()
    with (out / "search.csv").open() as stream:
        assert next(csv.DictReader(stream))["face"] == "a/2.png"

    (tmp_path / "mine.csv").write_text("face,person\na/1.png,Ann\na/2.png,Ann\n")
    (photos / "grey.png").unlink()
    assert main([*words, "--corrected", str(tmp_path / "mine.csv"), "--known", "folders"]) == 0
    assert "1 people with several" in capsys.readouterr().out

    words = ["people", str(photos / "a"), "--model", "mobilefacenet", "--out"]  # a shard had lost every vector
    assert main([*words, str(tmp_path / "plain")]) == main([*words, str(tmp_path / "shards"), "--shard", "1/1"]) == 0
    assert (tmp_path / "shards/people.csv").read_bytes() == (tmp_path / "plain/people.csv").read_bytes()


@pytest.mark.parametrize("name", ["\\xff", "\\ud800", "\x7f"])
def test_a_name_that_no_file_can_hold_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "people.csv").write_text(f"face,person\np00/0.jpg,{name}\n", encoding="utf-8")

    with pytest.raises(BadRequest, match="cannot be a person's name"):
        naming.corrected(tmp_path / "people.csv", builders.drawn([2]))


def test_a_folder_whose_name_is_no_unicode_has_its_page(tmp_path: Path) -> None:
    """Linux names are bytes; what is not UTF-8 comes as half characters that no file can be written with."""
    rows = np.eye(4)[[0, 0, 0, 1, 1, 1]] + 1e-3
    rows[2] = rows[3]
    faces = builders.faces(rows, tuple(f"d\udcff/{n}.jpg" for n in range(3)) + tuple(f"e/{n}.jpg" for n in range(3)))
    found = sort(faces, Way("linkage"), given=naming.given(faces.photos, "folders"), like=rows[0])

    write(found, tmp_path, "photos \udcff")

    page = (tmp_path / "people.html").read_text(encoding="utf-8")
    assert found.doubtful
    assert r"d\xff/2.jpg" in page
    assert r"pictures of d\xff" in page
    assert r"d\xff/2.jpg" in (tmp_path / "people.csv").read_text().replace("\\\\", "\\")
