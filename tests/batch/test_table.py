"""A table grows by one photo at a time; a photo whose rows were cut is not done; the end is sorted."""

from pathlib import Path

import pytest

from workbench.batch import Stamp, Table
from workbench.errors import BadRequest

STAMP = Stamp(10, "1-2", "abc")


def grown(path: Path, *names: str) -> Table:
    table = Table(path, ("x",))
    table.begin()
    for name in names:
        table.add(name, [{"x": 1}, {"x": 2}], Stamp(10, "1-2", "abc", 2), saved=f"{name}.png")
    return table


def test_rows_are_there_as_soon_as_they_are_made(tmp_path: Path) -> None:
    table = grown(tmp_path / "t.csv", "b.jpg")
    assert (tmp_path / "t.csv").read_text() == (
        "file,x,saved,error,stamp\nb.jpg,1,b.jpg.png,,10 1-2 abc 2\nb.jpg,2,b.jpg.png,,10 1-2 abc 2\n"
    )
    table.end()


def test_the_end_is_sorted_and_nothing_is_lost(tmp_path: Path) -> None:
    table = grown(tmp_path / "t.csv", "b.jpg", "a, and.jpg")
    table.add("=c\udcff.jpg", [{}], STAMP, error="no\nface")
    table.end()

    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["'=c\\xff.jpg", '"a', '"a', "b.jpg", "b.jpg"]
    found = Table(tmp_path / "t.csv", ("x",))
    assert found.error("=c\udcff.jpg") == "no face"
    assert found.saved("b.jpg") == "b.jpg.png"
    assert found.stamp("b.jpg").rows == 2


@pytest.mark.parametrize("cut", [1, 20, 40, 60])
def test_a_photo_whose_rows_were_cut_is_not_done_and_comes_back_once(tmp_path: Path, cut: int) -> None:
    grown(tmp_path / "t.csv", "a.jpg", "b.jpg").end()
    whole = (tmp_path / "t.csv").read_bytes()
    (tmp_path / "t.csv").write_bytes(whole[:-cut])

    table = Table(tmp_path / "t.csv", ("x",))
    assert "a.jpg" in table
    assert "b.jpg" not in table
    table.begin()
    table.add("b.jpg", [{"x": 1}, {"x": 2}], Stamp(10, "1-2", "abc", 2), saved="b.jpg.png")
    table.end()

    assert (tmp_path / "t.csv").read_bytes() == whole


def test_rows_of_a_photo_that_is_done_again_go_first(tmp_path: Path) -> None:
    grown(tmp_path / "t.csv", "a.jpg", "b.jpg").end()
    table = Table(tmp_path / "t.csv", ("x",))
    table.begin(again=lambda name: name == "a.jpg")
    assert [row["file"] for row in table.rows()] == ["b.jpg", "b.jpg"]
    table.end()


def test_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,age\n")
    with pytest.raises(BadRequest, match="holds something else"):
        Table(tmp_path / "t.csv", ("x",))


def test_a_photo_is_known_by_its_content_when_its_times_change(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"one")
    from workbench.batch.stamp import digest, looks

    stamp = Stamp(*looks(path), digest(b"one"))
    path.write_bytes(b"one")
    assert stamp.fits(path), "touched, but the same"
    path.write_bytes(b"two")
    assert not stamp.fits(path)
    assert Stamp.read(str(stamp)) == stamp
