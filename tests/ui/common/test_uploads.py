"""Nothing a person uploaded is on disk an hour later."""

import os
from dataclasses import replace
from pathlib import Path

from workbench.ui.common import uploads


def test_old_files_go_and_new_ones_stay(tmp_path: Path) -> None:
    old, new = tmp_path / "a" / "old.png", tmp_path / "b" / "new.png"
    for path, age in ((old, 4000), (new, 100)):
        path.parent.mkdir()
        path.write_bytes(b"face")
        os.utime(path, (1_000_000 - age, 1_000_000 - age))

    gone = uploads.sweep(tmp_path, 3600, now=lambda: 1_000_000)

    assert gone == 1
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
