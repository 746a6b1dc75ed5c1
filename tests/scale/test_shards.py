"""Shards in processes here: one row for each photo, whatever dies."""

import errno
import io
import json
import multiprocessing
import os
import signal
import tarfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.scale.toys import folder_of, judged, never_opened, toy, toy_opened
from workbench.bench import Workbench
from workbench.errors import BadRequest, BadWeights, Cancelled, CannotWrite, OutOfMemory
from workbench.scale import collect, local, plan, shard
from workbench.scale.source import source_of


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """24 photos, one of them bad."""
    content = {f"p{n:02}_jpg": f"slow {n}" for n in range(23)}
    return folder_of(tmp_path / "in", **content, sub__bad_jpg="bad")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def planned(photos: Path | str, out: Path, bench, size: int = 4) -> plan.Plan:
    return plan.make(toy(), source_of(str(photos)), out, bench, size)


def go(made: plan.Plan, settings, todo=None, workers: int = 2, opener=toy_opened, **rules) -> list[shard.Tally]:
    told: list[shard.Tally] = []
    numbers = sorted(set(range(made.shards)) - made.done()) if todo is None else todo
    local.run(made, numbers, settings, shard.Rules(**rules), workers, told.append, opener)
    return told


def check_whole(made: plan.Plan, failed: int) -> None:
    names = shard.ids(made)
    assert len(names) == made.photos
    assert len(set(names)) == made.photos, "no doubles"
    assert shard.counted(made)["failed"] == failed
    assert not list((made.folder / "_now").glob("*")), "nobody is at work"
    assert not list(made.folder.rglob("*.part"))


def test_every_photo_has_one_row_and_its_files_and_a_second_run_starts_nothing(photos, out, bench, settings):
    made = planned(photos, out, bench)
    go(made, settings)
    check_whole(made, failed=1)
    rows = {row["file"]: row for row in collect.rows(made)}
    assert rows["sub/bad.jpg"]["error"] == "no face"
    assert rows["p03.jpg"]["length"] == 6

    assert planned(photos, out, bench) == made
    assert go(made, settings, opener=never_opened) == [], "no worker is started"


def test_a_worker_that_is_killed_is_replaced(photos, out, bench, settings):
    made = planned(photos, out, bench)

    def kill():
        until = time.monotonic() + 60
        while not made.done() and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    go(made, settings)
    killer.join()
    check_whole(made, failed=1)


def test_a_photo_that_kills_its_worker_is_an_error_after_two_crashes_and_the_rest_is_done(photos, out, bench, settings):
    (photos / "p05.jpg").write_text("kill")
    (photos / "p06.jpg").write_text("kill")
    made = planned(photos, out, bench, size=8)
    go(made, settings)
    check_whole(made, failed=3)
    errors = {row["file"]: row["error"] for row in collect.rows(made) if row["error"]}
    assert errors["p05.jpg"] == errors["p06.jpg"] == "the process that worked on this photo ended 2 times"


def test_a_driver_that_was_killed_goes_on_with_what_is_missing(photos, out, bench, settings):
    made = planned(photos, out, bench)
    driver = multiprocessing.get_context("fork").Process(target=go, args=(made, settings), kwargs={"workers": 1})
    driver.start()
    until = time.monotonic() + 60
    while len(made.done()) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(driver.pid, signal.SIGKILL)
    driver.join()
    before = {path: path.stat().st_mtime_ns for path in (out / "rows").iterdir()}
    assert 2 <= len(before) < made.shards

    go(made, settings)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items()), "what was done stays"
    assert len(shard.ids(made)) == len(set(shard.ids(made))) == made.photos


