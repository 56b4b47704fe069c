"""T5's encoder with a classification head, for ``AutoModelForSequenceClassification``.

The head reads the mean of the encoder's last hidden states without padding (Ni et al. 2021, arXiv 2108.08877, "mean").
`transformers` has only a classifier that also runs the decoder. Each checkpoint contains this file, which needs only
``torch`` and ``transformers``: ``AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)`` runs
it.
"""

from typing import Any

import torch
from torch import nn
from transformers import T5Config
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.t5.modeling_t5 import T5EncoderModel


class T5EncoderClassifierConfig(T5Config):  # type: ignore[no-untyped-call]
    """A `T5Config` with a model type of its own, so that no decoder is built from it."""

    model_type = "t5_encoder_classifier"


class T5EncoderForSequenceClassification(T5EncoderModel):  # type: ignore[no-untyped-call]
    """T5's encoder and a linear layer on the mean of its outputs."""

    config_class = T5EncoderClassifierConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.classifier = nn.Linear(config.d_model, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        real: torch.Tensor | None = None,
        **kwargs: Any,  # noqa: ARG002 - what pipelines pass to every network
    ) -> SequenceClassifierOutput:
        """Logits (B, num_labels) of token ids (B, L).

        Args:
            attention_mask: Which tokens are not padding, (B, L), or which tokens attend to which, (B, 1, L, L).
            real: Which tokens are not padding, (B, L). Default: ``attention_mask``, else all.
        """
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if real is None:
            real = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        weights = real[..., None].to(hidden.dtype)
        mean = (hidden * weights).sum(dim=1) / weights.sum(dim=1)
        return SequenceClassifierOutput(logits=self.classifier(mean))
