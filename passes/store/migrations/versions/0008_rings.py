"""rings"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:

    with op.batch_alter_table("fan_outs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("until_pass_id", sa.String(), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("wrapped", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.drop_column("changed")
        batch_op.alter_column("created_at", new_column_name="worked_at")


def downgrade() -> None:

    with op.batch_alter_table("fan_outs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("changed", sa.Integer(), server_default="0", nullable=False))
        batch_op.alter_column("worked_at", new_column_name="created_at")
        batch_op.drop_column("wrapped")
        batch_op.drop_column("until_pass_id")
