"""Families of networks of images: ViT, ViTMAE and ResNet."""

from collections.abc import Mapping
from typing import Any

from core.formats.errors import FormatError
from core.formats.published.family import ACTIVATIONS, OFF, Family, Settings, Shapes, linear, norm
from core.formats.published.names import CONFIG, PREPROCESSOR
from core.formats.published.preprocessors import check_image, image_side

_USUAL_SIDE = 224


def patch_encoder(settings: Settings, channels: int) -> Shapes:
    """The tensors that ViT and AST have alike: the projection of square patches of so many channels, the blocks and the last norm."""
    hidden, patch = settings.number("hidden_size"), settings.number("patch_size")
    projection = "embeddings.patch_embeddings.projection"
    yield f"{projection}.weight", (hidden, channels, patch, patch)
    yield f"{projection}.bias", (hidden,)
    yield from _blocks(
        "encoder",
        settings.number("num_hidden_layers"),
        hidden,
        settings.number("intermediate_size"),
        bias=settings.flag("qkv_bias", default=True),
    )
    yield from norm("layernorm", hidden)


def _blocks(name: str, layers: int, hidden: int, inner: int, *, bias: bool) -> Shapes:
    """The tensors of ViT's blocks, as files of `transformers` name them.

    Args:
        bias: Whether queries, keys and values have one.
    """
    for number in range(layers):
        layer = f"{name}.layer.{number}"
        for part in ("query", "key", "value"):
            yield from linear(f"{layer}.attention.attention.{part}", hidden, hidden, bias=bias)
        yield from linear(f"{layer}.attention.output.dense", hidden, hidden)
        yield from linear(f"{layer}.intermediate.dense", inner, hidden)
        yield from linear(f"{layer}.output.dense", hidden, inner)
        yield from norm(f"{layer}.layernorm_before", hidden)
        yield from norm(f"{layer}.layernorm_after", hidden)


