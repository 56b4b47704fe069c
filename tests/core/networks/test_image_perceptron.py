"""The perceptron on pixels: parameters, features, and what opens its checkpoints."""

import torch

from core.networks.image_classifier import classifier_encoder, create_image_classifier
from core.spec.architectures import PRESETS
from core.spec.architectures.mlp import MlpSize
from core.spec.job import JobSpec
from tests.core.spec.network_inputs import network_inputs


def classifier(widths: list[int], *, side: int = 6, channels: int = 3) -> torch.nn.Module:
    job = JobSpec.model_validate(
        {
            "name": "perceptron",
            "task": {"kind": "image_classification"},
            "model": {"preset": "mlp-mini", "widths": widths},
            "training": {"steps": 1},
        }
    )
    return create_image_classifier(
        job, classes=["a", "b", "c"], image_size=side, channels=channels, class_token=True
    )


def test_its_parameters_are_counted() -> None:
    for widths in ([8], [400, 400], [16, 4, 32]):
        network = classifier(widths)
        counted = MlpSize(widths=tuple(widths)).parameters(network_inputs(image_size=6, channels=3))
        head = (widths[-1] + 1) * 3
        assert counted + head == sum(parameter.numel() for parameter in network.parameters())


def test_the_preset_is_the_network_of_the_comparisons_of_continual_learning() -> None:
    # 784 x 400, 400 x 400 and their biases.
    size = PRESETS["mlp-mini"]
    assert size.parameters(network_inputs(image_size=28, channels=1)) == 784 * 400 + 400 + 400 * 400 + 400


def test_its_output_is_that_of_linear_layers_with_relus() -> None:
    network = classifier([5, 4])
    pixels = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    state = network.state_dict()
    values = pixels.reshape(2, -1)
    for name in ("perceptron.embedding.linear", "perceptron.layers.0.linear"):
        values = (values @ state[f"{name}.weight"].T + state[f"{name}.bias"]).clamp(min=0)
    logits = values @ state["classifier.weight"].T + state["classifier.bias"]
    torch.testing.assert_close(network(pixel_values=pixels).logits, logits)
    encoder = classifier_encoder(network)  # type: ignore[arg-type]
    torch.testing.assert_close(encoder.features(pixels), values)
    torch.testing.assert_close(encoder.tokens(pixels), values[:, None])
    assert encoder.width == 4
    assert len(encoder.blocks) == 1


def test_the_maps_of_its_blocks_have_the_shapes_that_its_sizes_name() -> None:
    size = MlpSize(widths=(5, 4, 6))
    blocks = classifier_encoder(classifier([5, 4, 6])).blocks  # type: ignore[arg-type]
    assert size.block_count == len(blocks) == 2
    for number, block in enumerate(blocks):
        (one,) = size.block_maps(number)
        assert block.get_submodule(one.name).weight.shape == (one.outputs, one.inputs)  # type: ignore[union-attr]
        assert size.block_weights(number) == sum(p.numel() for p in block.parameters())
