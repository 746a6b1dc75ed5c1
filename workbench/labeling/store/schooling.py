"""How far a rater is with a study's practice: kept here, so that no step can be taken twice, at whatever server of the
database and however often it restarts."""

from dataclasses import astuple, dataclass, fields

import sqlalchemy as sa

from workbench.labeling.store import people, schema

FAILED = "practice failed"
"""The audit log's word for a try that did not pass."""
_practice = schema.practice


@dataclass(frozen=True, slots=True)
class Progress:
    """Where somebody is. step: how many steps were taken, over all tries. understood: the questions are answered.
    number, right_ones: practice items answered in this try, and rightly. failed: tries that did not pass. passed: one
    did."""

    step: int = 0
    understood: bool = False
    number: int = 0
    right_ones: int = 0
    failed: int = 0
    passed: bool = False


_NAMES = tuple(field.name for field in fields(Progress))


def progress(connection: sa.Connection, study: str, rater: str) -> Progress:
    """Where a rater is. Who begins starts with the tries that failed under the same platform name."""
    mine = (_practice.c.study == study, _practice.c.rater == rater)
    row = connection.execute(sa.select(*(_practice.c[name] for name in _NAMES)).where(*mine)).first()
    return Progress(failed=_failed_before(connection, study, rater)) if row is None else Progress(*row)


def keep(connection: sa.Connection, study: str, rater: str, at: Progress) -> None:
    """Keep where a rater is now."""
    mine = (_practice.c.study == study, _practice.c.rater == rater)
    values = dict(zip(_NAMES, astuple(at), strict=True))
    if not connection.execute(_practice.update().where(*mine).values(**values)).rowcount:
        connection.execute(_practice.insert(), values | {"study": study, "rater": rater})


def _failed_before(connection: sa.Connection, study: str, rater: str) -> int:
    """Failed tries of this rater noted by an earlier version, and of others who came with the same platform name."""
    names = people.named(connection, study, rater)
    who = [rater, *people.namesakes(connection, study, rater, names)]
    audit = schema.audit
    noted = (audit.c.study == study, audit.c.what == FAILED, audit.c.detail.in_(who))
    return connection.scalar(sa.select(sa.func.count()).select_from(audit).where(*noted)) or 0
