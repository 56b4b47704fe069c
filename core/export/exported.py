"""What an export tells of itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from transformers import PreTrainedModel

from core.export.comparison import Check
from core.export.parts import Part


@dataclass(frozen=True, slots=True)
class Exported:
    """The network that was written, and the result of the comparison."""

    architecture: str
    inputs: list[str]
    outputs: list[str]
    parameters: int
    check: Check

    @classmethod
    def of(cls, model: PreTrainedModel, parts: Sequence[Part], check: Check) -> Self:
        """Inputs and outputs of several parts are named once."""
        return cls(
            architecture=type(model).__name__,
            inputs=list(dict.fromkeys(name for part in parts for name in part.axes)),
            outputs=list(dict.fromkeys(name for part in parts for name in part.outputs)),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            check=check,
        )
