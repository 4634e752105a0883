"""google"""

import sqlalchemy as sa
from alembic import op

from passes.store.tables import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "google_nonces",
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_google_nonces")),
    )
    with op.batch_alter_table("google_nonces", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_google_nonces_expires_at"), ["expires_at"], unique=False
        )

    op.create_table(
        "rate_buckets",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("refilled_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rate_buckets")),
    )
    op.create_table(
        "google_notices",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("pass_id", sa.String(), nullable=False),
        sa.Column("sent_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pass_id"], ["passes.id"], name=op.f("fk_google_notices_pass_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_google_notices")),
    )
    with op.batch_alter_table("google_notices", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_google_notices_pass_id_sent_at"), ["pass_id", "sent_at"], unique=False
        )

    with op.batch_alter_table("passes", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("google_sync", sa.String(), server_default="none", nullable=False)
        )
        batch_op.add_column(sa.Column("google_error", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("google_version", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("google_balance", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column("google_saved", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(
            sa.Column("google_event_expires_at", UtcDateTime(timezone=True), nullable=True)
        )

    with op.batch_alter_table("programs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("google_sync", sa.String(), server_default="none", nullable=False)
        )
        batch_op.add_column(sa.Column("google_error", sa.String(), nullable=True))


def downgrade() -> None:

    with op.batch_alter_table("programs", schema=None) as batch_op:
        batch_op.drop_column("google_error")
        batch_op.drop_column("google_sync")

    with op.batch_alter_table("passes", schema=None) as batch_op:
        batch_op.drop_column("google_event_expires_at")
        batch_op.drop_column("google_saved")
        batch_op.drop_column("google_balance")
        batch_op.drop_column("google_version")
        batch_op.drop_column("google_error")
        batch_op.drop_column("google_sync")

    with op.batch_alter_table("google_notices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_google_notices_pass_id_sent_at"))

    op.drop_table("google_notices")
    op.drop_table("rate_buckets")
    with op.batch_alter_table("google_nonces", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_google_nonces_expires_at"))

    op.drop_table("google_nonces")
