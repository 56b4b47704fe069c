"""What each network must have: dropout as in the spec, fixed positions, and feature maps and patch orders that are correct."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from core.networks import causal_language, masked_language
from core.networks.bert import bert_config
from core.networks.discriminator import ConvolutionalDiscriminator, ResidualDiscriminator
from core.networks.dropout import CheapDropout
from core.networks.gan import create_generator
from core.networks.gpt2 import gpt2_config
from core.networks.ijepa import create_ijepa, encode_patches, ijepa_config, take
from core.networks.llama import llama_config
from core.networks.maps import feature_map
from core.networks.modernbert import modernbert_config
from core.networks.positions import sine_positions
from core.networks.resnet import create_resnet, resnet_config
from core.networks.spectrogram_mae import Grid, ast_config, create_decoder, create_encoder
from core.networks.t5 import create_t5, t5_config
from core.networks.vit import create_vit, vit_config
from core.networks.vit_mae import create_vit_mae, vit_mae_config
from core.networks.wav2vec2 import create_wav2vec2
from core.spec.architectures.resnet import ResNetSize
from core.spec.architectures.transformer import TransformerSize
from core.tasks.wav2vec2.objective import pretraining_config
from core.tasks.wav2vec2.spec import Wav2Vec2
from tests.core.conftest import AUDIO_TASKS
from tests.core.networks.test_documents import SPECIAL

SIZE = TransformerSize(layers=2, hidden_size=16, heads=2, intermediate_size=32)
TEXT: dict[str, Any] = {"dropout": 0.3, "vocabulary_size": 40, "sequence_length": 12}
IMAGE: dict[str, Any] = {"dropout": 0.3, "image_size": 16, "patch_size": 4, "channels": 3}
SPECTROGRAM: Any = {name: AUDIO_TASKS["masked_spectrogram"][name] for name in ("mel_bins", "patch_size")}
GRID = Grid(bands=4, times=5, side=4)

CONFIGURATIONS: dict[str, tuple[Any, set[str]]] = {
    "bert": (
        bert_config(SIZE, **TEXT, padding_id=0),
        {"hidden_dropout_prob", "attention_probs_dropout_prob"},
    ),
    "modernbert": (
        modernbert_config(SIZE, **TEXT, special=SPECIAL),
        {"embedding_dropout", "mlp_dropout", "attention_dropout"},
    ),
    "gpt2": (gpt2_config(SIZE, **TEXT, end_id=3), {"resid_pdrop", "embd_pdrop", "attn_pdrop"}),
    "llama": (llama_config(SIZE, **TEXT, end_id=3), {"attention_dropout"}),
    "t5": (t5_config(SIZE, dropout=0.3, vocabulary_size=40, padding_id=0, end_id=3), {"dropout_rate"}),
    "vit": (vit_config(SIZE, **IMAGE), {"hidden_dropout_prob", "attention_probs_dropout_prob"}),
    "vit_mae": (
        vit_mae_config(SIZE, SIZE, mask_ratio=0.75, normalize_patches=True, **IMAGE),
        {"hidden_dropout_prob", "attention_probs_dropout_prob"},
    ),
    "ijepa": (ijepa_config(SIZE, **IMAGE), {"hidden_dropout_prob", "attention_probs_dropout_prob"}),
    "ast": (
        ast_config(SIZE, **SPECTROGRAM, frames=20, dropout=0.3),
        {"hidden_dropout_prob", "attention_probs_dropout_prob"},
    ),
    "wav2vec2": (
        pretraining_config(SIZE, Wav2Vec2.model_validate(AUDIO_TASKS["wav2vec2"]), 0.3),
        {"hidden_dropout", "activation_dropout", "attention_dropout"},
    ),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_dropout_of_the_spec_applies_everywhere(name: str) -> None:
    config, fields = CONFIGURATIONS[name]
    for field in fields:
        assert getattr(config, field) == 0.3, field
    assert config.num_hidden_layers == config.num_attention_heads == 2
    assert config.hidden_size == 16


MAKERS: dict[str, Any] = {
    "bert": lambda config: masked_language.create_bert(config, 0),
    "modernbert": lambda config: masked_language.create_modernbert(config, 0),
    "gpt2": lambda config: causal_language.create_gpt2(config, 0),
    "llama": lambda config: causal_language.create_llama(config, 0),
    "t5": lambda config: create_t5(config, 0),
    "vit": lambda config: create_vit(config, 0),
    "vit_mae": lambda config: create_vit_mae(config, 0),
    "ijepa": lambda config: create_ijepa(config, 0),
    "ast": lambda config: create_encoder(config, GRID, 0),
    "wav2vec2": lambda config: create_wav2vec2(config, 0),
}


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "llama"])
def test_a_networks_dropout_is_replaced_at_the_specs_probability(name: str) -> None:
    network = MAKERS[name](CONFIGURATIONS[name][0])
    found = [module for module in network.modules() if isinstance(module, nn.Dropout) and module.p > 0]
    assert found
    assert {type(module) for module in found} == {CheapDropout}
    assert {module.p for module in found} == {0.3}
    # wav2vec 2.0 is given the mask of each layer by its own code; the others are given none.
    expected = "sdpa_with_cheap_dropout" + ("_and_masks" if name == "wav2vec2" else "")
    assert network.config._attn_implementation == expected


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_fresh_network_has_no_matrix_and_no_token_without_content(name: str) -> None:
    """An embedding, a position or a token of zeros has no information, and a fixed one never will have."""
    network = MAKERS[name](CONFIGURATIONS[name][0])
    for key, weight in network.named_parameters():
        if weight.ndim >= 2 or "token" in key or "masked_spec_embed" in key:
            assert weight.std() > 1e-4, key


def by_hand(side: int, width: int) -> list[list[float]]:
    """Column first, then row: sines, then cosines, of each at falling frequencies."""
    quarter = width // 4
    table = []
    for row in range(side):
        for column in range(side):
            vector = []
            for place in (column, row):
                angles = [place / 10000 ** (i / quarter) for i in range(quarter)]
                vector += [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]
            table.append(vector)
    return table


def test_fixed_positions_are_sines_of_column_and_row_and_never_trained() -> None:
    expected = torch.tensor(by_hand(4, 16))
    torch.testing.assert_close(sine_positions(4, 16), expected)
    jepa = MAKERS["ijepa"](CONFIGURATIONS["ijepa"][0]).embeddings.position_embeddings
    mae = MAKERS["vit_mae"](CONFIGURATIONS["vit_mae"][0])
    ast = MAKERS["ast"](CONFIGURATIONS["ast"][0]).embeddings.position_embeddings
    torch.testing.assert_close(jepa[0], expected)
    for positions in (mae.vit.embeddings.position_embeddings, mae.decoder.decoder_pos_embed):
        torch.testing.assert_close(positions[0, 1:], expected)
        assert not positions[0, 0].any()
    fixed = [jepa, mae.vit.embeddings.position_embeddings, mae.decoder.decoder_pos_embed, ast]
    assert not any(positions.requires_grad for positions in fixed)
    assert not ast[0, :2].any(), "the class and distillation tokens have no place"
    assert len(torch.unique(ast[0, 2:], dim=0)) == GRID.patches


@pytest.mark.parametrize("kind", ["vit", "resnet"])
@torch.no_grad()
def test_a_feature_map_has_each_patch_at_its_place(kind: str) -> None:
    """A change in one corner of an image changes that corner of the map most."""
    if kind == "vit":
        network: Any = create_vit(vit_config(SIZE, **IMAGE | {"dropout": 0.0}), 0).eval()
    else:
        size = ResNetSize(block="basic", depths=(1, 1), widths=(8, 16))
        network = create_resnet(resnet_config(size, channels=3, small_images=True), 0).eval()
    image = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    before = feature_map(network, image)
    side = before.shape[2]
    if kind == "vit":
        tokens = network(pixel_values=image).last_hidden_state[0]
        assert tokens.shape[0] == 1 + side**2
        for row in range(side):
            for column in range(side):
                assert torch.equal(before[0, :, row, column], tokens[1 + row * side + column])
    for row, column in ((0, side - 1), (side - 1, 0)):
        changed = image.clone()
        step = 16 // side
        changed[:, :, row * step : row * step + step, column * step : column * step + step] += 3.0
        moved = (feature_map(network, changed) - before).square().sum(1)[0]
        share = moved / moved.sum()
        places = torch.arange(side, dtype=torch.float32)
        down, across = (share.sum(1) @ places).item(), (share.sum(0) @ places).item()
        assert (down < (side - 1) / 2) == (row == 0)
        assert (across < (side - 1) / 2) == (column == 0)


@torch.no_grad()
def test_jepas_encoder_uses_only_the_chosen_patches_in_any_order() -> None:
    network = create_ijepa(ijepa_config(SIZE, **IMAGE | {"dropout": 0.0}), 0).eval()
    pixels = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    chosen = torch.tensor([[3, 7, 1, 0], [2, 9, 15, 0]])
    present = torch.tensor([[True, True, True, False], [True, True, True, True]])
    found = encode_patches(network, pixels, chosen, present)
    shuffled = torch.tensor([1, 0, 2, 3])
    again = encode_patches(network, pixels, chosen[:, shuffled], present[:, shuffled])
    torch.testing.assert_close(again, found[:, shuffled])
    other = pixels.clone()
    other[:, :, 12:, 8:12] = 5.0  # patch 14, which is hidden in both
    torch.testing.assert_close(encode_patches(network, other, chosen, present), found)
    other[0, :, :4, :4] = 5.0  # patch 0: padding for the first image
    torch.testing.assert_close(encode_patches(network, other, chosen, present)[0, :3], found[0, :3])
    whole = torch.arange(16).expand(2, -1)
    everything = encode_patches(network, pixels, whole, torch.ones(2, 16, dtype=torch.bool))
    torch.testing.assert_close(everything, network(pixel_values=pixels).last_hidden_state)
    assert torch.equal(take(everything, chosen)[1, 2], everything[1, 15])


@torch.no_grad()
def test_the_audio_maes_decoder_puts_each_visible_patch_at_its_rank() -> None:
    config = ast_config(SIZE, **SPECTROGRAM, frames=20, dropout=0.0)
    decoder = create_decoder(config, GRID, width=8, layers=1, seed=0).eval()
    dice = torch.Generator().manual_seed(0)
    tokens = torch.randn(1, 2 + 4, 16, generator=dice)
    order = torch.randperm(GRID.patches, generator=dice)
    ranks = order.argsort()[None]
    found = decoder(tokens, ranks)
    assert found.shape == (1, GRID.patches, GRID.side**2)
    # The same patches in another order give the same picture.
    shuffled = torch.tensor([2, 0, 3, 1])
    swapped = order.clone()
    swapped[:4] = order[:4][shuffled]
    mixed = torch.cat([tokens[:, :2], tokens[:, 2:][:, shuffled]], 1)
    torch.testing.assert_close(decoder(mixed, swapped.argsort()[None]), found)
    # A patch at another position does not.
    elsewhere = order.clone()
    elsewhere[[0, 9]] = order[[9, 0]]
    assert not torch.allclose(decoder(tokens, elsewhere.argsort()[None]), found, atol=1e-3)


def discriminated(network: Any, images: torch.Tensor) -> torch.Tensor:
    """The residual discriminator of arXiv 1802.05957, figure 9, one operation after the other."""
    maps = images
    for block in network.blocks:
        inner = block.convolutions[0](maps if block is network.blocks[0] else maps.clamp(min=0))
        inner = block.convolutions[1](inner.clamp(min=0))
        outer = block.shortcut(maps)
        if block.halve:
            inner, outer = functional.avg_pool2d(inner, 2), functional.avg_pool2d(outer, 2)
        maps = inner + outer
    return network.last(maps.clamp(min=0).sum(dim=(2, 3))).squeeze(1)


@torch.no_grad()
def test_discriminators_equal_those_of_the_papers() -> None:
    torch.manual_seed(0)
    images = torch.randn(3, 3, 16, 16)
    residual = ResidualDiscriminator(3, 16, 8, spectral=False)
    torch.testing.assert_close(residual(images), discriminated(residual, images))
    plain = ConvolutionalDiscriminator(3, 16, 8, normalise=True, spectral=False)
    maps = images
    for number, layer in enumerate(one for one in plain.layers if isinstance(one, nn.Conv2d)):
        maps = functional.conv2d(maps, layer.weight, layer.bias, stride=2, padding=1)
        if number:
            mean, variance = maps.mean(dim=(0, 2, 3)), maps.var(dim=(0, 2, 3), correction=0)
            maps = (maps - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        maps = torch.where(maps > 0, maps, 0.2 * maps)
    expected = plain.last(maps.flatten(1)).squeeze(1)
    torch.testing.assert_close(plain(images), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("network", ["dcgan", "resgan"])
@torch.no_grad()
def test_generators_reach_the_whole_range_of_pixel_values(network: str) -> None:
    made = create_generator(network, 8, 0, latent_size=5, side=16, channels=3)
    for parameter in made.parameters():
        parameter.mul_(20)
    images = made(torch.from_numpy(np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)))
    assert images.min() < -0.9
    assert images.max() > 0.9
