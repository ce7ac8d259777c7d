"""registry.

Revision 0004, after 0003; 2026-11-25 07:38:52.

What a picture leads to moves from the picture's row to destinations, which have a history.
"""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BATCH = 1000

_creative = sa.table(
    "creative",
    *(sa.column(name) for name in ("title", "description", "link", "picture", "alt_text")),
    sa.column("id", sa.Uuid()),
    sa.column("publisher_id", sa.Uuid()),
    sa.column("created_at", sa.DateTime(timezone=True)),
)
_destination = sa.table(
    "destination",
    *(sa.column(name, sa.Uuid()) for name in ("id", "publisher_id", "creative_id")),
    *(
        sa.column(name)
        for name in ("state", "title", "description", "link", "alt_text", "call_to_action", "version")
    ),
    sa.column("images", sa.JSON()),
    *(sa.column(name, sa.DateTime(timezone=True)) for name in ("created_at", "updated_at")),
)
_revision = sa.table(
    "destination_revision",
    sa.column("destination_id", sa.Uuid()),
    *(sa.column(name) for name in ("version", "changed_by")),
    sa.column("content", sa.JSON()),
    sa.column("changed_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    _expand()
    op.create_table(
        "destination",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("publisher_id", sa.Uuid(), nullable=False),
        sa.Column("creative_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "draft", "live", "expired", name="state", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=800), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.Column("alt_text", sa.String(length=500), nullable=False),
        sa.Column("price_amount", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("price_currency", sa.String(length=3), nullable=True),
        sa.Column("call_to_action", sa.String(length=30), nullable=False),
        sa.Column("master_pin", sa.String(length=20), nullable=True),
        sa.Column("locale", sa.String(length=35), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(price_amount IS NULL) = (price_currency IS NULL)", name=op.f("ck_destination_price_is_whole")
        ),
        sa.CheckConstraint(
            "creative_id IS NULL OR campaign_id IS NULL", name=op.f("ck_destination_has_one_owner")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_destination_schedule_goes_forward")),
        sa.ForeignKeyConstraint(
            ["campaign_id", "publisher_id"],
            ["campaign.id", "campaign.publisher_id"],
            name=op.f("fk_destination_campaign_id_publisher_id_campaign"),
        ),
        sa.ForeignKeyConstraint(
            ["creative_id", "publisher_id"],
            ["creative.id", "creative.publisher_id"],
            name=op.f("fk_destination_creative_id_publisher_id_creative"),
        ),
        sa.ForeignKeyConstraint(
            ["publisher_id"], ["publisher.id"], name=op.f("fk_destination_publisher_id_publisher")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destination")),
        sa.UniqueConstraint("campaign_id", name=op.f("uq_destination_campaign_id")),
        sa.UniqueConstraint("id", "creative_id", name=op.f("uq_destination_id_creative_id")),
    )
    with op.batch_alter_table("destination", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_destination_creative_id_created_at_id"),
            ["creative_id", "created_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            "uq_destination_publisher_fallback",
            ["publisher_id"],
            unique=True,
            sqlite_where=sa.text("creative_id IS NULL AND campaign_id IS NULL"),
            postgresql_where=sa.text("creative_id IS NULL AND campaign_id IS NULL"),
        )

    op.create_table(
        "destination_revision",
        sa.Column("destination_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("changed_by", sa.String(length=500), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["destination_id"],
            ["destination.id"],
            name=op.f("fk_destination_revision_destination_id_destination"),
        ),
        sa.PrimaryKeyConstraint("destination_id", "version", name=op.f("pk_destination_revision")),
    )
    op.create_table(
        "rule",
        sa.Column("creative_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("destination_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("countries", sa.JSON(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("devices", sa.JSON(), nullable=False),
        sa.Column("min_scans", sa.Integer(), nullable=True),
        sa.Column("max_scans", sa.Integer(), nullable=True),
        sa.Column("share_percent", sa.Integer(), nullable=True),
        sa.CheckConstraint("max_scans >= min_scans", name=op.f("ck_rule_scans_go_forward")),
        sa.CheckConstraint("share_percent BETWEEN 1 AND 100", name=op.f("ck_rule_share_percent")),
        sa.CheckConstraint("until > since", name=op.f("ck_rule_window_goes_forward")),
        sa.ForeignKeyConstraint(["creative_id"], ["creative.id"], name=op.f("fk_rule_creative_id_creative")),
        sa.ForeignKeyConstraint(
            ["destination_id", "creative_id"],
            ["destination.id", "destination.creative_id"],
            name=op.f("fk_rule_destination_id_creative_id_destination"),
        ),
        sa.PrimaryKeyConstraint("creative_id", "position", name=op.f("pk_rule")),
    )
    for table in ("pin", "scan_detection"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("destination_id", sa.Uuid(), nullable=True))
            batch_op.create_foreign_key(
                batch_op.f(f"fk_{table}_destination_id_destination"),
                "destination",
                ["destination_id"],
                ["id"],
            )
    _date_detections()
    _backfill()
    _contract()


def _expand() -> None:
    """Add what is new, so that old rows still fit."""
    for table in ("publisher", "campaign", "creative"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("version", sa.Integer(), nullable=True))
            batch_op.add_column(sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True))
        op.execute(f"UPDATE {table} SET version = 1, updated_at = created_at")  # noqa: S608  no input
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column("version", existing_type=sa.Integer(), nullable=False)
            batch_op.alter_column("updated_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    with op.batch_alter_table("publisher", schema=None) as batch_op:
        batch_op.add_column(sa.Column("keep_photos_days", sa.Integer(), nullable=True))
        batch_op.create_check_constraint(
            batch_op.f("ck_publisher_keep_photos_days"), "keep_photos_days BETWEEN 1 AND 365"
        )
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_campaign_publisher_id_name"), type_="unique")
        batch_op.alter_column("name", new_column_name="title", existing_type=sa.String(length=200))
        batch_op.add_column(sa.Column("page_count", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("on_sale_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("off_sale_on", sa.Date(), nullable=True))
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.create_unique_constraint(
            batch_op.f("uq_campaign_publisher_id_title"), ["publisher_id", "title"]
        )
        batch_op.create_check_constraint(batch_op.f("ck_campaign_has_pages"), "page_count >= 1")
        batch_op.create_check_constraint(
            batch_op.f("ck_campaign_sale_goes_forward"), "off_sale_on >= on_sale_on"
        )
    with op.batch_alter_table("creative", schema=None) as batch_op:
        batch_op.alter_column("image", new_column_name="picture", existing_type=sa.String(length=80))
        batch_op.add_column(sa.Column("page", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("print_width_in", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("print_height_in", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("fingerprint", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("thumbnail", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_index(batch_op.f("ix_creative_campaign_id"))
        batch_op.drop_index(batch_op.f("ix_creative_publisher_id"))
    with op.batch_alter_table("creative", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_creative_campaign_id_created_at_id"), ["campaign_id", "created_at", "id"]
        )
        batch_op.create_index(
            batch_op.f("ix_creative_publisher_id_created_at_id"), ["publisher_id", "created_at", "id"]
        )
        batch_op.create_unique_constraint(batch_op.f("uq_creative_id_publisher_id"), ["id", "publisher_id"])
        batch_op.create_check_constraint(batch_op.f("ck_creative_page_from_one"), "page >= 1")
        batch_op.create_check_constraint(
            batch_op.f("ck_creative_print_size_above_zero"), "print_width_in > 0 AND print_height_in > 0"
        )
    with op.batch_alter_table("scan", schema=None) as batch_op:
        batch_op.add_column(sa.Column("app", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("country", sa.String(length=2), nullable=True))
        batch_op.add_column(sa.Column("device", sa.String(length=16), nullable=True))


def _date_detections() -> None:
    """Give every detection the time of its scan."""
    with op.batch_alter_table("scan_detection", schema=None) as batch_op:
        batch_op.add_column(sa.Column("created_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE scan_detection SET created_at = (SELECT scan.created_at FROM scan "
        "WHERE scan.id = scan_detection.scan_id)"
    )
    with op.batch_alter_table("scan_detection", schema=None) as batch_op:
        batch_op.alter_column("created_at", existing_type=sa.DateTime(timezone=True), nullable=False)
        batch_op.create_index(batch_op.f("ix_scan_detection_created_at"), ["created_at"])


def _backfill() -> None:
    """Give every creative a destination that is what its row said; and to scans and pins, that one."""
    connection = op.get_bind()
    rows = connection.execute(sa.select(_creative)).mappings().all()
    for start in range(0, len(rows), _BATCH):
        made = [_made(dict(row)) for row in rows[start : start + _BATCH]]
        connection.execute(sa.insert(_destination), [each for each, _ in made])
        connection.execute(sa.insert(_revision), [each for _, each in made])
    for table in ("pin", "scan_detection"):
        op.execute(
            f"UPDATE {table} SET destination_id = (SELECT destination.id FROM destination "  # noqa: S608  no input
            f"WHERE destination.creative_id = {table}.creative_id) WHERE creative_id IS NOT NULL"
        )


def _made(creative: dict) -> tuple[dict, dict]:  # type: ignore[type-arg]
    """A creative's destination and its first revision."""
    content = {
        "title": creative["title"],
        "state": "live",
        "description": creative["description"],
        "link": creative["link"],
        "images": [creative["picture"]] if creative["picture"] else [],
        "alt_text": creative["alt_text"],
        "call_to_action": "",
    }
    destination = {
        **content,
        "id": uuid4(),
        "publisher_id": creative["publisher_id"],
        "creative_id": creative["id"],
        "version": 1,
        "created_at": creative["created_at"],
        "updated_at": creative["created_at"],
    }
    nothing = ("starts_at", "ends_at", "price_amount", "price_currency", "master_pin", "locale")
    revision = {
        "destination_id": destination["id"],
        "version": 1,
        "content": content | dict.fromkeys(nothing),
        "changed_by": "the move to destinations",
        "changed_at": creative["created_at"],
    }
    return destination, revision


def _contract() -> None:
    """Drop what destinations hold now."""
    with op.batch_alter_table("creative", schema=None) as batch_op:
        for name in ("link", "alt_text", "description"):
            batch_op.drop_column(name)


def downgrade() -> None:
    """Go back, each creative with what its oldest destination says; later ones and histories are lost."""
    with op.batch_alter_table("creative", schema=None) as batch_op:
        batch_op.add_column(sa.Column("description", sa.String(length=800), nullable=True))
        batch_op.add_column(sa.Column("link", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("alt_text", sa.String(length=500), nullable=True))
    for name in ("description", "link", "alt_text"):
        op.execute(
            f"UPDATE creative SET {name} = (SELECT destination.{name} FROM destination "  # noqa: S608  no input
            "WHERE destination.creative_id = creative.id ORDER BY created_at LIMIT 1)"
        )
    op.execute(
        "UPDATE creative SET description = coalesce(description, ''), alt_text = coalesce(alt_text, '')"
    )
    for table in ("pin", "scan_detection"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_constraint(batch_op.f(f"fk_{table}_destination_id_destination"), type_="foreignkey")
            batch_op.drop_column("destination_id")
    with op.batch_alter_table("scan_detection", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_scan_detection_created_at"))
        batch_op.drop_column("created_at")
    op.drop_table("rule")
    op.drop_table("destination_revision")
    with op.batch_alter_table("destination", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_destination_publisher_fallback",
            sqlite_where=sa.text("creative_id IS NULL AND campaign_id IS NULL"),
            postgresql_where=sa.text("creative_id IS NULL AND campaign_id IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_destination_creative_id_created_at_id"))

    op.drop_table("destination")
    with op.batch_alter_table("scan", schema=None) as batch_op:
        for name in ("device", "country", "app"):
            batch_op.drop_column(name)
    with op.batch_alter_table("creative", schema=None) as batch_op:
        batch_op.alter_column("description", existing_type=sa.String(length=800), nullable=False)
        batch_op.alter_column("alt_text", existing_type=sa.String(length=500), nullable=False)
        batch_op.alter_column("picture", new_column_name="image", existing_type=sa.String(length=80))
        batch_op.drop_constraint(batch_op.f("ck_creative_page_from_one"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_creative_print_size_above_zero"), type_="check")
        batch_op.drop_constraint(batch_op.f("uq_creative_id_publisher_id"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_creative_publisher_id_created_at_id"))
        batch_op.drop_index(batch_op.f("ix_creative_campaign_id_created_at_id"))
        batch_op.create_index(batch_op.f("ix_creative_publisher_id"), ["publisher_id"])
        batch_op.create_index(batch_op.f("ix_creative_campaign_id"), ["campaign_id"])
        for name in ("withdrawn_at", "thumbnail", "fingerprint", "print_height_in", "print_width_in", "page"):
            batch_op.drop_column(name)
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_campaign_publisher_id_title"), type_="unique")
        batch_op.drop_constraint(batch_op.f("ck_campaign_has_pages"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_campaign_sale_goes_forward"), type_="check")
        batch_op.alter_column("title", new_column_name="name", existing_type=sa.String(length=200))
        for name in ("off_sale_on", "on_sale_on", "page_count"):
            batch_op.drop_column(name)
    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.create_unique_constraint(
            batch_op.f("uq_campaign_publisher_id_name"), ["publisher_id", "name"]
        )
    with op.batch_alter_table("publisher", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_publisher_keep_photos_days"), type_="check")
        batch_op.drop_column("keep_photos_days")
    for table in ("creative", "campaign", "publisher"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("updated_at")
            batch_op.drop_column("version")
