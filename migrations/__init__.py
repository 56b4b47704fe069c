"""The database's history, by Alembic. `control.migrate` runs it."""
