"""The loop every folder command shares: skip what is done, show progress, survive a bad file, list it at the end.

Knows nothing of models: the work on one photo is a function that the command brings.
"""

import csv
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from workbench.errors import BadRequest, WorkbenchError

PHOTOS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif"}
    | {".jp2"}
)


@dataclass(slots=True)
class Account:
    """What became of a folder: results by photo, in the folder's order, photos skipped, and (photo, reason) for the
    failed."""

    done: dict[Path, Any] = field(default_factory=dict)
    skipped: list[Path] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)

    def tell(self) -> int:
        """Print the closing lines; the exit code."""
        print(f"{len(self.done)} done, {len(self.skipped)} already there, {len(self.failed)} failed.")
        for path, reason in self.failed:
            print(f"  {path}: {reason}", file=sys.stderr)
        return 1 if self.failed else 0


def photos(folder: Path) -> list[Path]:
    """The photos below a folder, sorted; a file stands for itself. Raises BadRequest when there is nothing to read."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise BadRequest(f"{folder} is neither a folder nor a file.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTOS and path.is_file())
    if not found:
        raise BadRequest(f"{folder} holds no photos (looked for {', '.join(sorted(PHOTOS))}).")
    return found


def targets(photos: Sequence[Path], folder: Path, out: Path, suffix: str) -> dict[Path, Path]:
    """<stem><suffix> for every photo; the whole name where two photos share a stem, the subfolder where there is
    one."""
    base = folder if folder.is_dir() else folder.parent
    stems: dict[Path, list[Path]] = {}
    for photo in photos:
        stems.setdefault(photo.relative_to(base).with_suffix(""), []).append(photo)
    return {
        photo: out / (f"{stem}{suffix}" if len(group) == 1 else f"{photo.relative_to(base)}{suffix}")
        for stem, group in stems.items()
        for photo in group
    }


def merge_csv(path: Path, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Put rows into a table by their file's name; a file that is done again replaces its old rows, other rows stay."""
    old = list(csv.DictReader(io.StringIO(path.read_text()))) if path.is_file() else []
    merged: list[dict[str, Any]] = [row for row in old if row.get("file") not in rows]
    merged += [{"file": name, **row} for name, found in rows.items() for row in found]
    if not merged:
        return
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(dict.fromkeys(key for row in merged for key in row)))
    writer.writeheader()
    writer.writerows(merged)
    write_atomically(path, stream.getvalue().encode())


def run(
    paths: Sequence[Path],
    work: Callable[[Path], Any],
    *,
    done: Callable[[Path], bool] = lambda path: False,
    workers: int = 1,
    label: str,
) -> Account:
    """Call `work` on every path that is not `done`, `workers` at a time.

    A WorkbenchError, an unreadable file or any other fault of one photo is recorded with its reason; the run goes on.
    """
    account = Account(skipped=[path for path in paths if done(path)])
    waiting = [path for path in paths if path not in set(account.skipped)]
    results: dict[Path, Any] = {}
    with ThreadPoolExecutor(max(1, workers)) as pool, tqdm(total=len(waiting), desc=label, unit="photo") as bar:
        for path, future in _finished(pool, work, waiting, ahead=4 * max(1, workers)):
            bar.update()
            try:
                results[path] = future.result()
            except WorkbenchError as error:
                account.failed.append((path, str(error)))
            except Exception as error:  # noqa: BLE001 - one photo must never stop a run; it is listed with its fault
                account.failed.append((path, f"{type(error).__name__}: {error}"))
    account.done = {path: results[path] for path in waiting if path in results}
    account.failed.sort()
    return account


def _finished(
    pool: ThreadPoolExecutor, work: Callable[[Path], Any], paths: Iterable[Path], ahead: int
) -> Iterable[tuple[Path, "Future[Any]"]]:
    """Futures as they finish, never more than `ahead` submitted, so that a long folder does not fill the memory."""
    pending: dict[Future[Any], Path] = {}
    source = iter(paths)
    exhausted = False
    while pending or not exhausted:
        while not exhausted and len(pending) < ahead:
            path = next(source, None)
            if path is None:
                exhausted = True
                break
            pending[pool.submit(work, path)] = path
        if pending:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), future


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a killed run leaves either all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    os.replace(part, path)
