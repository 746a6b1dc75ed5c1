"""Every photo of a folder is found, what is no photo is counted, what a run wrote is never its input."""

from pathlib import Path

import pytest

from workbench import batch
from workbench.batch import record
from workbench.batch.listing import targets
from workbench.errors import BadRequest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.png", "sub/c.JPG", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_photos_are_found_below_and_sorted(folder: Path) -> None:
    assert [path.name for path in batch.photos(folder)] == ["a.jpg", "b.png", "c.JPG"]
    assert batch.listed(folder).names == ("a.jpg", "b.png", "sub/c.JPG")


def test_a_folder_without_photos_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"\.jpg"):
        batch.photos(tmp_path)


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".heic", ".heif", ".jp2", ".avif", ".HEIC"])
def test_no_readable_suffix_is_left_out(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"x")
    assert batch.listed(tmp_path).names == (f"a{suffix}",)


def test_what_is_no_photo_is_counted_and_named_when_asked(folder: Path, capsys: pytest.CaptureFixture) -> None:
    found = batch.listed(folder)
    found.tell(verbose=False)
    assert capsys.readouterr().out == "1 left out as no photo (-v lists them).\n"
    found.tell(verbose=True)
    assert "  notes.txt" in capsys.readouterr().out


def test_results_below_the_photos_are_no_input(folder: Path) -> None:
    record.begin(batch.Record("parse", str(folder)), folder / "maps")
    (folder / "maps" / "a.png").write_bytes(b"x")
    (folder / "new").mkdir()
    (folder / "new" / "a.png").write_bytes(b"x")

    assert batch.listed(folder, folder / "new").names == ("a.jpg", "b.png", "sub/c.JPG")
    assert batch.listed(folder, folder / "new").outputs == ("maps/", "new/")
    assert batch.listed(folder / "maps").names == ("a.png",), "asked for by name, it is input"


def test_no_two_photos_share_a_result() -> None:
    names = ["a.jpg", "a.png", "a.jpg.png", "sub/a.png", "B.jpg", "b.png", "c.jpg"]
    found = targets(names, ".png", {})

    assert len({place.casefold() for place in found.values()}) == len(names)
    assert (found["c.jpg"], found["sub/a.png"]) == ("c.png", "sub/a.png")


def test_a_result_keeps_its_place_when_a_photo_of_its_stem_comes() -> None:
    assert targets(["a.jpg", "a.png"], ".png", {"a.jpg": "a.png"}) == {"a.jpg": "a.png", "a.png": "a.png.png"}
    assert targets(["a.png", "b.jpg"], ".png", {"gone.jpg": "a.png"})["a.png"] == "a.png.png"


def test_a_second_run_that_differs_is_refused_with_every_difference(tmp_path: Path) -> None:
    first = batch.Record("protect", "/photos", {"makeup": "neutral", "faces": "largest"}, {"compact": "abc"})
    assert record.begin(first, tmp_path) is False
    assert record.begin(first, tmp_path) is True
    other = batch.Record("protect", "/photos", {"anonymise": "blur", "faces": "largest"}, {"compact": "abd"})
    with pytest.raises(BadRequest) as refused:
        record.begin(other, tmp_path)
    for words in ("makeup neutral, now none", "anonymise none, now blur", "weights of compact abc, now abd"):
        assert words in str(refused.value)


def test_a_recalibration_between_two_runs_is_no_same_run(tmp_path: Path) -> None:
    """It went on, and half of a folder was judged by other thresholds than the record let one think."""
    first = batch.Record("protect", "/photos", thresholds={"sface": 0.363, "own": None})
    record.begin(first, tmp_path)
    assert record.begin(first, tmp_path) is True
    assert record.read(tmp_path / "run.json").thresholds == {"sface": 0.363, "own": None}
    with pytest.raises(BadRequest, match=r"threshold of sface 0\.363, now 0\.31"):
        record.begin(batch.Record("protect", "/photos", thresholds={"sface": 0.31, "own": None}), tmp_path)


def test_a_record_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(BadRequest, match="does not say what was done"):
        record.begin(batch.Record("parse", "/photos"), tmp_path)
