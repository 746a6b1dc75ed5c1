"""What a study said and showed when: an answer belongs to the edition that was in force when its item was lent."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of editions; note of every item since which it is as it is."""
    op.create_table(
        "editions",
        sa.Column("study", sa.Text(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("toml", sa.Text(), nullable=False),
        sa.Column("changed", sa.Text(), nullable=False),
    )
    op.create_index("ix_editions_sha256", "editions", ["study", "sha256"])
    op.add_column("items", sa.Column("edition", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("items", "edition")
    op.drop_table("editions")