def test_two_writers_on_one_shard_leave_one_set_of_rows(photos, out, bench, settings):
    made = planned(photos, out, bench, size=24)
    work = toy_opened(made, bench)
    threads = [
        threading.Thread(target=shard.run_shard, args=(made, 0, work, settings, shard.Rules())) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_whole(made, failed=1)
    with tarfile.open(made.tar(0)) as archive:
        assert len(archive.getnames()) == len(set(archive.getnames())) == 23


def test_a_worker_that_lives_is_no_crash(photos, out, bench, settings):
    (photos / "p00.jpg").write_text("kill")
    planned(photos, out, bench, size=24)
    with shard._attempt(out / "_now", 0) as first:
        first.at(0)
        assert shard._Attempt(out / "_now", 0).crashes[0] == 0


def test_a_full_disk_ends_the_run_in_words_and_the_rest_comes_later(photos, out, bench, settings, monkeypatch):
    made = planned(photos, out, bench)
    real = shard.write_parquet

    def full(path, columns):
        raise CannotWrite(f"{path} cannot be written: no space left on device.") from OSError(errno.ENOSPC, "")

    monkeypatch.setattr(shard, "write_parquet", full)
    with pytest.raises(CannotWrite, match="no space left"):
        shard.run_shard(made, 0, toy_opened(made, bench), settings, shard.Rules())
    monkeypatch.setattr(shard, "write_parquet", real)
    go(made, settings)
    check_whole(made, failed=1)


def test_ctrl_c_ends_within_two_seconds_and_is_no_crash(photos, out, bench, settings):
    made = planned(photos, out, bench, size=24)
    stopped = []

    def press():
        until = time.monotonic() + 60
        while not list((out / "_now").glob("*.lock")) and time.monotonic() < until:
            time.sleep(0.02)
        stopped.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(Cancelled):
        go(made, settings)

    assert time.monotonic() - stopped[0] < 3, "two seconds, and one for a busy machine"
    assert not list((out / "_now").glob("*"))


def test_failed_photos_are_done_again_only_when_asked(photos, out, bench, settings):
    made = planned(photos, out, bench)
    go(made, settings)
    (photos / "sub" / "bad.jpg").write_text("good now")
    assert shard.with_errors(made) == [5]
    go(made, settings, todo=[5])
    check_whole(made, failed=1)

    go(made, settings, todo=[5], retry=True)
    check_whole(made, failed=0)
    collect.as_files(made, out / "all")
    assert len(list((out / "all").rglob("*.txt"))) == 24


def test_workers_that_die_while_they_load_end_the_run_in_words(photos, out, bench, settings):
    with pytest.raises(OutOfMemory, match="ended while they loaded"):
        go(planned(photos, out, bench), settings, workers=1, opener=never_opened)


def test_another_run_is_refused_and_the_photos_folder_is_no_place(photos, out, bench):
    planned(photos, out, bench)
    with pytest.raises(BadRequest, match="word x, now y"):
        plan.make(toy("y"), source_of(str(photos)), out, bench, 4)
    with pytest.raises(BadRequest, match="where the photos are"):
        planned(photos, photos, bench)


def test_a_worker_that_works_in_another_folder_finds_plan_and_rows(photos, tmp_path, bench, settings, monkeypatch):
    """`--out maps --engine ray` as the manual types it: the actors of the nodes began elsewhere."""
    monkeypatch.chdir(tmp_path)
    made = planned(photos, Path("maps"), bench)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    shard.run_shard(made, 0, toy_opened(made, bench), settings, shard.Rules())

    assert made.done() == {0}
    assert (tmp_path / "maps" / "rows" / "000000.parquet").is_file()


def test_parts_of_an_array_share_the_shards(photos, out, bench, settings):
    from workbench.scale.many import Ask, _todo, part_of

    made = planned(photos, out, bench)
    parts = [_todo(made, Ask(part=part_of(f"{i}/3"))) for i in (1, 2, 3)]
    assert sorted(number for part in parts for number in part) == list(range(made.shards))
    for text in ("0/3", "4/3", "1", "a/b"):
        with pytest.raises(BadRequest, match="i/n"):
            part_of(text)


def test_results_are_collected_as_the_plain_command_writes_them(photos, out, bench, settings, tmp_path):
    from workbench import batch
    from workbench.scale.plain import Wish, work_through

    made = planned(photos, out, bench)
    with pytest.raises(BadRequest, match="6 of 6 shards are not done"):
        collect.check_whole(made)
    go(made, settings)
    collect.as_csv(made, tmp_path / "t.csv")
    step = toy(short=False)
    work_through(step, batch.listed(photos), tmp_path / "plain", tmp_path / "plain" / "summary.csv", bench, Wish())

    ours, plains = (path.read_text().splitlines() for path in (tmp_path / "t.csv", tmp_path / "plain" / "summary.csv"))
    assert ours[0] == plains[0]
    assert sorted(ours) == sorted(plains)
    with pytest.raises(BadRequest, match="holds no vectors"):
        collect.as_npz(made, tmp_path / "v.npz")


def test_a_tar_and_a_table_of_photos_are_read_where_they_lie(tmp_path, bench, settings):
    content = {"a.jpg": b"one", "x/b.png": b"three", "note.txt": b"no photo"}
    with tarfile.open(tmp_path / "00000.tar", "w") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)

            archive.addfile(member, io.BytesIO(data))
    made = planned(tmp_path / "00000.tar", tmp_path / "from-tar", bench)
    go(made, settings, workers=1)
    lengths = {row["file"]: row["length"] for row in collect.rows(made)}
    assert lengths == {"00000.tar/a.jpg": 3, "00000.tar/x/b.png": 5}

    rows = [{"bytes": b"four", "path": "a.jpg"}, {"bytes": b"fifth", "path": "b.jpg"}, {"bytes": None, "path": "c"}]
    pq.write_table(pa.table({"image": rows}), tmp_path / "t.parquet", row_group_size=2)
    made = planned(tmp_path / "*.parquet", tmp_path / "from-table", bench)
    assert made.shards == 2, "a row group each"
    go(made, settings, workers=1)
    found = {row["file"]: row.get("length", row["error"]) for row in collect.rows(made)}
    assert found == {
        "t.parquet/0/0": 4,
        "t.parquet/0/1": 5,
        "t.parquet/1/0": "The row holds no bytes of a photo.",
    }


