"""Families of networks of audio: AST and wav2vec 2.0."""

from collections.abc import Mapping
from typing import Any

from core.formats.errors import FormatError
from core.formats.published.family import ACTIVATIONS, OFF, Family, Settings, Shapes, linear, norm
from core.formats.published.image_families import patch_encoder
from core.formats.published.names import CONFIG, PREPROCESSOR
from core.formats.published.preprocessors import check_audio
from core.spec.architectures.ast import FRAME_LENGTH, FRAME_STEP

_SPECIAL_TOKENS = 2


def _ast(settings: Settings) -> Shapes:
    hidden, patch = settings.number("hidden_size"), settings.number("patch_size")
    bands = (settings.number("num_mel_bins") - patch) // settings.number("frequency_stride") + 1
    times = (settings.number("max_length") - patch) // settings.number("time_stride") + 1
    yield "embeddings.cls_token", (1, 1, hidden)
    yield "embeddings.distillation_token", (1, 1, hidden)
    yield "embeddings.position_embeddings", (1, bands * times + _SPECIAL_TOKENS, hidden)
    yield from patch_encoder(settings, channels=1)


def _ast_inputs(settings: Settings, preprocessor: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    rate = check_audio(preprocessor, spectrograms=True)
    for name, usual in (("num_mel_bins", 128), ("max_length", 1024)):
        made, wanted = preprocessor.get(name, usual), settings.number(name)
        if made != wanted:
            raise FormatError(
                "checkpoint_misfit",
                f"{name} is {made!r}, and in config.json it is {wanted}",
                PREPROCESSOR,
                case="spectrogram",
                name=name,
                made=made,
                wanted=wanted,
            )
    samples = FRAME_LENGTH + (settings.number("max_length") - 1) * FRAME_STEP
    return {
        "task": {
            "mel_bins": settings.number("num_mel_bins"),
            "patch_size": settings.number("patch_size"),
        },
        "data": {"audio": {"sampling_rate": rate, "clip_seconds": samples / rate, "normalization": "none"}},
    }


AST = Family(
    model_type="audio-spectrogram-transformer",
    architecture="ast",
    prefixes=("audio_spectrogram_transformer.", ""),
    shapes=_ast,
    supported={"hidden_act": (ACTIVATIONS, "gelu")},
    defaults={
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "patch_size": 16,
        "frequency_stride": 10,
        "time_stride": 10,
        "max_length": 1024,
        "num_mel_bins": 128,
    },
    inputs=_ast_inputs,
)


def _wav2vec2(settings: Settings) -> Shapes:
    hidden, inner = settings.number("hidden_size"), settings.number("intermediate_size")
    widths, kernels = settings.numbers("conv_dim"), settings.numbers("conv_kernel")
    is_layer, bias = (
        settings.document["feat_extract_norm"] == "layer",
        settings.flag("conv_bias", default=False),
    )
    before = 1
    for number, (width, kernel) in enumerate(zip(widths, kernels, strict=False)):
        layer = f"feature_extractor.conv_layers.{number}"
        yield f"{layer}.conv.weight", (width, before, kernel)
        if bias:
            yield f"{layer}.conv.bias", (width,)
        if is_layer or not number:
            yield from norm(f"{layer}.layer_norm", width)
        before = width
    yield from norm("feature_projection.layer_norm", before)
    yield from linear("feature_projection.projection", hidden, before)
    kernel, groups = (
        settings.number("num_conv_pos_embeddings"),
        settings.number("num_conv_pos_embedding_groups"),
    )
    convolution = "encoder.pos_conv_embed.conv"
    yield f"{convolution}.bias", (hidden,)
    yield f"{convolution}.parametrizations.weight.original0", (1, 1, kernel)
    yield f"{convolution}.parametrizations.weight.original1", (hidden, hidden // groups, kernel)
    for number in range(settings.number("num_hidden_layers")):
        layer = f"encoder.layers.{number}"
        for part in ("k_proj", "v_proj", "q_proj", "out_proj"):
            yield from linear(f"{layer}.attention.{part}", hidden, hidden)
        yield from linear(f"{layer}.feed_forward.intermediate_dense", inner, hidden)
        yield from linear(f"{layer}.feed_forward.output_dense", hidden, inner)
        yield from norm(f"{layer}.layer_norm", hidden)
        yield from norm(f"{layer}.final_layer_norm", hidden)
    yield from norm("encoder.layer_norm", hidden)


def _wav2vec2_heads(settings: Settings) -> Shapes:
    hidden = settings.number("hidden_size")
    for prefix in ("wav2vec2.", ""):
        yield f"{prefix}masked_spec_embed", (hidden,)
    books, words = (settings.number(name) for name in ("num_codevector_groups", "num_codevectors_per_group"))
    size, projection = settings.number("codevector_dim"), settings.number("proj_codevector_dim")
    yield "quantizer.codevectors", (1, books * words, size // books)
    yield from linear("quantizer.weight_proj", books * words, settings.numbers("conv_dim")[-1])
    yield from linear("project_hid", projection, hidden)
    yield from linear("project_q", projection, size)


def _wav2vec2_inputs(settings: Settings, preprocessor: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    rate = check_audio(preprocessor, spectrograms=False)
    widths = settings.numbers("conv_dim")
    if len(set(widths)) > 1:
        raise FormatError(
            "checkpoint_unsupported",
            f"conv_dim is {widths}, which is not supported here; supported: convolutions of one width",
            CONFIG,
            case="convolutions",
            widths=widths,
        )
    books, size = settings.number("num_codevector_groups"), settings.number("codevector_dim")
    return {
        "task": {
            "feature_encoder": {
                "kernels": settings.numbers("conv_kernel"),
                "strides": settings.numbers("conv_stride"),
                "channels": widths[0],
                "normalization": settings.document["feat_extract_norm"],
            },
            "position_kernel": settings.number("num_conv_pos_embeddings"),
            "codebooks": books,
            "codewords": settings.number("num_codevectors_per_group"),
            "codeword_size": max(1, size // books),
            "projection_size": settings.number("proj_codevector_dim"),
        },
        "data": {"audio": {"sampling_rate": rate, "normalization": "none"}},
    }


WAV2VEC2 = Family(
    model_type="wav2vec2",
    architecture="wav2vec2",
    prefixes=("wav2vec2.", ""),
    shapes=_wav2vec2,
    heads=_wav2vec2_heads,
    supported={
        "hidden_act": (ACTIVATIONS, "gelu"),
        "feat_extract_activation": (ACTIVATIONS, "gelu"),
        "feat_extract_norm": (frozenset({"group", "layer"}), "group"),
        "add_adapter": OFF,
        "use_weighted_layer_sum": OFF,
        "adapter_attn_dim": (frozenset({None}), None),
    },
    defaults={
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "conv_dim": [512] * 7,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "feat_extract_norm": "group",
        "num_conv_pos_embeddings": 128,
        "num_conv_pos_embedding_groups": 16,
        "num_codevector_groups": 2,
        "num_codevectors_per_group": 320,
        "codevector_dim": 256,
        "proj_codevector_dim": 256,
    },
    inputs=_wav2vec2_inputs,
    elsewhere=(
        "num_codevector_groups",
        "num_codevectors_per_group",
        "codevector_dim",
        "proj_codevector_dim",
    ),
)
