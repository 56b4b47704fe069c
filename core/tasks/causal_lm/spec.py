"""``causal_lm``."""

from typing import ClassVar, Literal

from core.spec.metrics import LANGUAGE, LOSS_IN_NATS, Metric
from core.spec.model import presets_of
from core.spec.opening import CAUSAL_LANGUAGE, Opening
from core.spec.predictions import CONTINUE, Prediction
from core.spec.recipes import Recipe, text_recipes
from core.spec.task import Modality, TaskSpec


class CausalLanguageModeling(TaskSpec):
    """Predict each token from those before it: GPT-2 (Radford et al. 2019), Llama (Touvron et al. 2023)."""

    title: ClassVar[str] = "Causal language model"
    choose_if: ClassVar[str] = (
        "Choose this if you want a network that generates text: one that continues a text, or that you will "
        "fine-tune to answer."
    )
    modality: ClassVar[Modality] = "text"
    continues: ClassVar[tuple[str, ...]] = ("gpt2", "llama")
    text_head: ClassVar[Literal["next_token", "masked_token"] | None] = "next_token"
    presets: ClassVar[tuple[str, ...]] = presets_of("gpt2", "llama", default="gpt2-mini")
    metrics: ClassVar[tuple[Metric, ...]] = (LOSS_IN_NATS, *LANGUAGE)
    recipes: ClassVar[tuple[Recipe, ...]] = text_recipes(
        tiny="gpt2-tiny",
        small="gpt2-mini",
        large="gpt2-small",
        batch=256,
        parts=16,
        length=1024,
        rate=0.0006,
        warmup=2000,
        beta2=0.95,
        minutes="tens of minutes",
    )
    opening: ClassVar[Opening] = CAUSAL_LANGUAGE
    predictions: ClassVar[tuple[Prediction, ...]] = (CONTINUE,)

    kind: Literal["causal_lm"] = "causal_lm"

    separate_documents: bool = False
    """Whether attention within a row is restricted to one document, with positions counted from its beginning. By
    default attention crosses the separator to earlier documents, as in the training of GPT-2 and GPT-3, which is faster."""

    @property
    def gives_logits(self) -> bool:
        return True

    @property
    def has_fixed_inputs(self) -> bool:
        return True

    def rows_of(self, tokens: int, sequence_length: int) -> int:
        # A row's last token is only a target, so a row of n tokens has n - 1 predictions.
        return max(0, tokens - 1) // sequence_length

    def tokens_for(self, rows: int, sequence_length: int) -> int:
        return rows * sequence_length + 1