def test_an_address_is_read_through_fsspec(tmp_path, bench, settings):
    import fsspec

    files = fsspec.filesystem("memory")
    pq.write_table(pa.table({"image": [b"one", b"three"]}), tmp_path / "t.parquet")
    files.pipe("/set/data/t.parquet", (tmp_path / "t.parquet").read_bytes())
    made = planned("memory:///set/data/*.parquet", tmp_path / "out", bench)
    shard.run_shard(made, 0, toy_opened(made, bench), settings, shard.Rules())

    assert {row["file"]: row["length"] for row in collect.rows(made)} == {"t.parquet/0/0": 3, "t.parquet/0/1": 5}


@pytest.mark.parametrize(("name", "reason"), [("../../x.jpg", "below its source"), ("/etc/x.jpg", "below its source")])
def test_a_tar_cannot_name_files_elsewhere(tmp_path, bench, name, reason):
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(BadRequest, match=reason):
        planned(tmp_path / "t.tar", tmp_path / "out", bench)


def test_two_photos_of_one_name_in_a_tar_are_refused(tmp_path, bench):
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"))
        archive.addfile(tarfile.TarInfo("a.jpg"))
    with pytest.raises(BadRequest, match="two photos called"):
        planned(tmp_path / "t.tar", tmp_path / "out", bench)


def test_names_that_are_no_utf_8_keep_their_bytes(tmp_path, bench, settings):
    photos = tmp_path / "in"
    photos.mkdir()
    Path(os.fsdecode(os.fsencode(photos) + b"/caf\xe9.jpg")).write_text("x")
    made = planned(photos, tmp_path / "out", bench)
    shard.run_shard(made, 0, toy_opened(made, bench), settings, shard.Rules())

    assert [os.fsencode(name) for name in shard.ids(made)] == [b"caf\xe9.jpg"]
    collect.as_files(made, tmp_path / "all")
    assert os.path.exists(os.fsencode(tmp_path) + b"/all/caf\xe9.jpg.txt")


