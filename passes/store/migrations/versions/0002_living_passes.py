"""living passes"""

import sqlalchemy as sa
from alembic import op

from passes.store.tables import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("courier", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("waiting_since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_version", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("courier", "target", name=op.f("uq_deliveries_courier_target")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_deliveries_courier_state_priority_due_at_id"),
            ["courier", "state", "priority", "due_at", "id"],
            unique=False,
        )

    op.create_table(
        "devices",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("library_identifier", sa.String(), nullable=False),
        sa.Column("pass_type_identifier", sa.String(), nullable=False),
        sa.Column("push_token", sa.String(), nullable=False),
        sa.Column("token_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("pushed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("listed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("budget_from", UtcDateTime(timezone=True), nullable=True),
        sa.Column("budget_used", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint(
            "library_identifier",
            "pass_type_identifier",
            name=op.f("uq_devices_library_identifier_pass_type_identifier"),
        ),
    )
    op.create_table(
        "pass_type_counters",
        sa.Column("pass_type_identifier", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pass_type_identifier", name=op.f("pk_pass_type_counters")),
    )
    op.create_table(
        "phone_logs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pass_type_identifier", sa.String(), nullable=True),
        sa.Column("serial_number", sa.String(), nullable=True),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("reported_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("received_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_logs")),
    )
    with op.batch_alter_table("phone_logs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_phone_logs_received_at"), ["received_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_phone_logs_serial_number_received_at"),
            ["serial_number", "received_at"],
            unique=False,
        )

    op.create_table(
        "queue_pauses",
        sa.Column("courier", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("courier", "queue", name=op.f("pk_queue_pauses")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("merchant_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_events_merchant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_events_merchant_id_created_at_id"),
            ["merchant_id", "created_at", "id"],
            unique=False,
        )

    op.create_table(
        "idempotent_requests",
        sa.Column("merchant_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_idempotent_requests_merchant_id")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "key", name=op.f("pk_idempotent_requests")),
    )
    with op.batch_alter_table("idempotent_requests", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_idempotent_requests_created_at"), ["created_at"], unique=False
        )

    op.create_table(
        "fan_outs",
        sa.Column("program_id", sa.String(), nullable=False),
        sa.Column("after_pass_id", sa.String(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.id"], name=op.f("fk_fan_outs_program_id")
        ),
        sa.PrimaryKeyConstraint("program_id", name=op.f("pk_fan_outs")),
    )
    op.create_table(
        "registrations",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("pass_id", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_registrations_device_id")
        ),
        sa.ForeignKeyConstraint(["pass_id"], ["passes.id"], name=op.f("fk_registrations_pass_id")),
        sa.PrimaryKeyConstraint("device_id", "pass_id", name=op.f("pk_registrations")),
    )
    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_registrations_pass_id"), ["pass_id"], unique=False)

    op.create_table(
        "rewards",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("merchant_id", sa.String(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=False),
        sa.Column("transaction_id", sa.String(), nullable=False),
        sa.Column("milestone", sa.Integer(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_rewards_member_id")),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_rewards_merchant_id")
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["transactions.id"], name=op.f("fk_rewards_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rewards")),
        sa.UniqueConstraint(
            "member_id", "milestone", "cycle", name=op.f("uq_rewards_member_id_milestone_cycle")
        ),
    )
    with op.batch_alter_table("passes", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("version", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch_op.add_column(
            sa.Column("modified_s", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch_op.add_column(sa.Column("served_version", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("downloaded_at", UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("fetched_at", UtcDateTime(timezone=True), nullable=True))

    with op.batch_alter_table("programs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("limits", sa.JSON(), server_default="{}", nullable=False))

    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("balance_after", sa.Integer(), server_default="0", nullable=False)
        )
        batch_op.drop_index(batch_op.f("ix_transactions_member_id"))
        batch_op.create_index(
            batch_op.f("ix_transactions_member_id_created_at"),
            ["member_id", "created_at"],
            unique=False,
        )


def downgrade() -> None:

    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_transactions_member_id_created_at"))
        batch_op.create_index(batch_op.f("ix_transactions_member_id"), ["member_id"], unique=False)
        batch_op.drop_column("balance_after")

    with op.batch_alter_table("programs", schema=None) as batch_op:
        batch_op.drop_column("limits")

    with op.batch_alter_table("passes", schema=None) as batch_op:
        batch_op.drop_column("fetched_at")
        batch_op.drop_column("downloaded_at")
        batch_op.drop_column("served_version")
        batch_op.drop_column("modified_s")
        batch_op.drop_column("version")

    op.drop_table("rewards")
    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_registrations_pass_id"))

    op.drop_table("registrations")
    op.drop_table("fan_outs")
    with op.batch_alter_table("idempotent_requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotent_requests_created_at"))

    op.drop_table("idempotent_requests")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_events_merchant_id_created_at_id"))

    op.drop_table("events")
    op.drop_table("queue_pauses")
    with op.batch_alter_table("phone_logs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_phone_logs_serial_number_received_at"))
        batch_op.drop_index(batch_op.f("ix_phone_logs_received_at"))

    op.drop_table("phone_logs")
    op.drop_table("pass_type_counters")
    op.drop_table("devices")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deliveries_courier_state_priority_due_at_id"))

    op.drop_table("deliveries")
