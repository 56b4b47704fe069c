"""The contract of an encoder for each architecture: features, width, blocks, save and load."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, T5EncoderModel

from core.errors import EngineError
from core.networks.audio_encoder import SpectrogramEncoder, WaveEncoder
from core.networks.encoder import Encoder
from core.networks.image_encoder import ImageEncoder, MaskedImageEncoder
from core.networks.resnet import create_resnet, resnet_config
from core.networks.text_encoder import text_encoder
from core.networks.wav2vec2 import standardize
from core.spec.architectures.resnet import ResNetSize
from tests.core.networks.test_networks import CONFIGURATIONS, MAKERS

RESNET = ResNetSize(block="basic", depths=(1, 2), widths=(8, 16))


def _text(dice: torch.Generator) -> Tensor:
    return torch.randint(5, 40, (3, 12), generator=dice)


def _image(dice: torch.Generator) -> Tensor:
    return torch.randn(3, 3, 16, 16, generator=dice)


def _spectrogram(dice: torch.Generator) -> Tensor:
    return torch.randn(3, 20, 16, generator=dice)


def _waves(dice: torch.Generator) -> Tensor:
    return standardize(torch.randn(3, 4000, generator=dice), torch.full((3,), 4000))


@dataclass(frozen=True)
class Case:
    """An architecture: a function from a seed to its network, its encoder, its input, and its number of blocks."""

    make: Callable[[int], Any]
    encoder: Callable[[Any], Encoder]
    inputs: Callable[[torch.Generator], Tensor]
    opens: Callable[[Path], Any]
    blocks: int = 2


def _configured(name: str) -> Callable[[int], Any]:
    def make(seed: int) -> Any:
        torch.manual_seed(seed)
        network = MAKERS[name](copy.deepcopy(CONFIGURATIONS[name][0])).eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
        return network

    return make


def _resnet(*, small: bool) -> Callable[[int], Any]:
    return lambda seed: create_resnet(resnet_config(RESNET, channels=3, small_images=small), seed).eval()


def _auto(directory: Path) -> Any:
    return AutoModel.from_pretrained(directory, trust_remote_code=True)


CASES = {
    **{
        name: Case(_configured(name), text_encoder, _text, _auto)
        for name in ("bert", "modernbert", "gpt2", "llama")
    },
    "t5": Case(_configured("t5"), text_encoder, _text, T5EncoderModel.from_pretrained),
    "vit": Case(_configured("vit"), ImageEncoder, _image, _auto),
    "vit cls": Case(_configured("vit"), lambda network: ImageEncoder(network, "cls"), _image, _auto),
    "ijepa": Case(_configured("ijepa"), ImageEncoder, _image, _auto),
    "vit_mae": Case(_configured("vit_mae"), MaskedImageEncoder, _image, _auto),
    "resnet": Case(_resnet(small=False), ImageEncoder, _image, _auto, blocks=3),
    "small_image_resnet": Case(_resnet(small=True), ImageEncoder, _image, _auto, blocks=3),
    "ast": Case(_configured("ast"), SpectrogramEncoder, _spectrogram, _auto),
    "wav2vec2": Case(_configured("wav2vec2"), WaveEncoder, _waves, _auto),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@torch.no_grad()
def test_features_are_one_vector_for_each_sample(case: Case) -> None:
    encoder = case.encoder(case.make(0))
    inputs = case.inputs(torch.Generator().manual_seed(0))
    tokens, features = encoder.tokens(inputs), encoder.features(inputs)
    assert features.shape == (3, encoder.width) == (3, 16)
    assert tokens.shape[::2] == features.shape
    assert len(torch.unique(features, dim=0)) == 3
    if not (isinstance(encoder, ImageEncoder) and encoder.pooling == "cls"):
        torch.testing.assert_close(features, tokens.mean(dim=1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder.features(inputs[1:2])[0], features[1], rtol=1e-4, atol=1e-5)


def test_blocks_are_in_order_from_the_input_on(case: Case) -> None:
    encoder = case.encoder(case.make(0))
    assert len(encoder.blocks) == case.blocks
    ran: list[int] = []
    for number, block in enumerate(encoder.blocks):
        block.register_forward_hook(lambda *_, number=number: ran.append(number))
    encoder.features(case.inputs(torch.Generator().manual_seed(0)))
    assert ran == list(range(case.blocks))


@torch.no_grad()
def test_saved_weights_open_in_transformers_and_load_again(case: Case, tmp_path: Path) -> None:
    network = case.make(0)
    encoder, inputs = case.encoder(network), case.inputs(torch.Generator().manual_seed(0))
    before = network.config.to_dict()
    encoder.save(tmp_path / "encoder")
    assert network.config.to_dict() == before, "the network's own configuration stays as it is"
    opened = case.opens(tmp_path / "encoder").eval()
    names = AutoConfig.from_pretrained(tmp_path / "encoder", trust_remote_code=True).architectures
    assert names == [type(opened).__name__]
    found = opened(inputs).last_hidden_state
    if found.ndim == 4:
        found = found.flatten(2).transpose(1, 2)
    expected = encoder.tokens(inputs)
    # Tokens before the patches, such as a class token, are not tokens of a sample.
    torch.testing.assert_close(found[:, -expected.shape[1] :], expected, rtol=1e-4, atol=1e-4)
    other = case.make(1)
    assert not torch.allclose(case.encoder(other).features(inputs), encoder.features(inputs), atol=1e-3)
    case.encoder(other).load(tmp_path / "encoder")
    assert torch.equal(case.encoder(other).features(inputs), encoder.features(inputs))


def test_weights_of_another_network_are_refused(case: Case, tmp_path: Path) -> None:
    wrong = "gpt2" if case is not CASES["gpt2"] else "vit"
    CASES[wrong].encoder(CASES[wrong].make(0)).save(tmp_path / "other")
    network = case.make(0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(EngineError, match="do not fit the encoder") as caught:
        case.encoder(network).load(tmp_path / "other")
    assert caught.value.code == "checkpoint_mismatch"
    with pytest.raises(EngineError, match="do not fit the encoder"):
        case.encoder(network).load(tmp_path / "nothing")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("name", ["bert", "modernbert", "gpt2", "llama", "t5"])
@torch.no_grad()
def test_a_texts_features_do_not_depend_on_its_padding(name: str) -> None:
    encoder = CASES[name].encoder(CASES[name].make(0))
    text = _text(torch.Generator().manual_seed(0))[:1, :7]
    padded = torch.nn.functional.pad(text, (0, 5))
    real = torch.arange(12)[None] < 7
    torch.testing.assert_close(encoder.features(padded, real), encoder.features(text), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(encoder.features(padded), encoder.features(text), atol=1e-3)


@torch.no_grad()
def test_a_recordings_features_do_not_depend_on_its_padding() -> None:
    encoder = CASES["wav2vec2"].encoder(CASES["wav2vec2"].make(0))
    waves = _waves(torch.Generator().manual_seed(0))[:1]
    frames = encoder.tokens(waves).shape[1]
    real = torch.arange(frames)[None] < frames - 3
    changed = encoder.tokens(waves, real)[0, -1]
    assert not torch.allclose(changed, encoder.tokens(waves)[0, -1], atol=1e-4), "filling is not attended to"
    expected = encoder.tokens(waves, real)[:, : frames - 3].mean(dim=1)
    torch.testing.assert_close(encoder.features(waves, real), expected, rtol=1e-4, atol=1e-5)
