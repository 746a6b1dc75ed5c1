"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "audit",
        sa.Column("n", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column("entry", sa.Text(), primary_key=True),
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("rater", sa.Text(), nullable=False),
        sa.Column("shard", sa.Text(), nullable=False),
    )
    op.create_index(
        "ix_entries_open",
        "entries",
        ["study", "kind"],
        unique=False,
        sqlite_where=sa.text("shard = ''"),
        postgresql_where=sa.text("shard = ''"),
    )
    op.create_index("ix_entries_rater", "entries", ["study", "rater"], unique=False)
    op.create_index("ix_entries_shard", "entries", ["shard"], unique=False)
    op.create_table(
        "items",
        sa.Column("study", sa.Text(), primary_key=True),
        sa.Column("item", sa.Text(), primary_key=True),
        sa.Column("pictures", sa.Text(), nullable=False),
        sa.Column("grp", sa.Text(), nullable=False),
        sa.Column("gold", sa.Text(), nullable=False),
        sa.Column("truth", sa.Text(), nullable=False),
        sa.Column("conflict", sa.Text(), nullable=False),
        sa.Column("is_gold", sa.Boolean(), nullable=False),
        sa.Column("pos", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("filled", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_items_anywhere", "items", ["study", "is_gold", "is_open", "pos"], unique=False)
    op.create_index("ix_items_least_filled", "items", ["study", "is_gold", "is_open", "filled", "pos"], unique=False)
    op.create_table(
        "labels",
        sa.Column("label", sa.Text(), primary_key=True),
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("rater", sa.Text(), nullable=False),
        sa.Column("task_type", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("correct", sa.Boolean(), nullable=True),
        sa.Column("is_gold", sa.Boolean(), nullable=False),
        sa.Column("is_repeat", sa.Boolean(), nullable=False),
        sa.Column("repeat_of", sa.Text(), nullable=False),
        sa.Column("swapped", sa.Boolean(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("response_ms", sa.Integer(), nullable=False),
        sa.Column("shown_at", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.Text(), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("grp", sa.Text(), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=False),
        sa.Column("supersedes", sa.Text(), nullable=False),
        sa.Column("study_sha256", sa.Text(), nullable=False),
    )
    op.create_index("ix_labels_item", "labels", ["study", "item"], unique=False)
    op.create_index("ix_labels_number", "labels", ["study", "rater", "number"], unique=False)
    op.create_index(
        "ux_labels_item_rater",
        "labels",
        ["study", "rater", "item", "is_repeat"],
        unique=True,
        sqlite_where=sa.text("supersedes = ''"),
        postgresql_where=sa.text("supersedes = ''"),
    )
    op.create_index(
        "ux_labels_supersedes",
        "labels",
        ["supersedes"],
        unique=True,
        sqlite_where=sa.text("supersedes != ''"),
        postgresql_where=sa.text("supersedes != ''"),
    )
    op.create_table(
        "leases",
        sa.Column("lease", sa.Text(), primary_key=True),
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("rater", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("swapped", sa.Boolean(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=False),
        sa.Column("repeat_of", sa.Text(), nullable=False),
        sa.Column("supersedes", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_leases_expiry", "leases", ["expires_at"], unique=False)
    op.create_index("ix_leases_rater", "leases", ["study", "rater", "item"], unique=False)
    op.create_index(
        "ux_leases_item_rater",
        "leases",
        ["study", "item", "rater"],
        unique=True,
        sqlite_where=sa.text("repeat_of = '' AND supersedes = ''"),
        postgresql_where=sa.text("repeat_of = '' AND supersedes = ''"),
    )
    op.create_table(
        "people",
        sa.Column("study", sa.Text(), primary_key=True),
        sa.Column("rater", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_index("ix_people_value", "people", ["study", "name", "value"], unique=False)
    op.create_table(
        "raters",
        sa.Column("study", sa.Text(), primary_key=True),
        sa.Column("rater", sa.Text(), primary_key=True),
        sa.Column("consent_version", sa.Text(), nullable=False),
        sa.Column("consented_at", sa.Text(), nullable=False),
        sa.Column("demographics", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("given", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.Text(), nullable=False),
    )
    op.create_table(
        "shards",
        sa.Column("shard", sa.Text(), primary_key=True),
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sealed_at", sa.Text(), nullable=False),
        sa.Column("pushed_at", sa.Text(), nullable=False),
        sa.Column("hub_commit", sa.Text(), nullable=False),
    )
    op.create_index("ix_shards_pushed", "shards", ["study", "pushed_at"], unique=False)
    op.create_table(
        "studies",
        sa.Column("study", sa.Text(), primary_key=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("toml", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.Text(), nullable=False),
    )
    op.create_table(
        "tombstones",
        sa.Column("study", sa.Text(), primary_key=True),
        sa.Column("rater", sa.Text(), primary_key=True),
        sa.Column("withdrawn_at", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """Drop every table."""
    for name in (
        "audit",
        "entries",
        "items",
        "labels",
        "leases",
        "people",
        "raters",
        "shards",
        "studies",
        "tombstones",
    ):
        op.drop_table(name)
