"""Who decides about disputed items, and what they decided."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXTS = ("study", "item", "rater", "task_type", "answer", "repeat_of", "shown_at", "answered_at", "flags", "reason")
_FIRST = sa.text("supersedes = ''")
_LATER = sa.text("supersedes != ''")


def upgrade() -> None:
    """Create the table of decisions; give raters a role."""
    op.add_column("raters", sa.Column("role", sa.Text(), nullable=False, server_default=""))
    columns: list[sa.Column[Any]] = [sa.Column("label", sa.Text(), primary_key=True)]
    columns += [sa.Column(name, sa.Text(), nullable=False) for name in (*_TEXTS, "grp", "supersedes", "study_sha256")]
    columns += [sa.Column(name, sa.Boolean(), nullable=False) for name in ("is_gold", "is_repeat", "swapped")]
    columns += [sa.Column(name, sa.Integer(), nullable=False) for name in ("seed", "response_ms", "number", "block")]
    columns += [sa.Column("value", sa.Float(), nullable=True), sa.Column("correct", sa.Boolean(), nullable=True)]
    op.create_table("decisions", *columns, sa.Column("propensity", sa.Float(), nullable=False))
    op.create_index("ix_decisions_rater", "decisions", ["study", "rater"])
    for name, columns_of, where in (
        ("ux_decisions_item_rater", ["study", "item", "rater"], _FIRST),
        ("ux_decisions_supersedes", ["supersedes"], _LATER),
    ):
        op.create_index(name, "decisions", columns_of, unique=True, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("decisions")
    op.drop_column("raters", "role")
