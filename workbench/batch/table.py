"""A CSV that grows by one photo at a time: its rows are written as they are made, in one piece, and none is rewritten.

The table is the only record of what is done. A photo whose rows are not all there (a killed run) counts as not done.
"""

import csv
import io
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.batch.files import Steady, shown, write_atomically, writing
from workbench.batch.names import cell, escaped, plain
from workbench.batch.stamp import Stamp
from workbench.errors import BadRequest

LAST = ("saved", "error", "stamp")
"""The columns that end every table: where the result is, why there is none, and which photo it was."""


class Table:
    """Rows of photos, keyed by the photo's name; a failed photo has one row that holds its reason.

    Texts are escaped (`batch.names`). Raises BadRequest for a file that is no such table, CannotWrite.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        """columns: of a row, without the photo's name (`file`) and those that end every table."""
        self.path, self.columns = path, ("file", *columns, *LAST)
        self._lines: Steady | None = None
        self._index: dict[str, str] = {}
        self._torn: set[str] = set()
        self._cut = False
        self._sorted, self._last = True, ""
        if path.is_file() and path.stat().st_size:
            self._read()

    def __contains__(self, name: str) -> bool:
        return escaped(name) in self._index

    def stamp(self, name: str) -> Stamp:
        """Which photo the rows of this name were made from."""
        return Stamp.read(self._index[escaped(name)].split("\t", 2)[0])

    def saved(self, name: str) -> str:
        """Where the result of this photo is, "" for nowhere."""
        return self._index[escaped(name)].split("\t", 2)[1]

    def error(self, name: str) -> str:
        """Why this photo has no result, "" when it has one."""
        return self._index[escaped(name)].split("\t", 2)[2]

    def forget(self) -> None:
        """Let go of what is known of done photos, to free the memory of a long run."""
        self._index = {}

    def begin(self, again: Callable[[str], bool] = lambda name: False) -> None:
        """Open for more rows; rows of torn photos and of those that are done `again` (by escaped name) go first."""
        if not self.path.is_file() or not self.path.stat().st_size:
            write_atomically(self.path, self._line(self.columns))
        elif self._torn or self._cut or any(map(again, self._index)):
            self._rewrite(line for name, line in _lines(self.path) if name not in self._torn and not again(name))
        self._lines = Steady(self.path)

    def add(self, name: str, rows: Sequence[Mapping[str, Any]], stamp: Stamp, saved: str = "", error: str = "") -> None:
        """Append a photo's rows in one piece."""
        assert self._lines is not None, "begin first"
        self._follows(escaped(name))
        end = {"file": escaped(name), "saved": saved, "error": error, "stamp": str(stamp)}
        self._lines.add(b"".join(self._line([{**row, **end}.get(column) for column in self.columns]) for row in rows))

    def end(self, tidy: bool = True) -> None:
        """Close; sort by name when `tidy`."""
        if self._lines is not None:
            self._lines.close()
            self._lines = None
            if tidy and not self._sorted:
                self._sort()

    def rows(self) -> Iterator[dict[str, str]]:
        """Every row, as it stands in the file, with texts as `cell` was given them."""
        for _, line in _lines(self.path):
            yield dict(zip(self.columns, map(plain, _cells(line)), strict=True))

    def _read(self) -> None:
        with self.path.open("rb") as stream:
            header = _cells(stream.readline())
        if tuple(header) != self.columns:
            raise BadRequest(
                f"{shown(self.path)} holds something else (columns {', '.join(header)[:200]}). Choose another --out, "
                "or delete it."
            )
        counts: dict[str, int] = {}
        for name, line in _lines(self.path):
            self._follows(name)
            saved, error, stamp = _cells(line)[-3:]
            self._index[name] = f"{stamp}\t{plain(saved)}\t{plain(error)}"
            if not stamp.endswith(" 1") or name in counts:
                counts[name] = counts.get(name, 0) + 1
        self._torn = {
            name for name, count in counts.items() if Stamp.read(self._index[name].split("\t")[0]).rows != count
        }
        for name in self._torn:
            del self._index[name]
        self._cut = _is_cut(self.path)

    def _follows(self, name: str) -> None:
        self._sorted, self._last = self._sorted and name >= self._last, name

    def _sort(self) -> None:
        places: list[tuple[str, int, int]] = []
        start = len(self._line(self.columns))
        for name, line in _lines(self.path):
            places.append((name, start, len(line)))
            start += len(line)
        places.sort(key=lambda place: place[:2])
        self._rewrite(_at(self.path, places))
        self._sorted = True

    def _rewrite(self, lines: Iterator[bytes]) -> None:
        part = self.path.with_name(f".{uuid.uuid4().hex}.part")
        with writing(self.path):
            try:
                with part.open("wb") as stream:
                    stream.write(self._line(self.columns))
                    stream.writelines(lines)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.replace(part, self.path)
            finally:
                part.unlink(missing_ok=True)

    @staticmethod
    def _line(values: Sequence[Any]) -> bytes:
        return as_csv(values)


def as_csv(columns: Sequence[Any], rows: Iterable[Sequence[Any]] = ()) -> bytes:
    """A whole table in UTF-8: its columns' names, then rows of as many values. Every value is a `cell`; what is no
    UTF-8 is written as \\udcNN. Nothing is `escaped`: the caller knows which texts are file names."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([cell(value) for value in row] for row in (columns, *rows))
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every whole line below the header, and whose it is (escaped)."""
    with path.open("rb") as stream:
        stream.readline()
        for line in stream:
            if line.endswith(b"\n"):
                yield plain(_cells(line)[0]), line


def _at(path: Path, places: Sequence[tuple[str, int, int]]) -> Iterator[bytes]:
    with path.open("rb") as stream:
        for _, start, length in places:
            stream.seek(start)
            yield stream.read(length)


def _is_cut(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) != b"\n"


def _cells(line: bytes) -> list[str]:
    return next(csv.reader([line.decode("utf-8", "replace")]), [""])
