"""Statements that are compiled once and then go straight to the driver: what every vote runs through.

SQLAlchemy builds and looks up a statement in about ten times the time SQLite needs to carry it out. These are the same
Core statements, only the text is kept. Values come back as the driver gives them: SQLite has no truth values, only 0
and 1.
"""

from typing import Any

import sqlalchemy as sa


class Prepared:
    """A Core statement with `bindparam`s, kept as text for each dialect it met."""

    def __init__(self, statement: Any) -> None:
        """`statement`: select, insert, update or delete; literals in it become fixed values."""
        self._statement = statement
        self._texts: dict[str, tuple[str, list[str] | None, dict[str, Any]]] = {}

    def rows(self, connection: sa.Connection, **values: Any) -> list[tuple[Any, ...]]:
        """All rows, as tuples in the order of the selected columns."""
        cursor = self._run(connection, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        cursor.close()
        return found

    def row(self, connection: sa.Connection, **values: Any) -> tuple[Any, ...] | None:
        """The first row, None when there is none."""
        cursor = self._run(connection, values)
        found: tuple[Any, ...] | None = cursor.fetchone()
        cursor.close()
        return found

    def change(self, connection: sa.Connection, **values: Any) -> int:
        """Carry out an insert, update or delete; how many rows it touched."""
        cursor = self._run(connection, values)
        count: int = cursor.rowcount
        cursor.close()
        return count

    def _run(self, connection: sa.Connection, values: dict[str, Any]) -> Any:
        name = connection.dialect.name
        if name not in self._texts:
            self._texts[name] = self._compiled(connection)
        text, order, fixed = self._texts[name]
        given = {**fixed, **values}
        cursor = connection.connection.cursor()
        cursor.execute(text, given if order is None else [given[key] for key in order])
        return cursor

    def _compiled(self, connection: sa.Connection) -> tuple[str, list[str] | None, dict[str, Any]]:
        compiled = self._statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
        fixed = {key: value for key, value in compiled.params.items() if value is not None}
        return str(compiled), compiled.positiontup, fixed
