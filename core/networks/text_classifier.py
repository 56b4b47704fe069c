"""Text encoders with a classification head, as classes that ``pipeline("text-classification")`` opens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.bert.modeling_bert import BertForSequenceClassification
from transformers.models.gpt2.modeling_gpt2 import GPT2ForSequenceClassification
from transformers.models.llama.modeling_llama import LlamaForSequenceClassification
from transformers.models.modernbert.modeling_modernbert import ModernBertForSequenceClassification

from core.data.text import SpecialIds
from core.networks import t5_encoder_classifier
from core.networks.bert import bert_config
from core.networks.encoder import mean_of
from core.networks.fresh import fresh
from core.networks.gpt2 import gpt2_config
from core.networks.heads import name_classes
from core.networks.llama import llama_config
from core.networks.masked_language import attention_of, encode
from core.networks.modernbert import modernbert_config
from core.networks.settings import as_configured
from core.networks.t5 import t5_config
from core.networks.t5_encoder_classifier import (
    T5EncoderClassifierConfig,
    T5EncoderForSequenceClassification,
)
from core.networks.text_encoder import is_causal, visible
from core.spec.job import JobSpec

Problem = Literal["single_label_classification", "multi_label_classification", "regression"]
"""``problem_type`` of a configuration of `transformers`, from which a pipeline knows what logits mean."""

_KINDS: dict[str, Any] = {
    "bert": BertForSequenceClassification,
    "modernbert": ModernBertForSequenceClassification,
    "gpt2": GPT2ForSequenceClassification,
    "llama": LlamaForSequenceClassification,
    "t5": T5EncoderForSequenceClassification,
}


def create_text_classifier(
    job: JobSpec,
    *,
    vocabulary_size: int,
    special: SpecialIds,
    outputs: Sequence[str],
    problem: Problem,
) -> PreTrainedModel:
    """A new network with a head on the CPU. Its weights depend only on the spec, its seed, the vocabulary and the outputs.

    Args:
        vocabulary_size: Of the network; for a T5 with its sentinels.
        outputs: Names of the classes, in the order of the logits; of a number one name.
    """
    kind = _KINDS[job.architecture]
    config = text_config(job, vocabulary_size, special)
    if job.architecture == "t5":
        config = _t5_encoder_config(config)
    config.architectures = [kind.__name__]
    config.problem_type = problem
    name_classes(config, outputs)
    model: PreTrainedModel = fresh(kind, config, job.training.seed)
    return model


def text_scores(model: PreTrainedModel, ids: Tensor, real: Tensor | None) -> Tensor:
    """The logits of texts, shape (B, outputs): those of ``model.forward``.

    Args:
        ids: Token ids, shape (B, L).
        real: Which tokens are not padding, bool (B, L). None: all.
    """
    network: Any = model
    mask = visible(real, causal=is_causal(model))
    if isinstance(model, ModernBertForSequenceClassification) and model.config.classifier_pooling == "mean":
        # Its `forward` takes the mean with the mask, and so takes none that tells which token attends to which.
        pooled = mean_of(encode(model, ids, mask=mask), real)
        found: Tensor = network.classifier(network.drop(network.head(pooled)))
        return found
    given: dict[str, Any] = {"attention_mask": attention_of(model, ids, mask)}
    if isinstance(model, T5EncoderForSequenceClassification):
        given["real"] = real
    scores: Tensor = network(input_ids=ids, **given).logits
    return scores


def text_config(job: JobSpec, vocabulary_size: int, special: SpecialIds) -> Any:
    """The configuration of `transformers` for the job's network, for a head of fine-tuning."""
    size, dropout, length = job.size, job.dropout, job.training.sequence_length
    shared: dict[str, Any] = {"dropout": dropout, "vocabulary_size": vocabulary_size}
    config: Any
    if job.architecture == "bert":
        config = bert_config(size, sequence_length=length, padding_id=special.pad, **shared)
        return as_configured(job, config)
    if job.architecture == "modernbert":
        return as_configured(job, modernbert_config(size, sequence_length=length, special=special, **shared))
    if job.architecture == "t5":
        return as_configured(job, t5_config(size, padding_id=special.pad, end_id=special.sep, **shared))
    make = gpt2_config if job.architecture == "gpt2" else llama_config
    config = as_configured(job, make(size, sequence_length=length, end_id=special.sep, **shared))
    # The logits are those of the last token that is not padding.
    config.pad_token_id = special.pad
    config.use_cache = False
    return config


def _t5_encoder_config(t5: Any) -> T5EncoderClassifierConfig:
    settings = {name: value for name, value in t5.to_diff_dict().items() if name != "model_type"}
    config = T5EncoderClassifierConfig(**settings)
    file = Path(t5_encoder_classifier.__file__).stem
    # `transformers` looks for the classes in the file that a checkpoint has beside the weights.
    config.auto_map = {
        "AutoConfig": f"{file}.{T5EncoderClassifierConfig.__name__}",
        "AutoModelForSequenceClassification": f"{file}.{T5EncoderForSequenceClassification.__name__}",
    }
    return config
