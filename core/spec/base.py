"""The base of every part of a spec."""

from pydantic import BaseModel, ConfigDict


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
