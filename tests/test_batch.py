"""A folder run skips what is done, survives what is broken, and lists it."""

from pathlib import Path

import pytest

from workbench import batch
from workbench.errors import BadImage, BadRequest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.png", "sub/c.JPG", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_photos_are_found_below_and_sorted(folder: Path) -> None:
    assert [path.name for path in batch.photos(folder)] == ["a.jpg", "b.png", "c.JPG"]


def test_a_folder_without_photos_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"\.jpg"):
        batch.photos(tmp_path)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_broken_file_does_not_stop_the_run(folder: Path, workers: int) -> None:
    def work(path: Path) -> str:
        if path.name == "a.jpg":
            raise BadImage("not a photo")
        if path.name == "b.png":
            raise ZeroDivisionError("a fault nobody thought of")
        return path.name

    account = batch.run(batch.photos(folder), work, workers=workers, label="test")

    assert list(account.done.values()) == ["c.JPG"]
    assert [(path.name, reason) for path, reason in account.failed] == [
        ("a.jpg", "not a photo"),
        ("b.png", "ZeroDivisionError: a fault nobody thought of"),
    ]
    assert account.tell() == 1


def test_what_is_done_is_not_done_again(folder: Path) -> None:
    seen: list[str] = []
    account = batch.run(
        batch.photos(folder), lambda path: seen.append(path.name), done=lambda path: path.name == "a.jpg", label="test"
    )

    assert seen == ["b.png", "c.JPG"]
    assert [path.name for path in account.skipped] == ["a.jpg"]


def test_a_killed_write_leaves_nothing_half_done(tmp_path: Path) -> None:
    batch.write_atomically(tmp_path / "deep" / "file.png", b"whole")

    assert (tmp_path / "deep" / "file.png").read_bytes() == b"whole"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file.png"]


def test_rows_are_merged_by_file_and_may_bring_new_columns(tmp_path: Path) -> None:
    table = tmp_path / "summary.csv"
    batch.merge_csv(table, {"a": [{"score": 1}], "b": [{"score": 2}]})
    batch.merge_csv(table, {"b": [{"score": 3, "note": "again"}]})

    assert table.read_text().splitlines() == ["file,score,note", "a,1,", "b,3,again"]
