"""The base of every part of a spec."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Tag

GIVEN = "given"
"""How Pydantic names the branch of `AutoOr` that is not ``auto`` in an error's path; people wrote no such level."""


def _branch(value: Any) -> str:
    return "auto" if isinstance(value, str) and value == "auto" else GIVEN


_Value = TypeVar("_Value")
AutoOr = Annotated[
    Annotated[_Value, Tag(GIVEN)] | Annotated[Literal["auto"], Tag("auto")], Discriminator(_branch)
]
"""A value, or ``auto``: the engine finds one. A wrong value has one error, that of the value."""


class Spec(BaseModel):
    """A closed, immutable part of a spec: an unknown field is an error, not a surprise.

    ``allow_inf_nan=False`` because a learning rate of NaN is never what anybody meant.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )
