"""who is told, and who was erased"""

import sqlalchemy as sa
from alembic import op

from passes.store.tables import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:

    with op.batch_alter_table("fan_outs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("tells_phones", sa.Boolean(), server_default=sa.true(), nullable=False)
        )
        batch_op.add_column(
            sa.Column("tells_objects", sa.Boolean(), server_default=sa.true(), nullable=False)
        )
        batch_op.add_column(
            sa.Column("resumes_objects", sa.Boolean(), server_default=sa.false(), nullable=False)
        )

    with op.batch_alter_table("passes", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("object_version", sa.BigInteger(), server_default="0", nullable=False)
        )
    op.execute("UPDATE passes SET object_version = version")

    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("erased_at", UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """What is lost: who was erased (they stay without a name, and void), and what of open fan-outs
    concerned phones or objects alone: everybody is told. Versions of objects are those of passes.
    """

    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.drop_column("erased_at")

    with op.batch_alter_table("passes", schema=None) as batch_op:
        batch_op.drop_column("object_version")

    with op.batch_alter_table("fan_outs", schema=None) as batch_op:
        batch_op.drop_column("resumes_objects")
        batch_op.drop_column("tells_objects")
        batch_op.drop_column("tells_phones")
