"""A multilayer perceptron on the pixels of an image, with and without a classification head.

`transformers` has no class for it. Each checkpoint contains this file, which needs only ``torch`` and ``transformers``:
``AutoModelForImageClassification.from_pretrained(folder, trust_remote_code=True)`` runs it.
"""

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling, ImageClassifierOutput


class ImagePerceptronConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Configuration of `ImagePerceptronModel`.

    Args:
        hidden_sizes: Outputs of each layer.
        image_size: Pixels on the side of the square images.
        num_channels: Channels of a pixel.
    """

    model_type = "image_perceptron"

    def __init__(
        self,
        hidden_sizes: tuple[int, ...] = (400, 400),
        image_size: int = 28,
        num_channels: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.hidden_sizes = list(hidden_sizes)
        self.image_size = image_size
        self.num_channels = num_channels


class PerceptronLayer(nn.Module):
    """A linear layer and a ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, values: Tensor) -> Tensor:
        return torch.relu(self.linear(values))


class _Perceptron(PreTrainedModel):  # type: ignore[no-untyped-call]
    config_class = ImagePerceptronConfig
    base_model_prefix = "perceptron"
    main_input_name = "pixel_values"

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            module.reset_parameters()


class ImagePerceptronModel(_Perceptron):
    """The layers; ``pooler_output`` is the output of the last."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        widths = config.hidden_sizes
        self.embedding = PerceptronLayer(config.num_channels * config.image_size**2, widths[0])
        self.layers = nn.ModuleList(
            PerceptronLayer(before, after) for before, after in itertools.pairwise(widths)
        )
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, pixel_values: Tensor, **_: Any) -> BaseModelOutputWithPooling:
        """
        Args:
            pixel_values: Normalised, shape (B, C, H, W).
        """
        values = self.embedding(pixel_values.flatten(1))
        for layer in self.layers:
            values = layer(values)
        return BaseModelOutputWithPooling(last_hidden_state=values[:, None], pooler_output=values)


class ImagePerceptronForImageClassification(_Perceptron):
    """The layers and a linear head."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.perceptron = ImagePerceptronModel(config)
        self.classifier = nn.Linear(config.hidden_sizes[-1], config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, pixel_values: Tensor, **_: Any) -> ImageClassifierOutput:
        """
        Args:
            pixel_values: Normalised, shape (B, C, H, W).
        """
        return ImageClassifierOutput(
            logits=self.classifier(self.perceptron(pixel_values=pixel_values).pooler_output)
        )
