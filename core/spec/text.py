"""Types for texts in specs and requests: largest length and allowed characters."""

from typing import Annotated

from pydantic import AfterValidator, Field

from core.characters import LONGEST_NAME, NAME_PATTERN, unstorable, unwanted
from core.spec.faults import SpecFault


def _check_name(name: str) -> str:
    return _accepted(name, unwanted(name))


def _check_column(name: str) -> str:
    return _accepted(name, unstorable(name))


def _accepted(text: str, problem: str | None) -> str:
    if problem is not None:
        raise SpecFault("string_pattern_mismatch", problem, case="characters", reason=problem)
    return text


# The patterns are only in the schema: a separate check gives a clearer error message.
Name = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_NAME, json_schema_extra={"pattern": NAME_PATTERN}),
    AfterValidator(_check_name),
]
"""A name given by people, or of a metric: any characters except control characters and line ends."""

Column = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_NAME, json_schema_extra={"pattern": r"^[^\x00]+$"}),
    AfterValidator(_check_column),
]
"""The name of a table's column or a record's key, as in the file: control characters are allowed."""
