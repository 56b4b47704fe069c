"""Alembic's entry point: runs the migrations on the connection that `control.migrate` passes."""

from alembic import context

from control.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
