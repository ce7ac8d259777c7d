"""rule revisions.

Revision 0008, after 0007; 2026-11-25 13:05:00.
"""

from datetime import UTC, datetime
from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BATCH = 1000

_CONDITIONS = ("countries", "languages", "devices", "min_scans", "max_scans", "share_percent")

_creative = sa.table(
    "creative",
    sa.column("id", sa.Uuid()),
    sa.column("version", sa.Integer()),
    sa.column("updated_at", sa.DateTime(timezone=True)),
)
_rule = sa.table(
    "rule",
    sa.column("creative_id", sa.Uuid()),
    sa.column("position", sa.Integer()),
    sa.column("destination_id", sa.Uuid()),
    *(sa.column(name, sa.DateTime(timezone=True)) for name in ("since", "until")),
    *(sa.column(name, sa.JSON()) for name in ("countries", "languages", "devices")),
    *(sa.column(name, sa.Integer()) for name in ("min_scans", "max_scans", "share_percent")),
)
_revision = sa.table(
    "rule_revision",
    sa.column("creative_id", sa.Uuid()),
    sa.column("version", sa.Integer()),
    sa.column("rules", sa.JSON()),
    sa.column("changed_by", sa.String()),
    sa.column("changed_at", sa.DateTime(timezone=True)),
)


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
    _keep_what_there_is()


def downgrade() -> None:
    op.drop_table("rule_revision")


def _keep_what_there_is() -> None:
    """Write a revision of each list of rules: else the next change would leave no trace of what it was."""
    connection = op.get_bind()
    wanted = (
        sa.select(_rule, _creative.c.version, _creative.c.updated_at)
        .join(_creative, _creative.c.id == _rule.c.creative_id)
        .order_by(_rule.c.creative_id, _rule.c.position)
    )
    rows = connection.execute(wanted).mappings().all()
    made = [_made(list(rules)) for _, rules in groupby(rows, key=lambda row: row["creative_id"])]
    for start in range(0, len(made), _BATCH):
        connection.execute(sa.insert(_revision), made[start : start + _BATCH])


def _made(rules: list) -> dict:  # type: ignore[type-arg]
    """The revision of a creative's rules, as they are."""
    first = rules[0]
    return {
        "creative_id": first["creative_id"],
        "version": first["version"],
        "rules": [
            {
                "destination_id": str(rule["destination_id"]),
                **{name: _in_utc(rule[name]) for name in ("since", "until")},
                **{name: rule[name] for name in _CONDITIONS},
            }
            for rule in rules
        ],
        "changed_by": "before histories were kept",
        "changed_at": first["updated_at"],
    }


def _in_utc(at: datetime | None) -> str | None:
    """A time as revisions hold it; SQLite forgets the zone, which is UTC."""
    if at is None:
        return None
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)).isoformat()
