"""Who besides the server's owner may do what with a study."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of members."""
    op.create_table(
        "members",
        sa.Column("study", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Text(), nullable=False),
    )
    op.create_index("ix_members_token", "members", ["token"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("members")
