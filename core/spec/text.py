"""Texts in specs and in requests: how long they may be, and of which characters."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from core.characters import LONGEST_NAME, NAME_PATTERN, unstorable, unwanted


def _check_name(name: str) -> str:
    return _accepted(name, unwanted(name))


def _check_column(name: str) -> str:
    return _accepted(name, unstorable(name))


def _accepted(text: str, problem: str | None) -> str:
    if problem is not None:
        raise PydanticCustomError("string_pattern_mismatch", "{problem}", {"problem": problem})
    return text


# The patterns are told in the schema alone: a check with its own words says what is wrong.
Name = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_NAME, json_schema_extra={"pattern": NAME_PATTERN}),
    AfterValidator(_check_name),
]
"""Of a thing that people name, and of a metric: any characters but control characters and ends of lines."""

Column = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_NAME, json_schema_extra={"pattern": r"^[^\x00]+$"}),
    AfterValidator(_check_column),
]
"""Of a table's column or a record's key, as the file spells it: control characters too."""
