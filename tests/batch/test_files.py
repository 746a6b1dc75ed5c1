"""Files are whole or absent, a run holds its place alone, and names survive."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import batch
from workbench.batch.files import Steady, shown
from workbench.errors import BadRequest, CannotWrite


def test_a_killed_write_leaves_nothing_half_done(tmp_path: Path) -> None:
    batch.write_atomically(tmp_path / "deep" / "file.png", b"whole")

    assert (tmp_path / "deep" / "file.png").read_bytes() == b"whole"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file.png"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_full_or_read_only_disk_is_a_sentence_and_leaves_no_part(tmp_path: Path, monkeypatch, number: int) -> None:
    def full(path, data):
        path.open("wb").write(data[:3])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CannotWrite, match="make room or choose another --out"):
        batch.write_atomically(tmp_path / "file.png", b"whole")

    assert list(tmp_path.iterdir()) == []


def test_the_longest_name_a_disk_takes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".png")
    batch.write_atomically(path, b"whole")
    assert path.read_bytes() == b"whole"


def test_a_second_run_on_one_place_is_refused(tmp_path: Path) -> None:
    with batch.held(tmp_path), pytest.raises(BadRequest, match="Another run is writing"), batch.held(tmp_path):
        pass
    with batch.held(tmp_path / "t.csv"):
        pass
    assert not (tmp_path / "t.csv").exists()


def test_rows_that_do_not_fit_the_disk_are_not_written_in_part(tmp_path: Path, monkeypatch) -> None:
    steady = Steady(tmp_path / "t.csv")
    steady.add(b"first\n")

    class Full:
        def __init__(self, stream):
            self._stream = stream

        def __getattr__(self, name):
            return getattr(self._stream, name)

        def write(self, data):
            if len(data) < 5:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self._stream.write(data[: len(data) // 2])

    monkeypatch.setattr(steady, "_stream", Full(steady._stream))
    with pytest.raises(CannotWrite):
        steady.add(b"second line\n")

    assert (tmp_path / "t.csv").read_bytes() == b"first\n"


@given(st.binary(min_size=1, max_size=40))
def test_every_file_name_survives_a_table(raw: bytes) -> None:
    name = os.fsdecode(raw)
    text = batch.escaped(name)

    assert batch.unescaped(text) == name
    text.encode("utf-8")
    assert "\n" not in text
    assert batch.plain(batch.cell(text)) == text
    shown(name).encode("utf-8")


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@SUM(A1)", "\tx", "'quoted"])
def test_a_formula_is_no_formula_in_a_table(text: str) -> None:
    assert batch.cell(text) == f"'{text}"
    assert batch.plain(batch.cell(text)) == text


@pytest.mark.parametrize("value", [-3.5, "-3.5", "+1e-05", "-0", "-inf", -2])
def test_a_number_stays_a_number(value: object) -> None:
    assert batch.cell(value) == str(value)
