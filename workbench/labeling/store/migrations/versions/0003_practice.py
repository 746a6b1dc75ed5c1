"""How far raters are with a study's practice."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of practice."""
    op.create_table(
        "practice",
        sa.Column("study", sa.Text(), primary_key=True),
        sa.Column("rater", sa.Text(), primary_key=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("understood", sa.Boolean(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("right_ones", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("practice")
