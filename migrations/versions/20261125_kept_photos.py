"""kept photos.

Revision 0007, after 0006; 2026-11-25 09:10:00.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_photo",
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("publisher_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["publisher_id"], ["publisher.id"], name=op.f("fk_kept_photo_publisher_id_publisher")
        ),
        sa.ForeignKeyConstraint(["scan_id"], ["scan.id"], name=op.f("fk_kept_photo_scan_id_scan")),
        sa.PrimaryKeyConstraint("scan_id", name=op.f("pk_kept_photo")),
    )
    with op.batch_alter_table("kept_photo", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_kept_photo_kept_until"), ["kept_until"])
        batch_op.create_index(
            batch_op.f("ix_kept_photo_publisher_id_created_at_scan_id"),
            ["publisher_id", "created_at", "scan_id"],
        )


def downgrade() -> None:
    op.drop_table("kept_photo")
