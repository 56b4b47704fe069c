"""The pretraining tasks: a union discriminated by ``kind``; one file a task."""

from typing import Annotated

from pydantic import Field

from core.spec.tasks.base import MODALITIES, Modality, PretrainingTask
from core.spec.tasks.causal_lm import CausalLanguageModeling
from core.spec.tasks.masked_lm import MaskedLanguageModeling

__all__ = [
    "MODALITIES",
    "CausalLanguageModeling",
    "MaskedLanguageModeling",
    "Modality",
    "PretrainingTask",
    "Task",
]

Task = Annotated[CausalLanguageModeling | MaskedLanguageModeling, Field(discriminator="kind")]
