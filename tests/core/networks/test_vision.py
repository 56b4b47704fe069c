"""Image encoders: parameter counts, features, save and load."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, ResNetConfig
from transformers.models.resnet.modeling_resnet import ResNetModel

from core.checkpoints.bundle import Bundle, Network
from core.errors import EngineError
from core.networks.resnet import create_resnet, resnet_config
from core.networks.small_image_resnet import SmallImageResNetModel
from core.networks.vision import feature_width, features
from core.networks.vit import create_vit, vit_config
from core.spec.architectures import PRESETS
from core.spec.architectures.resnet import ResNetSize
from core.spec.architectures.transformer import TransformerSize
from core.spec.architectures.vit import VitSize
from tests.core.spec.network_inputs import network_inputs

TINY_RESNET = ResNetSize(block="basic", depths=(1, 2), widths=(8, 16))
TINY_VIT = TransformerSize(layers=1, hidden_size=16, heads=2, intermediate_size=32)


def whole(model: Any) -> Bundle:
    """A checkpoint that holds a network and nothing else."""
    return Bundle([Network("", model, published_names=True)])


def small_vit(seed: int = 0, channels: int = 3, hidden: int = 16) -> Any:
    size = TINY_VIT.model_copy(update={"hidden_size": hidden})
    return create_vit(vit_config(size, dropout=0.0, image_size=12, patch_size=4, channels=channels), seed)


def small_resnet(seed: int = 0, *, channels: int = 3, small_images: bool = True) -> Any:
    return create_resnet(resnet_config(TINY_RESNET, channels=channels, small_images=small_images), seed)


@pytest.mark.parametrize("preset", ResNetSize.presets())
@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_resnets_parameters_are_counted(preset: str, *, small: bool, channels: int) -> None:
    size = PRESETS[preset]
    assert isinstance(size, ResNetSize)
    with torch.device("meta"):
        network = create_resnet(resnet_config(size, channels=channels, small_images=small), 0)
    counted = size.parameters(network_inputs(image_size=32 if small else 64, channels=channels))
    assert counted == sum(parameter.numel() for parameter in network.parameters())


def test_the_named_resnets_are_those_of_transformers() -> None:
    """Without the head, ResNet-18 and ResNet-50 have as many weights as the common configurations."""
    for preset, config in (
        ("resnet-50", ResNetConfig()),
        (
            "resnet-18",
            ResNetConfig(depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic"),
        ),
    ):
        size = PRESETS[preset]
        assert isinstance(size, ResNetSize)
        with torch.device("meta"):
            ours = create_resnet(resnet_config(size, channels=3, small_images=False), 0)
            theirs = ResNetModel(config)
        shapes = {name: tensor.shape for name, tensor in ours.state_dict().items()}
        assert shapes == {name: tensor.shape for name, tensor in theirs.state_dict().items()}


@pytest.mark.parametrize("preset", VitSize.presets())
@pytest.mark.parametrize(("side", "patch", "channels"), [(32, 4, 3), (28, 7, 1)])
def test_a_vits_parameters_are_counted(preset: str, side: int, patch: int, channels: int) -> None:
    size = PRESETS[preset]
    assert isinstance(size, VitSize)
    with torch.device("meta"):
        config = vit_config(size, dropout=0.0, image_size=side, patch_size=patch, channels=channels)
        network = create_vit(config, 0)
    counted = size.parameters(network_inputs(image_size=side, patch_size=patch, channels=channels))
    assert counted == sum(parameter.numel() for parameter in network.parameters())


def test_the_stem_of_small_images_keeps_their_resolution() -> None:
    pixels = torch.randn(2, 3, 12, 12)
    assert small_resnet()(pixels).last_hidden_state.shape == (2, 16, 6, 6)
    assert small_resnet(small_images=False)(pixels).last_hidden_state.shape == (2, 16, 2, 2)


def test_weights_are_a_function_of_the_seed_alone() -> None:
    for make in (small_vit, small_resnet):
        torch.manual_seed(1)
        first = make(3).state_dict()
        torch.manual_seed(2)
        again, other = make(3).state_dict(), make(4).state_dict()
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("channels", [1, 3])
def test_features_are_one_vector_an_image(channels: int) -> None:
    for model in (small_vit(channels=channels), small_resnet(channels=channels)):
        pixels = torch.randn(1, channels, 12, 12)
        found = features(model.eval(), pixels)
        assert found.shape == (1, feature_width(model))
    vit = small_vit(channels=channels).eval()
    tokens = vit(pixels).last_hidden_state
    assert torch.equal(features(vit, pixels, "cls"), tokens[:, 0])
    assert torch.allclose(features(vit, pixels), sum(tokens[:, 1 + patch] for patch in range(9)) / 9)


@pytest.mark.parametrize("network", ["vit", "resnet", "small resnet"])
def test_what_is_written_opens_in_the_ecosystem(
    network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = tmp_path / "folder"
    folder.mkdir()
    model = small_vit() if network == "vit" else small_resnet(small_images=network == "small resnet")
    model.train()(torch.randn(4, 3, 12, 12))  # so that the batch norm's averages are not their initial values
    model.eval()
    whole(model).write(folder, model.state_dict())
    opened = AutoModel.from_pretrained(folder, trust_remote_code=network == "small resnet").eval()
    pixels = torch.randn(2, 3, 12, 12)
    assert torch.equal(opened(pixels).last_hidden_state, model(pixels).last_hidden_state)

    fresh = small_vit(1) if network == "vit" else small_resnet(1, small_images=network == "small resnet")
    whole(fresh).read(folder, fresh)
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in fresh.state_dict().items())


def test_a_custom_stem_is_never_opened_as_another(tmp_path: Path) -> None:
    model = small_resnet()
    assert isinstance(model, SmallImageResNetModel)
    whole(model).write(tmp_path, model.state_dict())
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        AutoModel.from_pretrained(tmp_path, trust_remote_code=False)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    vit = small_vit()
    whole(vit).write(tmp_path, vit.state_dict())
    for other in (small_vit(hidden=32), small_resnet()):
        with pytest.raises(EngineError) as refused:
            whole(other).read(tmp_path, other)
        assert refused.value.code == "checkpoint_mismatch"
