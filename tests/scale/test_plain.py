"""A folder, plainly: done once, done again only where something changed, never into the wrong place."""

import csv
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.scale.toys import folder_of, judged, toy
from workbench import batch
from workbench.bench import Workbench
from workbench.errors import BadRequest, Cancelled
from workbench.scale.plain import Wish, share_cores, sharing, work_through


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "in", a_jpg="one", b_png="two", sub__a_jpg="three", broken_jpg="bad", bug_gif="bug")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def go(photos: Path, out: Path, bench, step=None, **wish):
    step = step or toy()
    return work_through(step, batch.listed(photos, out), out, out / "summary.csv", bench, Wish(**wish))


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "summary.csv").open(encoding="utf-8")))


def test_every_photo_has_its_rows_and_failures_have_one(photos, out, bench):
    account = go(photos, out, bench)

    assert (account.done, account.failed) == (3, 2)
    assert [(row["file"], row["part"], row["error"]) for row in rows(out)] == [
        ("a.jpg", "1", ""),
        ("a.jpg", "2", ""),
        ("b.png", "1", ""),
        ("b.png", "2", ""),
        ("broken.jpg", "", "no face"),
        ("bug.gif", "", "ZeroDivisionError: nobody thought of it"),
        ("sub/a.jpg", "1", ""),
        ("sub/a.jpg", "2", ""),
    ]
    assert (out / "sub" / "a.txt").read_text() == "THREE"


def test_failures_are_tried_again_only_when_asked(photos, out, bench):
    go(photos, out, bench)
    (photos / "broken.jpg").write_text("bad")  # touched, but the same photo

    again = go(photos, out, bench)
    assert (again.done, again.skipped, again.failed, again.before) == (0, 3, 2, 2)

    retried = go(photos, out, bench, retry=True)
    assert (retried.done, retried.skipped, retried.failed, retried.before) == (0, 3, 2, 0)
    assert len(rows(out)) == 8


def test_a_photo_that_was_replaced_is_done_again_and_the_others_are_not(photos, out, bench):
    go(photos, out, bench)
    whole = rows(out)
    kept = (out / "b.txt").stat().st_mtime_ns
    (photos / "a.jpg").write_text("new")  # as long as "one"

    account = go(photos, out, bench)

    assert (account.done, account.skipped) == (1, 2)
    assert (out / "a.txt").read_text() == "NEW"
    assert (out / "b.txt").stat().st_mtime_ns == kept
    assert len(rows(out)) == len(whole)


def test_a_file_named_by_its_outcome_is_renamed_with_it_and_is_known_again(tmp_path, out, bench):
    photos = folder_of(tmp_path / "in", a_jpg="yes", b_png="no")
    go(photos, out, bench, judged())
    again = go(photos, out, bench, judged())
    assert [row["saved"] for row in rows(out)] == ["a_yes.txt", "b_no.txt"]
    assert (again.done, again.skipped) == (0, 2)

    (photos / "a.jpg").write_text("no")
    go(photos, out, bench, judged())

    assert sorted(path.name for path in out.glob("*.txt")) == ["a_no.txt", "b_no.txt"], "no older verdict is left"
    (out / "b_no.txt").unlink()
    assert go(photos, out, bench, judged()).done == 1
    elsewhere = folder_of(tmp_path / "other", a_no_txt="mine").parent / "other"
    with pytest.raises(BadRequest, match="nothing says how it was made"):
        go(photos, elsewhere, bench, judged())


def test_a_result_that_is_gone_is_made_again(photos, out, bench):
    go(photos, out, bench)
    before = (out / "summary.csv").read_text()
    (out / "b.txt").unlink()
    (out / "a.txt").write_text("")  # as a power cut leaves it

    assert go(photos, out, bench).done == 2
    assert (out / "summary.csv").read_text() == before


def test_other_options_do_not_find_the_work_done(photos, out, bench):
    go(photos, out, bench, toy("neutral"))
    with pytest.raises(BadRequest, match=r"holds something else, made with word neutral, now silhouette"):
        go(photos, out, bench, toy("silhouette"))


def test_other_weights_do_not_find_the_work_done(photos, out, bench, monkeypatch):
    from dataclasses import replace

    from workbench.scale import step as steps

    asked = replace(toy(), models=("blazeface",))
    go(photos, out, bench, asked)
    monkeypatch.setattr(steps, "weights_of", lambda spec, bench: "0" * 64)
    with pytest.raises(BadRequest, match=r"weights of blazeface [0-9a-f]{12}, now 000000000000"):
        go(photos, out, bench, asked)


def test_another_folder_does_not_mix_with_the_first(photos, out, bench, tmp_path):
    go(photos, out, bench)
    with pytest.raises(BadRequest, match=r"folder .*in, now .*other"):
        go(folder_of(tmp_path / "other", a_jpg="else"), out, bench)


