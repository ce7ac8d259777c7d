"""how marks were seen.

Revision 0002, after 0001; 2026-11-24 12:10:00.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("scan_detection", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tilt_deg", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("sharpness", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("share", sa.Double(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("scan_detection", schema=None) as batch_op:
        batch_op.drop_column("share")
        batch_op.drop_column("sharpness")
        batch_op.drop_column("tilt_deg")