def _patches(settings: Settings) -> int:
    return (settings.number("image_size") // settings.number("patch_size")) ** 2


def _vit(settings: Settings) -> Shapes:
    hidden = settings.number("hidden_size")
    yield "embeddings.cls_token", (1, 1, hidden)
    yield "embeddings.position_embeddings", (1, _patches(settings) + 1, hidden)
    yield from patch_encoder(settings, settings.number("num_channels"))


def _vit_inputs(settings: Settings, preprocessor: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    channels, size = settings.number("num_channels"), settings.number("image_size")
    check_image(preprocessor, channels)
    side = image_side(preprocessor)
    if side not in {None, size}:
        raise FormatError(
            "checkpoint_misfit",
            f"makes images of {side} pixels a side, and the network is for {size} (image_size in config.json)",
            PREPROCESSOR,
            case="image_size",
            side=side,
            size=size,
        )
    return {
        "model": {"patch_size": settings.number("patch_size")},
        "data": {"image": {"size": size, "channels": channels}},
    }


_VIT_DEFAULTS = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "image_size": 224,
    "patch_size": 16,
    "num_channels": 3,
}

VIT = Family(
    model_type="vit",
    architecture="vit",
    prefixes=("vit.", ""),
    shapes=_vit,
    supported={"hidden_act": (ACTIVATIONS, "gelu")},
    defaults=_VIT_DEFAULTS,
    inputs=_vit_inputs,
)


def _vit_mae_decoder(settings: Settings) -> Shapes:
    width, patch = settings.number("decoder_hidden_size"), settings.number("patch_size")
    yield from linear("decoder.decoder_embed", width, settings.number("hidden_size"))
    yield "decoder.mask_token", (1, 1, width)
    yield "decoder.decoder_pos_embed", (1, _patches(settings) + 1, width)
    yield from _blocks(
        "decoder.decoder_encoder",
        settings.number("decoder_num_hidden_layers"),
        width,
        settings.number("decoder_intermediate_size"),
        bias=settings.flag("qkv_bias", default=True),
    )
    yield from norm("decoder.decoder_norm", width)
    yield from linear("decoder.decoder_pred", patch**2 * settings.number("num_channels"), width)


def _vit_mae_inputs(settings: Settings, preprocessor: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    task = {
        "decoder_layers": settings.number("decoder_num_hidden_layers"),
        "decoder_hidden_size": settings.number("decoder_hidden_size"),
        "decoder_heads": settings.number("decoder_num_attention_heads"),
        "decoder_intermediate_size": settings.number("decoder_intermediate_size"),
        "normalize_patches": settings.flag("norm_pix_loss", default=False),
    }
    return {"task": task, **_vit_inputs(settings, preprocessor)}


VIT_MAE = Family(
    model_type="vit_mae",
    architecture="vit",
    prefixes=("vit.", ""),
    shapes=_vit,
    heads=_vit_mae_decoder,
    supported={"hidden_act": (ACTIVATIONS, "gelu")},
    defaults=_VIT_DEFAULTS
    | {
        "decoder_hidden_size": 512,
        "decoder_num_hidden_layers": 8,
        "decoder_num_attention_heads": 16,
        "decoder_intermediate_size": 2048,
    },
    inputs=_vit_mae_inputs,
    elsewhere=(
        "decoder_hidden_size",
        "decoder_num_hidden_layers",
        "decoder_num_attention_heads",
        "decoder_intermediate_size",
        "norm_pix_loss",
        "mask_ratio",
    ),
)


def _convolution(name: str, outputs: int, inputs: int, side: int) -> Shapes:
    yield f"{name}.convolution.weight", (outputs, inputs, side, side)
    yield from norm(f"{name}.normalization", outputs)
    yield f"{name}.normalization.running_mean", (outputs,)
    yield f"{name}.normalization.running_var", (outputs,)


def _resnet(settings: Settings) -> Shapes:
    is_basic = settings.document["layer_type"] == "basic"
    before = settings.number("embedding_size")
    yield from _convolution("embedder.embedder", before, settings.number("num_channels"), 7)
    widths, depths = settings.numbers("hidden_sizes"), settings.numbers("depths")
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=False)):
        for number in range(depth):
            layer = f"encoder.stages.{stage}.layers.{number}"
            inner = width // 4
            shapes = (
                [(width, before, 3), (width, width, 3)]
                if is_basic
                else [(inner, before, 1), (inner, inner, 3), (width, inner, 1)]
            )
            if before != width or (stage > 0 and number == 0):
                yield from _convolution(f"{layer}.shortcut", width, before, 1)
            for part, shape in enumerate(shapes):
                yield from _convolution(f"{layer}.layer.{part}", *shape)
            before = width


def _resnet_inputs(settings: Settings, preprocessor: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    channels = settings.number("num_channels")
    check_image(preprocessor, channels)
    is_basic = settings.document["layer_type"] == "basic"
    widths, depths = settings.numbers("hidden_sizes"), settings.numbers("depths")
    if len(widths) != len(depths):
        raise FormatError(
            "checkpoint_misfit",
            f"config.json has {len(depths)} depths and {len(widths)} hidden_sizes; there is one of each a stage",
            CONFIG,
            case="stages",
            depths=len(depths),
            widths=len(widths),
        )
    stem = widths[0] // (1 if is_basic else 4)
    settings.require("embedding_size", frozenset({stem}), stem)
    return {
        "model": {"preset": "resnet-18" if is_basic else "resnet-50"},
        "data": {"image": {"size": image_side(preprocessor) or _USUAL_SIDE, "channels": channels}},
    }


RESNET = Family(
    model_type="resnet",
    architecture="resnet",
    prefixes=("resnet.", ""),
    shapes=_resnet,
    supported={
        "hidden_act": (ACTIVATIONS, "relu"),
        "layer_type": (frozenset({"basic", "bottleneck"}), "bottleneck"),
        "downsample_in_first_stage": OFF,
        "downsample_in_bottleneck": OFF,
    },
    defaults={
        "num_channels": 3,
        "embedding_size": 64,
        "hidden_sizes": [256, 512, 1024, 2048],
        "depths": [3, 4, 6, 3],
        "layer_type": "bottleneck",
    },
    inputs=_resnet_inputs,
    elsewhere=("stage_names", "out_features", "out_indices"),
)
