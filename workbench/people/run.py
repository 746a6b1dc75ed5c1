"""A folder's faces from vectors to everything that is written of them: groups, doubts, copies, tables and the page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.batch import write_atomically
from workbench.errors import BadRequest
from workbench.metrics.clustering import Share, bcubed, pairwise
from workbench.people import export
from workbench.people.faces import Faces
from workbench.people.grouping import Way, group
from workbench.people.looking import Doubt, Like, Twice, doubts, duplicates, search
from workbench.people.naming import titles
from workbench.people.page import page

PAGE, TABLE, FIGURES = "people.html", "people.csv", "figures.json"


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """What was found. people: (n,) a name for each face, "" alone. given: (n,) who it is said to be, or empty.

    by_face, by_pair: how well groups agree with `given`, None without.
    """

    faces: Faces
    people: tuple[str, ...]
    given: tuple[str, ...] = ()
    twice: tuple[Twice, ...] = ()
    doubtful: tuple[Doubt, ...] = ()
    like: tuple[Like, ...] = ()
    by_face: Share | None = None
    by_pair: Share | None = None

    @property
    def count(self) -> int:
        """People with several faces."""
        return len({who for who in self.people if who})


def sort(
    faces: Faces,
    way: Way,
    *,
    given: Sequence[str] = (),
    people: Sequence[str] = (),
    like: np.ndarray | None = None,
) -> People:
    """Put faces into groups and look at them. given: (n,) who each is said to be. people: (n,) names a person gave,
    instead of grouping. like: (d,) a vector to search for.

    Raises BadRequest for a recogniser without a threshold, and for lengths that do not fit.
    """
    for word, texts in (("given", given), ("people", people)):
        if texts and len(texts) != len(faces):
            raise BadRequest(f"{word}: expected {len(faces)} names, got {len(texts)}.")
    named = tuple(people) or titles(group(faces, way).tolist())
    known = np.array([bool(who) for who in given], bool)
    numbers = np.unique(np.array(named), return_inverse=True)[1] if named else np.zeros(0, int)
    numbers = np.where(np.array([bool(who) for who in named], bool), numbers, -1)
    judged = (numbers[known].tolist(), [who for who in given if who]) if known.any() else None
    return People(
        faces,
        named,
        tuple(given),
        duplicates(faces),
        doubts(faces, given) if given else (),
        () if like is None else search(faces, like),
        bcubed(*judged) if judged else None,
        pairwise(*judged) if judged else None,
    )


def write(found: People, out: Path, title: str, notes: Sequence[str] = ()) -> None:
    """people.html, people.csv, figures.json, and where there is something to tell pairs.csv, duplicates.csv, doubts.csv
    and search.csv. Tables of an earlier run that have nothing to tell any more go."""
    faces = found.faces
    write_atomically(out / TABLE, export.table(faces, found.people, found.given))
    write_atomically(out / FIGURES, (json.dumps(as_json(found), indent=1, ensure_ascii=False) + "\n").encode())
    tables: dict[str, bytes] = {}
    if found.twice:
        tables["duplicates.csv"] = export.duplicates_table(faces, found.twice)
    if found.doubtful:
        tables["doubts.csv"] = export.doubts_table(faces, found.doubtful)
    if found.like:
        tables["search.csv"] = export.search_table(faces, found.like)
    try:
        tables["pairs.csv"] = export.pairs(faces, found.people)
    except BadRequest as error:
        notes = (*notes, str(error))
    for name in ("duplicates.csv", "doubts.csv", "search.csv", "pairs.csv"):
        if name in tables:
            write_atomically(out / name, tables[name])
        else:
            (out / name).unlink(missing_ok=True)
    write_atomically(out / PAGE, _page(found, title, notes).encode())


def _page(found: People, title: str, notes: Sequence[str]) -> str:
    tiles = []
    if found.by_face is not None and found.by_pair is not None:
        tiles = [
            (f"{found.by_face.f:.3f}", "BCubed F against who is who"),
            (f"{found.by_pair.f:.3f}", "F over pairs against who is who"),
        ]
    return page(
        found.faces,
        found.people,
        title=title,
        found=tiles,
        notes=notes,
        twice=found.twice,
        doubtful=found.doubtful,
        like=found.like,
    )


def as_json(found: People) -> dict[str, Any]:
    """The figures of a run."""
    shares = {"bcubed": found.by_face, "pairwise": found.by_pair}
    return {
        "model": found.faces.model,
        "faces": len(found.faces),
        "photos": len(set(found.faces.photos)),
        "people": found.count,
        "alone": sum(not who for who in found.people),
        "without a face": len(found.faces.failed),
        "duplicates": len(found.twice),
        "doubts": len(found.doubtful),
        **{
            name: {"precision": share.precision, "recall": share.recall, "f": share.f}
            for name, share in shares.items()
            if share is not None
        },
    }
