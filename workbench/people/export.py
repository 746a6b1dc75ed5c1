"""What groups of faces become: a table, pairs for a study, a folder per person."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path, PurePosixPath

import numpy as np

from workbench.batch import as_csv, escaped, write_atomically
from workbench.errors import BadRequest
from workbench.people.faces import Faces, names, nearest
from workbench.people.looking import Doubt, Like, Twice
from workbench.people.naming import checked

ALONE = "alone"
EACH = 10
"""Pairs of one person that a study takes at most, so that nobody fills it."""
_NEAR = 30


def _written(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> bytes:
    """A table; texts are escaped."""
    return as_csv(columns, ([_text(row.get(column)) for column in columns] for row in rows))


def _text(value: object) -> object:
    return escaped(value) if isinstance(value, str) else value


def table(faces: Faces, people: Sequence[str], given: Sequence[str] = ()) -> bytes:
    """A line per face: its name, photo, box in pixels of the photo, and person ("" alone); who it was given to."""
    columns = ["face", "file", "left", "top", "right", "bottom", "person", *(["given"] if given else [])]
    rows = [
        {
            "face": name,
            "file": photo,
            **dict(zip(columns[2:6], (round(float(side), 1) for side in box), strict=True)),
            "person": who,
            **({"given": given[i]} if given else {}),
        }
        for i, (name, photo, box, who) in enumerate(zip(names(faces), faces.photos, faces.boxes, people, strict=True))
    ]
    return _written(rows, columns)


def duplicates_table(faces: Faces, found: Sequence[Twice]) -> bytes:
    """A line per pair of faces that are probably one picture."""
    known = names(faces)
    rows = [
        {"face_a": known[each.first], "face_b": known[each.second], "bits": round(each.bits, 4),
         "mirrored": int(each.mirrored)}
        for each in found
    ]  # fmt: skip
    return _written(rows, ("face_a", "face_b", "bits", "mirrored"))


def doubts_table(faces: Faces, found: Sequence[Doubt]) -> bytes:
    """A line per picture that probably shows somebody else than its folder says."""
    known = names(faces)
    rows = [
        {"face": known[each.face], "given": each.given, "rather": each.other, "why": each.words(),
         "surer": round(each.surer, 4)}
        for each in found
    ]  # fmt: skip
    return _written(rows, ("face", "given", "rather", "surer", "why"))


def search_table(faces: Faces, found: Sequence[Like]) -> bytes:
    """A line per face that is like the one searched for, nearest first."""
    known = names(faces)
    rows = [
        {"face": known[each.face], str(faces.metric): round(each.score, 4), "same": "" if each.same is None else
         int(each.same)}
        for each in found
    ]  # fmt: skip
    return _written(rows, ("face", str(faces.metric), "same"))


def pairs(faces: Faces, people: Sequence[str]) -> bytes:
    """Pairs of photos for a study, or for `evaluate` and `verify`: file_a, file_b, same.

    Of every person at most `EACH` pairs; as many of two people, the most alike first, each photo at most `EACH` times.
    Photos that show several faces are left out: nobody could say whose pair it is. Raises BadRequest where nobody has
    two photos.
    """
    photos, counts = np.unique(np.array(faces.photos), return_counts=True)
    lone = set(photos[counts == 1].tolist())
    rows = np.array([i for i, photo in enumerate(faces.photos) if photo in lone], int)
    by_person: dict[str, list[int]] = {}
    for i in rows:
        if people[i]:
            by_person.setdefault(people[i], []).append(int(i))
    same = [pair for own in by_person.values() for pair in list(combinations(own, 2))[:EACH]]
    if not same:
        raise BadRequest("Nobody has two photos of their own here, so there are no pairs.")
    different = list(_hard(faces, rows, people, len(same)))
    told = [
        {"file_a": faces.photos[a], "file_b": faces.photos[b], "same": truth}
        for truth, found in ((1, same), (0, different))
        for a, b in found
    ]
    return _written(told, ("file_a", "file_b", "same"))


def _hard(faces: Faces, rows: np.ndarray, people: Sequence[str], count: int) -> Iterator[tuple[int, int]]:
    """The most alike pairs of two people, everybody at most `EACH` times; faces that are alone are people too."""
    order, far = nearest(faces.only(rows).places, _NEAR)
    who = [people[i] or f"\0{i}" for i in rows]
    close = sorted(
        (float(distance), i, int(j))
        for i, (near, apart) in enumerate(zip(order, far, strict=True))
        for j, distance in zip(near[1:], apart[1:], strict=True)
        if who[i] != who[j] and (i < j or i not in order[j])
    )
    used: dict[int, int] = {}
    left = count
    for _, i, j in close:
        if left and used.get(i, 0) < EACH and used.get(j, 0) < EACH:
            used[i], used[j], left = used.get(i, 0) + 1, used.get(j, 0) + 1, left - 1
            yield int(rows[i]), int(rows[j])


def folders(faces: Faces, people: Sequence[str], root: Path, out: Path) -> int:
    """Copy every photo of `root` into a folder of its person below `out`; how many copies.

    A photo of several people goes to each of them, faces that are alone into `alone`. The photos stay where they are.
    Raises BadRequest for an `out` that holds something or lies in `root`, CannotWrite.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadRequest(f"{out} holds something already; name an empty folder for the people.")
    if out.resolve() == root.resolve():
        raise BadRequest("The people's folders cannot be the photos' own.")
    wanted = dict.fromkeys(
        (checked(who) if who else ALONE, photo) for photo, who in zip(faces.photos, people, strict=True)
    )
    taken: set[Path] = set()
    for who, photo in wanted:
        target = _free(out / who / PurePosixPath(photo).name, taken)
        write_atomically(target, (root / photo).read_bytes())
        shutil.copystat(root / photo, target)
    return len(wanted)


def _free(path: Path, taken: set[Path]) -> Path:
    """This name, or with a number where it is taken: two folders may each hold an IMG_1.jpg."""
    found, number = path, 2
    while Path(str(found).lower()) in taken:
        found, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    taken.add(Path(str(found).lower()))
    return found
