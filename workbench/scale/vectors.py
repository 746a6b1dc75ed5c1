"""The .npz of vectors: while a run goes on its rows are in a table beside it, at the end they are packed, in streams.

Members: names (n,), embeddings (n, d) float32, metric, model, faces (n,), boxes (n, 4) in pixels of the photo, stamps
(n,) of the photos; failed and errors (m,) with failed_stamps. Names are escaped as in tables (`batch.names`).
"""

import base64
import os
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.batch import Stamp, Table, unescaped
from workbench.batch.files import shown, writing
from workbench.errors import BadRequest
from workbench.scale.plain import Sink
from workbench.scale.step import Outcome

SIDES = ("left", "top", "right", "bottom")
COLUMNS = ("faces", *SIDES, "metric", "vector")
FORMAT = np.dtype("<f4")
_NO_VECTORS = (
    *(KeyError, ValueError, OSError, EOFError, RuntimeError, IndexError, TypeError, SyntaxError),
    *(struct.error, zlib.error, zipfile.BadZipFile),
)
"""What NumPy and the zip reader raise for a file that is empty, damaged or something else."""


class Growing(Sink):
    """The vectors of one run: rows in `table` while it goes on, the .npz `out` at the end."""

    columns = ("vector",)

    def __init__(self, out: Path, model: str) -> None:
        """out: the .npz. model: id of the recogniser, written into it."""
        self.out, self.table, self._model = out, out.with_name(f"{out.name}.rows.csv"), model

    def start(self) -> None:
        """Go on with vectors that are packed already: back into rows. Raises BadRequest for another file."""
        if self.out.is_file() and not self.table.exists():
            rows = Table(self.table, COLUMNS)
            rows.begin()
            for name, row, stamp, error in _unpacked(self.out):
                rows.add(name, [row], stamp, error=error)
            rows.end(tidy=False)

    def keep(self, name: str, outcome: Outcome) -> dict[str, Any]:
        """The vector as a column of the photo's row."""
        assert outcome.vector is not None
        return {"vector": base64.b64encode(outcome.vector.astype(FORMAT).tobytes()).decode()}

    def finish(self) -> None:
        """Pack everything, sorted by name, and take the rows away."""
        pack(self.out, self._model, Table(self.table, COLUMNS).rows)
        self.table.unlink()


def pack(out: Path, model: str, rows: Any) -> None:
    """Write an .npz from rows, read twice: `rows()` gives mappings with the columns of a table, in the order wanted."""
    names, stamps, figures, metric = [], [], [], ""
    failed: list[tuple[str, str, str]] = []
    for row in rows():
        if row["error"]:
            failed.append((row["file"], row["error"], row["stamp"]))
        else:
            names.append(row["file"])
            stamps.append(row["stamp"])
            figures.append([float(row[column]) for column in ("faces", *SIDES)])
            metric = row["metric"]
    table = np.array(figures, np.float32).reshape(-1, 5)
    told = {
        "names": _texts(names),
        "metric": np.array(metric),
        "model": np.array(model),
        "faces": table[:, 0].astype(np.int32),
        "boxes": table[:, 1:],
        "stamps": _texts(stamps),
        **{key: _texts([line[i] for line in failed]) for i, key in enumerate(("failed", "errors", "failed_stamps"))},
    }
    _write(out, told, len(names), (_vector(row["vector"]) for row in rows() if not row["error"]))


def _write(out: Path, told: Mapping[str, np.ndarray], count: int, vectors: Iterator[np.ndarray]) -> None:
    part = out.with_name(f".{uuid.uuid4().hex}.part")
    with writing(out):
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
                for name, values in told.items():
                    with archive.open(_member(name), "w", force_zip64=True) as stream:
                        np.lib.format.write_array(stream, values, allow_pickle=False)
                with archive.open(_member("embeddings"), "w", force_zip64=True) as stream:
                    _stream(stream, count, vectors)
            os.replace(part, out)
        finally:
            part.unlink(missing_ok=True)


def _stream(stream: Any, count: int, vectors: Iterator[np.ndarray]) -> None:
    first = next(vectors, np.zeros(0, FORMAT))
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, len(first))}
    np.lib.format.write_array_header_1_0(stream, header)
    stream.write(first.tobytes())
    for vector in vectors:
        stream.write(vector.tobytes())


def _member(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(f"{name}.npy", (2000, 1, 1, 0, 0, 0))


def _texts(values: list[str]) -> np.ndarray:
    return np.array(values, dtype=np.str_)


def _vector(found: Any) -> np.ndarray:
    """From a cell of a table, or from the numbers of a shard."""
    return np.frombuffer(base64.b64decode(found), FORMAT) if isinstance(found, str) else np.asarray(found, FORMAT)


def _unpacked(path: Path) -> Iterator[tuple[str, dict[str, Any], Stamp, str]]:
    """Photo, row, stamp and error of everything in an .npz, without reading all vectors at once."""
    try:
        with np.load(path, allow_pickle=False) as found, zipfile.ZipFile(path) as archive:
            names, stamps, faces, boxes = (found[key] for key in ("names", "stamps", "faces", "boxes"))
            metric = str(found["metric"])
            with archive.open("embeddings.npy") as stream:
                np.lib.format.read_magic(stream)
                (_, width), _, kind = np.lib.format.read_array_header_1_0(stream)
                for name, stamp, count, box in zip(names, stamps, faces, boxes, strict=True):
                    vector = base64.b64encode(stream.read(width * kind.itemsize)).decode()
                    sides = dict(zip(SIDES, (f"{side:.1f}" for side in box), strict=True))
                    row = {"faces": int(count), **sides, "metric": metric, "vector": vector}
                    yield unescaped(str(name)), row, Stamp.read(str(stamp)), ""
            lost = zip(found["failed"], found["errors"], found["failed_stamps"], strict=True)
            for name, error, stamp in lost:
                yield unescaped(str(name)), {}, Stamp.read(str(stamp)), str(error)
    except _NO_VECTORS as error:
        raise BadRequest(
            f"{shown(path)} is no file of embeddings ({error}). Choose another --out, or delete it."
        ) from error
