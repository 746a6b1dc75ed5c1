"""What a study said and showed when. An edited question or item begins a new edition; answers keep theirs, named by
its sha256: the study file's own, or, where items changed or the text came back, one that no other edition has.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from workbench.errors import StudyError
from workbench.labeling.store import schema
from workbench.labeling.store.database import Database
from workbench.labeling.study.study import Study

_editions = schema.editions
COLUMNS = ("number", "sha256", "at", "who", "toml", "changed")
NOTE = ".editions.json"
"""The file beside the study's own."""
Since = list[tuple[float, str]]
"""(from when, sha256) of a study's editions, oldest first."""


def since(connection: sa.Connection, study: str) -> Since:
    """When each edition came into force; empty where there was only ever one."""
    query = sa.select(_editions.c.at, _editions.c.sha256).where(_editions.c.study == study).order_by(_editions.c.number)
    rows = [(float(at), str(sha256)) for at, sha256 in connection.execute(query)]
    return rows if len(rows) > 1 else []


def in_force(study: Study, editions: Since, when: float) -> str:
    """The sha256 of the edition in force at a time."""
    found = [sha256 for at, sha256 in editions if at <= when]
    return found[-1] if found else editions[0][1] if editions else study.sha256


def begin(
    connection: sa.Connection,
    study: Study,
    known: tuple[str, str] | None,
    changed: dict[str, Any],
    now: float,
    who: str,
) -> int:
    """Note the edition in force from now on; its number, or the last one's where nothing is new.

    A database that knows nothing of the study learns its earlier editions from the note beside its file.
    known: sha256 and text of the study's file as it was before, None for a new study. changed: item → its pictures
    before.
    """
    query = sa.select(_editions.c.number, _editions.c.sha256).where(_editions.c.study == study.name)
    there = {int(number): str(sha256) for number, sha256 in connection.execute(query)}
    if not there and known is None and (noted := recalled(study.folder)):
        connection.execute(_editions.insert(), [_row(study.name, one) for one in noted])
        there = {one["number"]: one["sha256"] for one in noted}
        known = (hashlib.sha256(noted[-1]["toml"].encode()).hexdigest(), noted[-1]["toml"])
    if not there:
        sha256, toml = known or (study.sha256, study.text)
        _write(connection, study.name, 1, sha256, 0.0, "", toml, {})
        there = {1: sha256}
    last = max(there)
    if known is None or (known[0] == study.sha256 and not changed):
        return last
    number, sha256 = last + 1, study.sha256
    if changed or sha256 in there.values():
        sha256 = hashlib.sha256(f"{study.sha256}:{number}".encode()).hexdigest()
    _write(connection, study.name, number, sha256, now, who, study.text, changed)
    return number


def note(database: Database, study: Study) -> None:
    """Note the editions beside the study's file, so that they outlive the database; none without an edit."""
    rows = editions(database, study.name).to_dict("records")
    if len(rows) > 1:
        scratch = study.folder / f"{NOTE}.new"
        scratch.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        scratch.replace(study.folder / NOTE)


def recalled(folder: Path) -> list[dict[str, Any]]:
    """The editions noted beside a study's file, oldest first; none where there is no note. Raises StudyError for a note
    that is damaged."""
    try:
        rows = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return [
            {
                "number": int(row["number"]),
                "sha256": str(row["sha256"]),
                "at": float(row["at"]),
                "who": str(row["who"]),
                "toml": str(row["toml"]),
                "changed": dict(row["changed"]),
            }
            for row in rows
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StudyError(f"{NOTE} in the study's folder is damaged. Put it back, or remove it.") from error


def stands(labels: Any) -> sa.ColumnElement[bool]:
    """Whether an answer (a row of labels, joined with its item) is about the item as it is now."""
    same = (_editions.c.study == labels.c.study, _editions.c.sha256 == labels.c.study_sha256)
    later = sa.exists().where(*same, _editions.c.number >= schema.items.c.edition).correlate(labels, schema.items)
    return sa.or_(schema.items.c.edition <= 1, later)


def editions(database: Database, study: str) -> pd.DataFrame:
    """One row per edition: number, sha256, at (seconds since 1970, 0 for the first), who, toml, changed (item → its
    pictures before)."""
    query = sa.select(*(_editions.c[name] for name in COLUMNS)).where(_editions.c.study == study)
    rows = database.run(lambda c: c.execute(query.order_by(_editions.c.number)).all())
    table = pd.DataFrame([tuple(row) for row in rows], columns=list(COLUMNS))
    table["changed"] = pd.Series([json.loads(text) for text in table["changed"]], index=table.index, dtype=object)
    return table


def _write(
    connection: sa.Connection, study: str, number: int, sha256: str, at: float, who: str, toml: str, changed: Any
) -> None:
    row = {"number": number, "sha256": sha256, "at": at, "who": who, "toml": toml, "changed": changed}
    connection.execute(_editions.insert(), _row(study, row))


def _row(study: str, edition: dict[str, Any]) -> dict[str, Any]:
    return edition | {"study": study, "changed": json.dumps(edition["changed"])}
