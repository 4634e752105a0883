"""places"""

import sqlalchemy as sa
from alembic import op

from passes.store.tables import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "locations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("merchant_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("relevant_text", sa.JSON(), nullable=False),
        sa.Column("max_distance_m", sa.Integer(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("removed_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_locations_merchant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locations")),
    )
    with op.batch_alter_table("locations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_locations_merchant_id_created_at_id"),
            ["merchant_id", "created_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_locations_merchant_id_external_id"),
            ["merchant_id", "external_id"],
            unique=True,
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        )

    op.create_table(
        "place_sets",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("program_id", sa.String(), nullable=False),
        sa.Column("anchors", sa.String(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("used_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.id"], name=op.f("fk_place_sets_program_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place_sets")),
    )
    with op.batch_alter_table("place_sets", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_place_sets_program_id_id"), ["program_id", "id"], unique=False
        )

    op.create_table(
        "relocations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("merchant_id", sa.String(), nullable=False),
        sa.Column("edits", sa.Integer(), nullable=False),
        sa.Column("round_edits", sa.Integer(), nullable=False),
        sa.Column("after_program_id", sa.String(), nullable=False),
        sa.Column("after_set_id", sa.String(), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("worked_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.id"], name=op.f("fk_relocations_merchant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relocations")),
    )
    with op.batch_alter_table("relocations", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_relocations_finished_at"), ["finished_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_relocations_merchant_id_finished_at"),
            ["merchant_id", "finished_at"],
            unique=False,
        )

    with op.batch_alter_table("programs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("location_ids", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("home_location_id", sa.String(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_programs_home_location_id"), "locations", ["home_location_id"], ["id"]
        )

    with op.batch_alter_table("passes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("place_set_id", sa.String(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_passes_place_set_id"), "place_sets", ["place_set_id"], ["id"]
        )
        batch_op.create_index(
            batch_op.f("ix_passes_place_set_id_program_id_id"),
            ["place_set_id", "program_id", "id"],
            unique=False,
        )

    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("location_id", sa.String(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_transactions_location_id"), "locations", ["location_id"], ["id"]
        )


def downgrade() -> None:

    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_transactions_location_id"), type_="foreignkey")
        batch_op.drop_column("location_id")

    with op.batch_alter_table("passes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_passes_place_set_id_program_id_id"))
        batch_op.drop_constraint(batch_op.f("fk_passes_place_set_id"), type_="foreignkey")
        batch_op.drop_column("place_set_id")

    with op.batch_alter_table("programs", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_programs_home_location_id"), type_="foreignkey")
        batch_op.drop_column("home_location_id")
        batch_op.drop_column("location_ids")

    op.drop_table("relocations")
    op.drop_table("place_sets")
    op.drop_table("locations")
