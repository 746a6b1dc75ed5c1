"""The photos below a folder: every file whose name ends like a photo's, less what earlier runs wrote there."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from workbench.batch.files import shown
from workbench.batch.record import is_output
from workbench.decoding import SUFFIXES
from workbench.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds.

    root: the folder. names: of its photos, relative, with forward slashes, sorted. others: files that are no photos,
    and folders that cannot be read. outputs: folders that hold results of earlier runs, which are no input.
    """

    root: Path
    names: tuple[str, ...]
    others: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def path(self, name: str) -> Path:
        """Where a photo lies."""
        return self.root / name

    def tell(self, verbose: bool) -> None:
        """Say what was left out: how many, and which when `verbose`."""
        for what, names in (("no photo", self.others), ("results of a run", self.outputs)):
            if names:
                print(f"{len(names):,} left out as {what}{'' if verbose else ' (-v lists them)'}.")
            for name in names if verbose else ():
                print(f"  {shown(name)}")


def listed(folder: Path, out: Path | None = None) -> Listing:
    """The photos below a folder, or one file as itself; `out`, where results go, is never among them.

    Links to folders are not followed. Raises BadRequest when there is nothing to read.
    """
    if folder.is_file():
        return Listing(folder.parent, (folder.name,))
    if not folder.is_dir():
        raise BadRequest(f"{shown(folder)} is neither a folder nor a file.")
    names: list[str] = []
    others: list[str] = []
    outputs: list[str] = []
    for name, kind in walk(folder, out):
        {"photo": names, "other": others, "output": outputs}[kind].append(name)
    if not names:
        found = f"; its {len(others):,} files have other names" if others else ""
        raise BadRequest(f"{shown(folder)} holds no photos (looked for {', '.join(sorted(SUFFIXES))}){found}.")
    return Listing(folder, tuple(sorted(names)), tuple(sorted(others)), tuple(sorted(outputs)))


def photos(folder: Path) -> list[Path]:
    """The photos below a folder, sorted; a file stands for itself. Raises BadRequest when there is nothing to read."""
    found = listed(folder)
    return [found.path(name) for name in found.names]


def walk(folder: Path, out: Path | None) -> Iterator[tuple[str, str]]:
    """Every file below by its relative name and as photo or other, and folders that are left out."""
    results = None if out is None else os.path.realpath(out)
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            entries = sorted(os.scandir(folder / inside), key=lambda entry: entry.name)
        except OSError:
            yield f"{inside}/", "other"
            continue
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir(follow_symlinks=False):
                if os.path.realpath(entry.path) == results or is_output(Path(entry.path)):
                    yield f"{name}/", "output"
                else:
                    waiting.append(name)
            elif os.path.splitext(name)[1].lower() in SUFFIXES and entry.is_file():
                yield name, "photo"
            elif not entry.name.startswith("."):
                yield name, "other"


def targets(names: Iterable[str], suffix: str, taken: Mapping[str, str]) -> dict[str, str]:
    """Where each photo's result goes, relative to the results: <stem><suffix>, or the whole name and the suffix where
    two would meet.

    taken: results of earlier runs by the photo's name, which keep their place. No two are equal, also where a disk
    does not tell large letters from small ones.
    """
    names = list(names)
    stems = Counter(_stem(name).casefold() for name in names)
    whole = {name.casefold() for name in names}
    used = {place.casefold() for place in taken.values()}
    found = {}
    for name in names:
        stem = _stem(name)
        alone = stems[stem.casefold()] == 1 and stem.casefold() not in whole
        places = (taken[name],) if name in taken else _places(stem if alone else name, name, suffix, used)
        found[name] = next(iter(places))
        used.add(found[name].casefold())
    return found


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _places(first: str, name: str, suffix: str, used: set[str]) -> Iterator[str]:
    """The names a result may have, best first, without those that are used."""
    numbered = (f"{name}-{number}{suffix}" for number in count(2))
    return (place for place in chain((f"{first}{suffix}", f"{name}{suffix}"), numbered) if place.casefold() not in used)
