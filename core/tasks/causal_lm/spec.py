"""``causal_lm``."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from core.spec.metrics import LANGUAGE, Direction
from core.spec.model import presets_of
from core.spec.task import Modality, TaskSpec


class CausalLanguageModeling(TaskSpec):
    """Predict each token from those before it: GPT-2 (Radford et al. 2019), Llama (Touvron et al. 2023)."""

    modality: ClassVar[Modality] = "text"
    presets: ClassVar[tuple[str, ...]] = presets_of("gpt2", "llama", default="gpt2-mini")
    evaluations: ClassVar[Mapping[str, Direction]] = LANGUAGE

    kind: Literal["causal_lm"] = "causal_lm"

    separate_documents: bool = False
    """Whether attention within a row keeps to one document, with positions counted from its beginning. By default it
    looks across the separator into the documents before, as GPT-2 and GPT-3 were trained, which is faster."""
