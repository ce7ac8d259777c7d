"""key lifetimes.

Revision 0009, after 0008; 2026-11-25 16:20:00.

How long a key was made for: a rotation shortens `expires_at`, by which its successors went.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_KEYS = sa.table(
    "api_key",
    sa.column("id", sa.Uuid()),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("expires_at", sa.DateTime(timezone=True)),
    sa.column("lifetime_s", sa.Integer()),
)


def upgrade() -> None:
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lifetime_s", sa.Integer(), nullable=True))

    # What a key was made for that a rotation has shortened before this is lost: its successors stay short.
    connection = op.get_bind()
    ending = sa.select(_KEYS.c.id, _KEYS.c.created_at, _KEYS.c.expires_at).where(
        _KEYS.c.expires_at.is_not(None)
    )
    for key_id, created_at, expires_at in connection.execute(ending).all():
        lifetime_s = round((expires_at - created_at).total_seconds())
        connection.execute(sa.update(_KEYS).where(_KEYS.c.id == key_id).values(lifetime_s=lifetime_s))


def downgrade() -> None:
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.drop_column("lifetime_s")
