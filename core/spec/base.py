"""The base of every part of a spec."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Tag

GIVEN = "given"
"""Pydantic's name, in an error's path, of the branch of `AutoOr` that is not ``auto``; specs have no such level."""


def _branch(value: Any) -> str:
    return "auto" if isinstance(value, str) and value == "auto" else GIVEN


_Value = TypeVar("_Value")
AutoOr = Annotated[
    Annotated[_Value, Tag(GIVEN)] | Annotated[Literal["auto"], Tag("auto")], Discriminator(_branch)
]
"""A value, or ``auto``: the engine decides the value. An invalid value gives one error, that of the value."""


class Spec(BaseModel):
    """Base class of every part of a spec: immutable and closed, so that an unknown field is an error.

    ``allow_inf_nan=False`` because NaN or infinity, for example as a learning rate, is always a mistake.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )
