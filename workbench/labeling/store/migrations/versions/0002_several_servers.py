"""What several servers of one database agree on."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of lives and of servers."""
    op.create_table(
        "lives",
        sa.Column("life", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("began_empty", sa.Boolean(), nullable=False),
        sa.Column("wiped", sa.Boolean(), nullable=False),
        sa.Column("receipts_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "servers",
        sa.Column("server", sa.Text(), primary_key=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("hub", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("servers")
    op.drop_table("lives")
