"""rollups.

Revision 0005, after 0004; 2026-11-25 09:30:00.

Pins count their changes, so that a day's rollups can tell whether they are up to date.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pin", schema=None) as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=True))
    op.execute("UPDATE pin SET version = 1")
    with op.batch_alter_table("pin", schema=None) as batch_op:
        batch_op.alter_column("version", existing_type=sa.Integer(), nullable=False)
        batch_op.create_index(batch_op.f("ix_pin_created_at"), ["created_at"], unique=False)
    with op.batch_alter_table("scan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_scan_created_at"), ["created_at"], unique=False)
    op.create_table(
        "rollup_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("scans", sa.Integer(), nullable=False),
        sa.Column("pin_changes", sa.BigInteger(), nullable=False),
        sa.Column("rolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_rollup_day")),
    )
    op.create_table(
        "photo_rollup",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("device", sa.String(length=16), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("photos", sa.Integer(), nullable=False),
        sa.CheckConstraint("photos >= 1", name=op.f("ck_photo_rollup_counts")),
        sa.PrimaryKeyConstraint("day", "device", "country", "reason", name=op.f("pk_photo_rollup")),
    )
    _for_publishers()


def _for_publishers() -> None:
    """Add what publishers see of their own creatives."""
    op.create_table(
        "reader_sketch",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("device", sa.String(length=16), nullable=False),
        sa.Column("publisher_id", sa.Uuid(), nullable=False),
        sa.Column("sketch", sa.LargeBinary(length=2048), nullable=False),
        sa.ForeignKeyConstraint(
            ["publisher_id"], ["publisher.id"], name=op.f("fk_reader_sketch_publisher_id_publisher")
        ),
        sa.PrimaryKeyConstraint(
            "subject_id",
            "day",
            "device",
            name=op.f("pk_reader_sketch"),
            postgresql_include=["publisher_id", "sketch"],
        ),
    )
    op.create_index(op.f("ix_reader_sketch_day"), "reader_sketch", ["day"], unique=False)
    op.create_table(
        "creative_rollup",
        sa.Column("creative_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("device", sa.String(length=16), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column(
            "shown",
            sa.Enum(
                "content",
                "campaign_fallback",
                "publisher_fallback",
                "notice",
                name="shown",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("publisher_id", sa.Uuid(), nullable=False),
        sa.Column("scans", sa.Integer(), nullable=False),
        sa.Column("pins", sa.Integer(), nullable=False),
        sa.Column("pins_failed", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "scans >= 0 AND pins >= 0 AND pins_failed BETWEEN 0 AND pins",
            name=op.f("ck_creative_rollup_counts"),
        ),
        sa.ForeignKeyConstraint(
            ["creative_id", "publisher_id"],
            ["creative.id", "creative.publisher_id"],
            name=op.f("fk_creative_rollup_creative_id_publisher_id_creative"),
        ),
        sa.PrimaryKeyConstraint(
            "creative_id",
            "day",
            "device",
            "country",
            "shown",
            name=op.f("pk_creative_rollup"),
            postgresql_include=["publisher_id", "scans", "pins", "pins_failed"],
        ),
    )
    op.create_index(op.f("ix_creative_rollup_day"), "creative_rollup", ["day"], unique=False)
    op.create_index(
        op.f("ix_creative_rollup_publisher_id_day"), "creative_rollup", ["publisher_id", "day"], unique=False
    )


def downgrade() -> None:
    for table in ("creative_rollup", "reader_sketch", "photo_rollup", "rollup_day"):
        op.drop_table(table)
    with op.batch_alter_table("scan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_scan_created_at"))
    with op.batch_alter_table("pin", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pin_created_at"))
        batch_op.drop_column("version")
