"""rule revisions.

Revision 0008, after 0007; 2026-11-25 13:05:00.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rule_revision",
        sa.Column("creative_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("changed_by", sa.String(length=500), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["creative_id"], ["creative.id"], name=op.f("fk_rule_revision_creative_id_creative")
        ),
        sa.PrimaryKeyConstraint("creative_id", "version", name=op.f("pk_rule_revision")),
    )


def downgrade() -> None:
    op.drop_table("rule_revision")