def test_the_photos_own_folder_is_refused_and_originals_stay(bench, tmp_path):
    photos = folder_of(tmp_path / "in", a_txt="original", b_jpg="x")
    before = sorted(os.listdir(photos))
    for out in (photos, photos / "." / "..", tmp_path / "link"):
        if out.name == "link":
            out.symlink_to(photos)
        if out.resolve() == photos:
            with pytest.raises(BadRequest, match="overwritten"):
                go(photos, out, bench)
    assert sorted(os.listdir(photos)) == before


def test_a_folder_among_the_photos_is_no_place_when_it_holds_photos(bench, tmp_path):
    photos = folder_of(tmp_path / "in", a_jpg="x", sub__a_jpg="y")
    with pytest.raises(BadRequest, match="lies among the photos"):
        go(photos, photos / "sub", bench, toy(files=(".jpg",)))
    assert (photos / "sub" / "a.jpg").read_text() == "y"


def test_results_among_the_photos_are_not_read(bench, tmp_path):
    photos = folder_of(tmp_path / "in", a_jpg="x")
    step = toy(files=(".png",))
    assert go(photos, photos / "maps", bench, step).done == 1
    again = go(photos, photos / "maps", bench, step)
    assert (again.done, again.skipped, again.failed) == (0, 1, 0)


def test_a_folder_of_results_with_a_dot_in_its_name_is_known_as_one(bench, tmp_path):
    photos = folder_of(tmp_path / "in", a_jpg="x")
    out = photos / "maps.v2"
    assert go(photos, out, bench, toy(files=(".png",))).done == 1
    assert (out / "run.json").is_file()
    assert batch.listed(photos).outputs == ("maps.v2/",)
    with pytest.raises(BadRequest, match="word x, now y"):
        go(photos, out, bench, toy("y", files=(".png",)))


def test_a_file_that_somebody_put_there_is_not_taken_for_done(photos, out, bench):
    out.mkdir()
    (out / "a.jpg.txt").write_text("precious")
    (out / "b.txt").write_text("precious")
    with pytest.raises(BadRequest, match="nothing says how it was made"):
        go(photos, out, bench)
    assert (out / "b.txt").read_text() == "precious"


def test_names_that_are_no_utf_8_are_done_and_shown_escaped(bench, tmp_path, capsys):
    photos, out = tmp_path / "in", tmp_path / "out"
    photos.mkdir()
    for name, text in ((b"caf\xe9.jpg", "x"), (b"\xff.jpg", "bad"), (b"=1+1.jpg", "y"), (b"new\nline.jpg", "z")):
        Path(os.fsdecode(os.fsencode(photos) + b"/" + name)).write_text(text)

    account = go(photos, out, bench)
    account.tell()

    assert [row["file"] for row in rows(out)[::2]] != []
    assert {batch.plain(row["file"]) for row in rows(out)} == {
        "caf\\xe9.jpg",
        "\\xff.jpg",
        "=1+1.jpg",
        "new\\u000aline.jpg",
    }
    assert os.path.exists(os.fsencode(out) + b"/caf\xe9.txt")
    assert "\\xff.jpg: no face" in capsys.readouterr().err
    assert go(photos, out, bench).skipped == 3


def test_ctrl_c_keeps_results_and_rows_in_step(tmp_path, out, bench):
    photos = folder_of(tmp_path / "in", **{f"p{number:03}_jpg": str(number) for number in range(200)})
    threading.Timer(0.6, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(Cancelled):
        go(photos, out, bench, toy(seconds=0.02), workers=2)

    done = {row["file"] for row in rows(out)}
    assert 0 < len(done) < 200
    assert {path.stem for path in out.glob("*.txt")} == {Path(name).stem for name in done}
    assert go(photos, out, bench, toy()).skipped == len(done)
    assert len(rows(out)) == 400


def test_a_name_too_long_for_a_result_fails_alone(bench, tmp_path, out):
    photos = tmp_path / "in"
    photos.mkdir()
    (photos / ("n" * 250 + ".jpg")).write_text("long")
    (photos / "a.jpg").write_text("x")

    account = go(photos, out, bench, toy(files=(".text-of-a-photo",)))

    assert (account.done, account.failed) == (1, 1)
    assert "cannot be written" in rows(out)[-1]["error"]


def test_cores_are_shared_without_loading_torch(monkeypatch):
    """A folder of nine photos spent half of its time on loading what no model of it runs in."""
    told = []
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    share_cores(2)
    assert "torch" not in sys.modules

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=told.append))
    share_cores(10**6)
    assert told == [1]


def test_models_of_a_folder_have_a_workers_share_of_the_cores(monkeypatch, bench):
    """Two photos at a time, each with as many threads as there are cores, waited for each other."""
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    plain = Workbench(replace(bench.settings, threads=0))
    assert sharing(plain, 2).settings.threads == 4
    assert sharing(plain, 100).settings.threads == 1
    assert sharing(Workbench(replace(bench.settings, threads=3)), 2).settings.threads == 3
    assert plain.settings.threads == 0
    assert sharing(plain, 2)._loaded is plain._loaded
