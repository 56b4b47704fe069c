"""The declarative base, and the column types that every table shares."""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import CheckConstraint, DateTime, MetaData, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

from core.characters import LONGEST_NAME


class Base(DeclarativeBase):
    """Constraint names are derived, so that migrations can name them on any machine."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


PrimaryId = Annotated[str, mapped_column(primary_key=True)]
"""A prefixed id, as ``job_01k…``."""

CreatedAt = Annotated[datetime, mapped_column(server_default=func.clock_timestamp())]


def name_has_a_length() -> CheckConstraint:
    """A CHECK constraint for a column ``name`` that people fill in."""
    return CheckConstraint(f"char_length(name) BETWEEN 1 AND {LONGEST_NAME}", name="name_length")


def has_a_length(column: str, most: int) -> CheckConstraint:
    """A CHECK constraint for a JSON column: at most ``most`` bytes as text."""
    return CheckConstraint(f"octet_length({column}::text) <= {most}", name=f"{column}_length")
