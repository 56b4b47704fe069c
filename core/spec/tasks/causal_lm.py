"""``causal_lm``."""

from typing import ClassVar, Literal

from core.spec.model import presets_of
from core.spec.tasks.base import Modality, PretrainingTask


class CausalLanguageModeling(PretrainingTask):
    """Predict each token from those before it: GPT-2 (Radford et al. 2019)."""

    modality: ClassVar[Modality] = "text"
    presets: ClassVar[tuple[str, ...]] = presets_of("gpt2", default="gpt2-mini")

    kind: Literal["causal_lm"] = "causal_lm"
