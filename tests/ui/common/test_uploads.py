"""Nothing a person uploaded is on disk an hour later."""

import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

from workbench.ui.common import uploads


def test_old_files_go_and_new_ones_stay(tmp_path: Path) -> None:
    old, new = tmp_path / "a" / "old.png", tmp_path / "b" / "new.png"
    for path, age in ((old, 4000), (new, 100)):
        path.parent.mkdir()
        path.write_bytes(b"face")
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
        os.utime(path.parent, (1_000_000 - age, 1_000_000 - age))

    gone, stay = uploads.sweep(tmp_path, 3600, now=lambda: 1_000_000)

    assert (gone, stay) == (1, 4)
    assert not old.parent.exists()
    assert new.exists()


def test_an_hour_after_the_last_upload_the_folder_is_empty(tmp_path: Path) -> None:
    for number in range(5):
        path = tmp_path / f"session-{number}" / "photo.webp"
        path.parent.mkdir()
        path.write_bytes(b"face")
    last = max(path.stat().st_mtime for path in tmp_path.rglob("*.webp"))

    uploads.sweep(tmp_path, 3600, now=lambda: last + 3601)

    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_private(tmp_path: Path, settings) -> None:
    path = uploads.folder(replace(settings, cache=tmp_path))

    assert path.stat().st_mode & 0o077 == 0


def test_a_folder_that_vanishes_while_it_is_walked_does_not_end_the_sweeping(tmp_path, monkeypatch) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old.png").write_bytes(b"face")
        os.utime(tmp_path / name / "old.png", (1, 1))
    look = os.lstat

    def vanishing(path, **options):
        if str(path).endswith("b/old.png"):
            shutil.rmtree(tmp_path / "b", ignore_errors=True)
        return look(path, **options)

    monkeypatch.setattr(os, "lstat", vanishing)
    sweeper = uploads.Sweeper(tmp_path, 3600)
    sweeper.once()

    assert not (tmp_path / "a" / "old.png").exists()
    assert not (tmp_path / "c" / "old.png").exists()
    assert sweeper.alive()


def test_the_sweeper_lives_on_after_any_error_and_says_when_it_last_swept(tmp_path, monkeypatch) -> None:
    swept = threading.Event()
    calls: list[int] = []

    def failing(*args: object) -> tuple[int, int]:
        calls.append(1)
        if len(calls) < 3:
            raise RuntimeError("a face's name.png")
        swept.set()
        return 0, 7

    monkeypatch.setattr(uploads, "sweep", failing)
    sweeper = uploads.Sweeper(tmp_path, 3600, every=0.01).start()

    assert swept.wait(5)
    time.sleep(0.05)
    assert sweeper.held() == 7
    assert sweeper.age() < 1


def test_a_new_result_folder_is_left_for_whoever_is_about_to_write_into_it(tmp_path: Path) -> None:
    (tmp_path / "result-1").mkdir()

    uploads.sweep(tmp_path, 3600)

    assert (tmp_path / "result-1").is_dir()


def test_a_file_that_arrives_while_its_folder_is_swept_stays(tmp_path: Path, monkeypatch) -> None:
    old = tmp_path / "session"
    old.mkdir()
    (old / "old.png").write_bytes(b"face")
    for path in (old / "old.png", old):
        os.utime(path, (1, 1))
    remove = os.rmdir

    def late(path: str) -> None:
        (old / "new.png").write_bytes(b"face")
        remove(path)

    monkeypatch.setattr(os, "rmdir", late)
    uploads.sweep(tmp_path, 3600)

    assert (old / "new.png").exists()
