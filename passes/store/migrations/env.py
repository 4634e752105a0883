"""Alembic's entry: runs the migrations in the transaction that `passes.store.schema` opened."""

from alembic import context

from passes.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
    compare_type=True,
)
context.run_migrations()
