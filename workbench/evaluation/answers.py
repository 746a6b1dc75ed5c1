"""What models answered, kept on disk: one line per photo as it is made, so that a stopped run goes on and figures can
be made anew without the models.

A folder belongs to one model with its weights; another model, or other weights, is refused. A photo that was replaced
is asked again.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from workbench.batch.files import write_atomically
from workbench.errors import BadRequest
from workbench.evaluation.truth import Case


class Answers:
    """The answers of one model. Used as a context: it holds the folder's lock meanwhile."""

    def __init__(self, folder: Path, model: str, mark: str) -> None:
        """folder: of this model alone. mark: what the answers depend on besides the photos (weights, kind)."""
        self.folder, self._head = folder, {"model": model, "mark": mark}
        self._rows: dict[str, dict[str, Any]] = {}
        self._lock = FileLock(folder / ".lock", timeout=0)
        self._file = folder / "answers.jsonl"

    def __enter__(self) -> "Answers":
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            raise BadRequest(f"{self.folder} is in use by another run; wait for it or name another --out.") from None
        self._read()
        return self

    def __exit__(self, *fault: object) -> None:
        self._lock.release()

    def fresh(self, case: Case) -> bool:
        """Whether this photo, as it lies there now, has been answered."""
        row = self._rows.get(case.id)
        return row is not None and row["stamp"] == _stamp(case.photo)

    def add(self, case: Case, value: Any = None, error: str = "", labels: bytes = b"") -> None:
        """Keep an answer, or why there is none. labels: a part map as PNG, kept as a file of its own."""
        if labels:
            write_atomically(self.map_of(case), labels)
        row = {"id": case.id, "stamp": _stamp(case.photo), "value": value, "error": error}
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row, ensure_ascii=True) + "\n")
        self._rows[case.id] = row

    def row(self, case: Case) -> dict[str, Any]:
        """The kept answer: value and error."""
        return self._rows[case.id]

    def map_of(self, case: Case) -> Path:
        """Where a photo's part map lies."""
        return self.folder / "maps" / f"{case.id}.png"

    def _read(self) -> None:
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.is_file() else []
        rows = [row for line in lines if (row := _parsed(line)) is not None]
        if rows and rows[0].get("model") is not None and rows[0] != self._head:
            raise BadRequest(
                f"{self.folder} holds answers of {rows[0]['model']} with other weights or settings; name another --out."
            )
        if not rows:
            write_atomically(self._file, (json.dumps(self._head) + "\n").encode())
        elif len(rows) < len(lines):  # a killed run's last line: half a row must not swallow the next one
            write_atomically(self._file, "".join(json.dumps(row) + "\n" for row in rows).encode())
        self._rows = {row["id"]: row for row in rows if "id" in row}


def pack(vector: np.ndarray) -> str:
    """A vector as text, every bit kept."""
    return base64.b64encode(np.asarray(vector, np.float32).tobytes()).decode()


def unpack(text: str) -> np.ndarray:
    """The vector again, (d,) float32."""
    return np.frombuffer(base64.b64decode(text), np.float32)


def waiting(cases: tuple[Case, ...], answers: Answers) -> Iterator[Case]:
    """The cases still to be asked."""
    return (case for case in cases if not answers.fresh(case))


def _stamp(path: Path) -> str:
    found = os.stat(path)
    return f"{found.st_size}-{found.st_mtime_ns}"


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


Ask = Callable[[Path | bytes], tuple[Any, bytes]]
"""One photo's answer: a value that JSON can hold, and a part map or b""."""
