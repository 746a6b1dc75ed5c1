"""The clock that erases what has been kept as long as its study says, in the database and on the Hub."""

import logging
from datetime import datetime, timezone
from pathlib import Path

import sqlalchemy as sa

from workbench.errors import StudyError, WorkbenchError
from workbench.labeling.hub.compaction import compact
from workbench.labeling.hub.outbox import Outbox
from workbench.labeling.store import keeping_times, schema
from workbench.labeling.study.study import Study, parse_study

log = logging.getLogger(__name__)
_HOUR = 3600.0


class KeepingClock:
    """Looks once an hour at every study of the database, served or not."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._looked = -_HOUR

    def tick(self) -> None:
        """Erase what is due, if the hour is over; called every few seconds. Never raises: what did not work is tried
        again in an hour."""
        now = self._outbox.store.now()
        if abs(now - self._looked) < _HOUR or not self._outbox.ready:
            return
        self._looked = now
        try:
            erase_due(self._outbox)
        except WorkbenchError as error:
            log.warning("what is due could not be erased everywhere yet: %s", error)


def erase_due(outbox: Outbox) -> int:
    """Erase what is due in all studies; of how many raters names or answers went. Answers leave the data set's files
    and the database in the same go. Raises SourceUnreachable when the Hub does not play along: then they are out of use
    and leave with the next call."""
    store, count, keeps = outbox.store, 0, False
    for study in studies_of(outbox):
        found = keeping_times.due(store, study)
        keeping_times.erase(store, study, found)
        count += len({*found.names, *found.answers})
        keeps |= bool(study.retention.answers)
    if keeps and keeping_times.left_over(store):
        outbox.hub.ensure()
        compact(outbox, before=datetime.fromtimestamp(store.now(), timezone.utc).strftime("%Y-%m-%d"))
    return count


def studies_of(outbox: Outbox) -> list[Study]:
    """Every study of the database, as its file was when it was served last; those that cannot be read are left out."""
    table, found = schema.studies, []
    for text in outbox.store.database.run(lambda c: list(c.scalars(sa.select(table.c.toml).order_by(table.c.study)))):
        try:
            found.append(parse_study(text, Path()))
        except StudyError as error:
            log.warning("a study's keeping times are unknown, its file is not read any more: %s", error)
    return found