def test_vectors_of_shards_are_packed_like_those_of_a_folder(tmp_path, bench, settings):
    from dataclasses import replace

    from workbench.scale.step import Outcome

    photos = folder_of(tmp_path / "in", a_jpg="one", b_jpg="bad")
    step = replace(toy(files=()), command="embed", options={"model": "toy"}, columns=("faces",))
    made = plan.make(step, source_of(str(photos)), tmp_path / "out", bench, 4)

    def work(name, data, watch):
        if data == b"bad":
            raise BadRequest("no face")
        row = {"faces": 1, "left": "1.0", "top": "2.0", "right": "3.0", "bottom": "4.0", "metric": "l2"}
        return Outcome((row,), vector=np.array([0.5, 1 / 3], np.float32))

    shard.run_shard(made, 0, work, settings, shard.Rules())
    collect.as_npz(made, tmp_path / "v.npz")
    with np.load(tmp_path / "v.npz") as found:
        np.testing.assert_array_equal(found["embeddings"], np.array([[0.5, 1 / 3]], np.float32))
        assert (found["names"].tolist(), found["failed"].tolist()) == (["a.jpg"], ["b.jpg"])
    assert json.loads((tmp_path / "out" / "run.json").read_text())["made_by"] == "face-workbench"


def test_a_file_named_by_its_outcome_keeps_its_name_in_shards(tmp_path, out, bench, settings):
    photos = folder_of(tmp_path / "in", a_jpg="yes", b_png="no")
    made = plan.make(judged(), source_of(str(photos)), out, bench, 4)
    shard.run_shard(made, 0, judged().open(bench), settings, shard.Rules())

    assert {row["file"]: row["saved"] for row in collect.rows(made)} == {
        "a.jpg": "a.jpg_yes.txt",
        "b.png": "b.png_no.txt",
    }
    collect.as_files(made, tmp_path / "all")
    assert sorted(path.name for path in (tmp_path / "all").glob("*")) == ["a.jpg_yes.txt", "b.png_no.txt"]


def test_a_part_of_an_array_works_with_the_bench_it_is_given(settings, monkeypatch) -> None:
    """It made another one: a portrait model lay in memory twice, and rows of the caller's own were unknown."""
    given: list[Workbench] = []
    monkeypatch.setattr(plan, "settle", lambda *asked: SimpleNamespace(open=given.append))
    monkeypatch.setattr(plan, "record", lambda *asked: SimpleNamespace(weights={}, thresholds={}))
    own = Workbench(settings, {})
    plan.opened(SimpleNamespace(command="parse", options={}, weights={}, thresholds={}), own)  # type: ignore[arg-type]

    assert given[0]._models is own._models
    assert given[0]._loaded is own._loaded
    assert (given[0].settings.threads, own.settings.threads) == (1, settings.threads)


def test_a_worker_that_reads_against_other_thresholds_is_refused(settings, monkeypatch) -> None:
    """Half of a crowd was taken for strangers by another calibration, on another node or after a kill."""
    asked = {"anonymise": "blur", "keep": {"recogniser": "sface", "people": [[0.0] * 128]}}
    step = plan.settle("protect", Workbench(settings), asked)
    made = plan.record(step, Workbench(settings), "")
    assert dict(made.thresholds) == {"sface": Workbench(settings).threshold("sface")}

    told = SimpleNamespace(command="protect", options=asked, weights={}, thresholds=dict(made.thresholds))
    monkeypatch.setattr(Workbench, "threshold", lambda self, model: 0.9)
    with pytest.raises(BadWeights, match=r"sface is read against 0\.9 here; the plan was made with 0\.\d+"):
        plan.opened(told, Workbench(settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "who"),
    [
        ({"attack": ["dlib"], "judge": ["sface"]}, {"dlib", "sface"}),
        ({"anonymise": "drawn"}, {"dlib", "sface", "mobilefacenet", "faceres"}),
        ({"anonymise": "blur"}, set()),
        ({"makeup": "neutral"}, set()),
    ],
)
def test_a_record_of_protecting_says_what_its_judges_are_read_against(bench, asked, who) -> None:
    made = plan.record(plan.settle("protect", bench, asked), bench, "")

    assert dict(made.thresholds) == {name: bench.threshold(name) for name in who}


def test_a_model_of_one_worker_among_many_has_one_thread(settings) -> None:
    """Two workers on two cores ran eight threads of ONNX Runtime: only torch was told that it is not alone."""
    from workbench.scale.ray import ShardWorker

    parser = Workbench(plan.alone(settings)).parser()

    assert parser._quick._session.get_session_options().intra_op_num_threads == 1
    assert plan.alone(replace(settings, threads=3)).threads == 3
    assert ShardWorker(None, None, None)._bench.settings.threads == 1
