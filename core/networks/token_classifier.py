"""Text encoders with a head on each token, as classes that ``pipeline("token-classification")`` opens."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.bert.modeling_bert import BertForTokenClassification
from transformers.models.gpt2.modeling_gpt2 import GPT2ForTokenClassification
from transformers.models.llama.modeling_llama import LlamaForTokenClassification
from transformers.models.modernbert.modeling_modernbert import ModernBertForTokenClassification
from transformers.models.t5.modeling_t5 import T5ForTokenClassification

from core.data.text import SpecialIds
from core.networks.fresh import fresh
from core.networks.heads import name_classes
from core.networks.masked_language import attention_of
from core.networks.text_classifier import text_config
from core.networks.text_encoder import is_causal, visible
from core.spec.job import JobSpec

_KINDS: dict[str, Any] = {
    "bert": BertForTokenClassification,
    "modernbert": ModernBertForTokenClassification,
    "gpt2": GPT2ForTokenClassification,
    "llama": LlamaForTokenClassification,
    "t5": T5ForTokenClassification,
}


def create_token_classifier(
    job: JobSpec, *, vocabulary_size: int, special: SpecialIds, tags: Sequence[str], head_dropout: float
) -> PreTrainedModel:
    """A new network with a head on the CPU. Its weights depend only on the spec, its seed, the vocabulary and the tags.

    Args:
        vocabulary_size: Of the network; for a T5 with its sentinels.
        tags: In the order of the logits.
        head_dropout: Dropout before the head's last layer.
    """
    kind = _KINDS[job.architecture]
    config = text_config(job, vocabulary_size, special)
    config.architectures = [kind.__name__]
    config.classifier_dropout = head_dropout
    name_classes(config, tags)
    model: PreTrainedModel = fresh(kind, config, job.training.seed)
    return model


def token_scores(model: PreTrainedModel, ids: Tensor, real: Tensor | None) -> Tensor:
    """The logits of each token, shape (B, L, tags): those of ``model.forward``.

    Args:
        ids: Token ids, shape (B, L).
        real: Which tokens are not padding, bool (B, L). None: all.
    """
    network: Any = model
    mask = attention_of(model, ids, visible(real, causal=is_causal(model)))
    scores: Tensor = network(input_ids=ids, attention_mask=mask).logits
    return scores
