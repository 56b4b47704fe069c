"""`SpecFault`: the error that a check of a spec raises."""

from typing import Any

from core.parameters import plain


class SpecFault(ValueError):
    """What is wrong with a value of a spec, with a code and parameters of its own.

    A validator may raise any `ValueError`; its code is then ``value_error``, and it has no parameters.

    Args:
        code: Stable name of the kind of problem.
        message: What is wrong and what to do; without a capital letter and a full stop.
        param: Dotted path of the field, where it is not the one that is validated.
        params: What `message` is made of (`core.parameters`).
    """

    def __init__(self, code: str, message: str, *, param: str | None = None, **params: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.params = plain(params)

    def at(self, param: str) -> "SpecFault":
        """The same, reported at another field."""
        return type(self)(self.code, self.message, param=param, **self.params)


def fault_at(param: str, error: ValueError) -> SpecFault:
    """An error of a check, reported at a field: an error of the root model would name none."""
    return (
        error.at(param) if isinstance(error, SpecFault) else SpecFault("value_error", str(error), param=param)
    )
