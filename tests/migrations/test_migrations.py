"""The migrations build the tables of the models, can be undone, and refuse a database of a newer version."""

import pytest
from sqlalchemy import CheckConstraint, NullPool, inspect, text
from sqlalchemy import create_engine as sqlalchemy_engine

from control.migrate import RevisionMismatch, check_models, check_revision, downgrade, upgrade
from control.models import Base


def _tables(url: str) -> set[str]:
    with sqlalchemy_engine(url, poolclass=NullPool).connect() as connection:
        return set(inspect(connection).get_table_names())


def test_migrations_build_the_models(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    check_models(empty_database_url)
    check_revision(empty_database_url)


def test_upgrading_again_changes_nothing(database_url: str) -> None:
    upgrade(database_url)
    check_revision(database_url)


def test_downgrade_leaves_nothing_and_upgrade_works_again(database_url: str) -> None:
    downgrade(database_url, "base")
    assert _tables(database_url) == {"alembic_version"}
    upgrade(database_url)
    check_models(database_url)


def test_an_empty_database_asks_for_a_migration(empty_database_url: str) -> None:
    with pytest.raises(RevisionMismatch, match="seedbed-server migrate") as caught:
        check_revision(empty_database_url)
    assert caught.value.code == "database_empty"


@pytest.mark.parametrize("action", [check_revision, upgrade])
def test_a_newer_database_is_not_changed(database_url: str, action: object) -> None:
    with sqlalchemy_engine(database_url, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RevisionMismatch, match="a newer one has used it") as caught:
        action(database_url)  # type: ignore[operator]
    assert caught.value.code == "database_newer"


def test_constraints_are_named_as_the_models_name_them(database_url: str) -> None:
    """Compares check constraints, which Alembic does not compare."""
    with sqlalchemy_engine(database_url, poolclass=NullPool).connect() as connection:
        inspector = inspect(connection)
        for table in Base.metadata.sorted_tables:
            built = {found["name"] for found in inspector.get_check_constraints(table.name)}
            modelled = {
                connection.dialect.identifier_preparer.format_constraint(constraint)
                for constraint in table.constraints
                if isinstance(constraint, CheckConstraint)
            }
            assert built == modelled, table.name
