"""Faults that people met with whole folders, on the commands themselves."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, astronaut: np.ndarray) -> Path:
    monkeypatch.setenv("WORKBENCH_CACHE", str(settings.cache))
    photos = tmp_path / "in"
    photos.mkdir()
    Image.fromarray(astronaut).save(photos / "a.jpg", quality=95)
    return photos


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8")))


def test_protecting_a_folder_into_itself_is_refused_and_the_originals_stay(folder: Path, capsys) -> None:
    before = (folder / "a.jpg").read_bytes()

    assert main(["protect", str(folder), "--out", str(folder), "--anonymise", "blur"]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert (folder / "a.jpg").read_bytes() == before
    assert os.listdir(folder) == ["a.jpg"]


def test_a_silhouette_after_makeup_is_not_already_there(folder: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert main(["protect", str(folder), "--out", str(out), "--anonymise", "mosaic"]) == 0

    assert main(["protect", str(folder), "--out", str(out), "--anonymise", "silhouette"]) == 2
    said = capsys.readouterr()
    assert "anonymise mosaic, now silhouette" in said.err
    assert main(["protect", str(folder), "--out", str(out), "--anonymise", "mosaic", "--faces", "largest"]) == 2
    assert "faces all, now largest" in capsys.readouterr().err
    assert main(["protect", str(folder), "--out", str(out), "--makeup", "natural"]) == 2


def test_results_inside_the_folder_are_never_read_by_any_command(folder: Path, tmp_path: Path, capsys) -> None:
    hidden = ["protect", str(folder), "--out", str(folder / "hidden"), "--anonymise", "blur"]
    assert main(hidden) == 0
    assert main(hidden) == 0
    assert "0 done, 1 already there, 0 failed" in capsys.readouterr().out

    assert main(["classify", str(folder), "--out", str(tmp_path / "t.csv"), "-v"]) == 0
    assert [row["file"] for row in rows(tmp_path / "t.csv")] == ["a.jpg"]
    assert "hidden/" in capsys.readouterr().out


def test_no_photo_is_left_out_without_a_word(folder: Path, tmp_path: Path, capsys) -> None:
    for suffix in ("jfif", "jpe"):
        (folder / f"b.{suffix}").write_bytes((folder / "a.jpg").read_bytes())
    (folder / "c.jp2").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no photo")

    assert main(["classify", str(folder), "--out", str(tmp_path / "t.csv")]) == 1

    found = {row["file"]: row["error"] for row in rows(tmp_path / "t.csv")}
    assert sorted(found) == ["a.jpg", "b.jfif", "b.jpe", "c.jp2"]
    assert [name for name, error in found.items() if error] == ["c.jp2"]
    said = capsys.readouterr()
    assert "1 left out as no photo (-v lists them)" in said.out
    assert "c.jp2" in said.err


def test_one_name_that_is_no_utf_8_does_not_end_a_command(folder: Path, tmp_path: Path, capsys) -> None:
    odd = os.fsencode(folder) + b"/caf\xe9.jpg"
    Path(os.fsdecode(odd)).write_bytes((folder / "a.jpg").read_bytes())
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.jpg")).write_bytes(b"no photo")

    assert main(["classify", str(folder), "--out", str(tmp_path / "t.csv")]) == 1
    assert [row["file"] for row in rows(tmp_path / "t.csv")] == ["\\xff.jpg", "a.jpg", "caf\\xe9.jpg"]
    assert main(["embed", str(folder), "--out", str(tmp_path / "v.npz")]) == 1
    with np.load(tmp_path / "v.npz") as found:
        assert found["names"].tolist() == ["a.jpg", "caf\\xe9.jpg"]
    assert "\\xff.jpg: Expected a photo" in capsys.readouterr().err


def test_verify_with_other_images_does_not_judge_the_first_ones(folder: Path, tmp_path: Path, capsys) -> None:
    (folder / "b.jpg").write_bytes((folder / "a.jpg").read_bytes())
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("file_a,file_b,same\na.jpg,b.jpg,1\nb.jpg,a.jpg,0\n")
    words = ["verify", str(pairs), "--out", str(tmp_path / "f.json"), "--rounds", "5", "--images"]
    assert main([*words, str(folder)]) == 0

    other = tmp_path / "other"
    other.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (other / name).write_bytes((folder / name).read_bytes())
    assert main([*words, str(other)]) == 2
    assert "now" in capsys.readouterr().err


def test_a_pipe_that_nobody_reads_is_no_traceback() -> None:
    words = f"{sys.executable} -m workbench models list | head -1; echo ${{PIPESTATUS[0]}}"
    found = subprocess.run(["bash", "-c", words], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert found.stderr == ""
    assert found.stdout.splitlines()[-1] in ("0", "141")


def test_ctrl_c_ends_a_command_within_two_seconds_and_its_map_and_rows_agree(
    folder: Path, tmp_path: Path, settings
) -> None:
    for number in range(150):
        (folder / f"p{number:03}.jpg").write_bytes((folder / "a.jpg").read_bytes())
    out = tmp_path / "out"
    words = [sys.executable, "-m", "workbench", "parse", str(folder), "--out", str(out)]
    running = subprocess.Popen(words, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)
    until = time.monotonic() + 120
    while len(list(out.glob("*.png"))) < 5:
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    stopped = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)

    assert time.monotonic() - stopped < 4, "two seconds, and as much again for a busy machine"
    assert running.returncode == 130
    assert b"Stopped" in said
    assert b"Traceback" not in said
    maps = {path.stem for path in out.glob("*.png")}
    assert {Path(row["file"]).stem for row in rows(out / "summary.csv")} == maps
    assert len(maps) < 151
