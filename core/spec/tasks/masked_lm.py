"""``masked_lm``."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.spec.model import presets_of
from core.spec.tasks.base import Modality, PretrainingTask


class MaskedLanguageModeling(PretrainingTask):
    """Predict hidden tokens from both sides: BERT (Devlin et al. 2018, arXiv 1810.04805)."""

    modality: ClassVar[Modality] = "text"
    presets: ClassVar[tuple[str, ...]] = presets_of("bert", default="bert-mini")

    kind: Literal["masked_lm"] = "masked_lm"

    mask_probability: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.15
    """Share of the tokens (special tokens excepted) chosen for prediction in training.
    Evaluation always uses 0.15, so that runs with different rates compare."""

    mask_token_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.8
    """Share of the chosen tokens replaced by the mask token."""

    random_token_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """Share of the chosen tokens replaced by a random token; the rest is left as it is."""

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.mask_token_share + self.random_token_share > 1.0 + 1e-9:
            raise ValueError("mask_token_share + random_token_share must be at most 1")
        return self
