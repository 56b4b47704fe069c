"""Checks the files of an uploaded checkpoint against each other, and derives the spec that its weights are made for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.formats.errors import FormatError
from core.formats.published.audio_families import AST, WAV2VEC2
from core.formats.published.family import Family, Settings
from core.formats.published.image_families import RESNET, VIT, VIT_MAE
from core.formats.published.names import (
    CONFIG,
    INDEX,
    PREPROCESSOR,
    PROCESSOR,
    T5_SENTINELS,
    TOKENIZER,
    WEIGHTS,
)
from core.formats.published.text_families import BERT, GPT2, LLAMA, MODERNBERT, T5
from core.formats.published.weights import FLOATS
from core.spec.architectures import ARCHITECTURES
from core.spec.data import LEAST_VOCABULARY
from core.spec.tasks import task_specs

FAMILIES: Mapping[str, Family] = {
    family.model_type: family
    for family in (BERT, GPT2, LLAMA, MODERNBERT, T5, VIT, VIT_MAE, RESNET, AST, WAV2VEC2)
}
"""Family by ``model_type``."""

_FILE = "model.safetensors"
_NOT_KEPT = frozenset(
    {
        "_attn_implementation",
        "_name_or_path",
        "architectures",
        "attn_implementation",
        "dtype",
        "id2label",
        "label2id",
        "model_type",
        "num_labels",
        "problem_type",
        "torch_dtype",
        "transformers_version",
    }
)
"""Settings that say how the file was made, or that a run decides itself."""
_LONGEST_ROW = 512
_NAMED = 3

Report = Mapping[str, Any]
"""What `core.formats.published.inspection` found in a file."""


@dataclass(frozen=True)
class Published:
    """A checkpoint whose files fit each other."""

    document: dict[str, Any]
    """A spec, without its name, of a job that could have written it: task, model, tokenizer."""
    parameters: int
    """Numbers in its tensors."""


def check_checkpoint(reports: Mapping[str, Report]) -> Published:
    """Check that the files are one whole checkpoint of a known family.

    Args:
        reports: By file name.

    Raises:
        FormatError: ``checkpoint_incomplete``, ``checkpoint_misfit`` or ``checkpoint_unsupported``.
    """
    settings, family = _configuration(reports)
    tensors = _tensors(reports)
    _check_shapes(family, settings, tensors)
    size = ARCHITECTURES[family.architecture]
    sizes = {ours: _size(family, settings, theirs, ours) for theirs, ours in size.published_sizes.items()}
    elsewhere = {*_NOT_KEPT, *size.published_sizes, *size.decided_settings, *family.elsewhere}
    kept = {name: value for name, value in settings.document.items() if name not in elsewhere}
    model: dict[str, Any] = {"architecture": family.architecture, **sizes, "config": kept}
    count = sum(number for _, _, number in tensors.values())
    if family.inputs is not None:
        preprocessor = _preprocessor(reports)
        given = family.inputs(settings, preprocessor)
        return Published(
            {
                "task": {"kind": _task_of(family), **given.get("task", {})},
                "model": model | given.get("model", {}) | {"preprocessor": preprocessor},
                "training": {"steps": 1},
                "data": given["data"],
            },
            count,
        )
    positions = settings.number(family.positions) if family.positions else _LONGEST_ROW
    document: dict[str, Any] = {
        "task": {"kind": _task_of(family)},
        "model": model,
        "training": {"steps": 1, "sequence_length": min(positions, _LONGEST_ROW)},
        "data": {"tokenizer": _tokenizer(reports, family, settings)},
    }
    return Published(document, count)


def _task_of(family: Family) -> str:
    """The task that goes on with all weights of a model."""
    return next(
        str(task.model_fields["kind"].default) for task in task_specs() if family.model_type in task.continues
    )


def _configuration(reports: Mapping[str, Report]) -> tuple[Settings, Family]:
    if CONFIG not in reports:
        raise _missing(CONFIG)
    document: dict[str, Any] = reports[CONFIG]["document"]
    kind = document.get("model_type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        shown, known = str(kind)[:60], ", ".join(FAMILIES)
        raise FormatError(
            "checkpoint_unsupported",
            f"model_type is {shown!r}; known here are {known}",
            CONFIG,
            case="model_type",
            shown=shown,
            known=known,
        )
    if document.get("quantization_config"):
        raise FormatError(
            "checkpoint_unsupported",
            "the weights are quantised; upload them as they were before, in floating point",
            CONFIG,
            case="quantized",
        )
    settings = Settings(
        {
            **family.defaults,
            **{k: v for k, v in document.items() if v is not None or k not in family.defaults},
        }
    )
    for name, (allowed, default) in family.supported.items():
        settings.require(name, allowed, default)
    return settings, family


def _size(family: Family, settings: Settings, theirs: str, ours: str) -> int | list[int]:
    if ours in {"depths", "widths"}:
        return settings.numbers(theirs)
    return settings.number(theirs, _inner(family, settings, ours))


def _preprocessor(reports: Mapping[str, Report]) -> dict[str, Any]:
    """The settings of the preprocessor; newer versions of `transformers` write that of a recogniser inside another file."""
    if PREPROCESSOR in reports:
        found: dict[str, Any] = reports[PREPROCESSOR]["document"]
        return found
    whole = reports.get(PROCESSOR, {}).get("document", {})
    for name in ("feature_extractor", "image_processor"):
        if isinstance(inner := whole.get(name), dict):
            return inner
    raise _missing(PREPROCESSOR)


def _inner(family: Family, settings: Settings, ours: str) -> int | None:
    """The width of the feed-forward layer that GPT-2 leaves out: four times the hidden size."""
    return (
        4 * settings.number("n_embd") if family.model_type == "gpt2" and ours == "intermediate_size" else None
    )


_Tensors = dict[str, tuple[str, tuple[int, ...], int]]
"""Type, shape and number of values by name."""


def _tensors(reports: Mapping[str, Report]) -> _Tensors:
    found: _Tensors = {}
    for file in _files_of_weights(reports):
        for name, (kind, *shape) in reports[file]["tensors"].items():
            if _renamed(name) in found:
                raise FormatError(
                    "checkpoint_misfit",
                    f"has the tensor {name}, which another file has too",
                    file,
                    case="tensor_repeats",
                    name=name,
                )
            found[_renamed(name)] = str(kind), tuple(shape), math.prod(shape)
    where: Mapping[str, str] = reports.get(INDEX, {}).get("weight_map", {})
    for name, file in where.items():
        if name not in reports[file]["tensors"]:
            raise FormatError(
                "checkpoint_incomplete",
                f"names the tensor {name}, which {file} does not have",
                INDEX,
                case="tensor",
                name=name,
                shard=file,
            )
    return found


def _files_of_weights(reports: Mapping[str, Report]) -> list[str]:
    files = sorted(name for name in reports if name.endswith(WEIGHTS))
    if INDEX not in reports:
        if files == [_FILE]:
            return files
        raise _missing(INDEX if files else _FILE)
    shards = {str(file) for file in reports[INDEX]["weight_map"].values()}
    if missing := sorted(shards.difference(files)):
        lacking = _few(missing)
        raise FormatError(
            "checkpoint_incomplete",
            f"names files that are not there: {lacking}; upload all files of the weights",
            INDEX,
            case="shard",
            lacking=lacking,
        )
    if left := sorted(set(files) - shards):
        raise FormatError(
            "checkpoint_misfit",
            "is not named by model.safetensors.index.json; leave it out",
            left[0],
            case="not_in_index",
        )
    return files


def _renamed(name: str) -> str:
    """The newer names of a norm's weights, and of weights behind a weight norm, which `transformers` reads as well."""
    for old, new in (
        ("LayerNorm.gamma", "LayerNorm.weight"),
        ("LayerNorm.beta", "LayerNorm.bias"),
        ("conv.weight_g", "conv.parametrizations.weight.original0"),
        ("conv.weight_v", "conv.parametrizations.weight.original1"),
    ):
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _check_shapes(family: Family, settings: Settings, tensors: _Tensors) -> None:
    expected = dict(family.shapes(settings))
    first = next(iter(expected))
    prefix = next((prefix for prefix in family.prefixes if prefix + first in tensors), None)
    if prefix is None:
        lacking = family.prefixes[0] + first
        raise _lacks(family, lacking)
    wanted = {prefix + name: shape for name, shape in expected.items()}
    missing = [name for name in wanted if name not in tensors]
    if missing:
        raise _lacks(family, _few(missing))
    heads = {name: shape for name, shape in family.heads(settings) if name in tensors}
    for name, shape in (wanted | heads).items():
        kind, found, _ = tensors[name]
        if found != shape:
            there, described = _said(found), _said(shape)
            raise FormatError(
                "checkpoint_misfit",
                f"the tensor {name} has the shape {there}, and in a {family.model_type} as config.json describes it, it has the "
                f"shape {described}",
                _FILE,
                case="shape",
                name=name,
                there=there,
                model_type=family.model_type,
                described=described,
            )
        if kind not in FLOATS:
            raise FormatError(
                "checkpoint_misfit",
                f"the tensor {name} is of the type {kind}; weights are floating-point numbers",
                _FILE,
                case="type",
                name=name,
                kind=kind,
            )


def _lacks(family: Family, lacking: str) -> FormatError:
    return FormatError(
        "checkpoint_misfit",
        f"has no tensor {lacking}, which a {family.model_type} as config.json describes it has",
        _FILE,
        case="tensor_missing",
        lacking=lacking,
        model_type=family.model_type,
    )


def _missing(file: str) -> FormatError:
    return FormatError(
        "checkpoint_incomplete",
        f"{file} is missing; save the model with model.save_pretrained(DIRECTORY), its tokenizer or preprocessor "
        "likewise, and upload all files",
        "the checkpoint",
        case="file",
        missing=file,
    )


def _tokenizer(reports: Mapping[str, Report], family: Family, settings: Settings) -> dict[str, Any]:
    if TOKENIZER not in reports:
        raise _missing(TOKENIZER)
    vocabulary, largest = settings.number("vocab_size"), reports[TOKENIZER]["largest_id"]
    if largest >= vocabulary:
        raise FormatError(
            "checkpoint_misfit",
            f"has the token id {largest:,}, and the network's vocabulary has only {vocabulary:,} tokens: it is the tokenizer of "
            "another model",
            TOKENIZER,
            case="tokenizer",
            largest=largest,
            vocabulary=vocabulary,
        )
    lacking = T5_SENTINELS - reports[TOKENIZER].get("sentinels", 0)
    if family.model_type == "t5" and largest + 1 + lacking > vocabulary:
        raise FormatError(
            "checkpoint_misfit",
            f"lacks {lacking} of the {T5_SENTINELS} tokens <extra_id_0> …, which stand for the spans of a text, and the network's "
            f"vocabulary of {vocabulary:,} has no room for them; save the tokenizer with extra_ids={T5_SENTINELS}",
            TOKENIZER,
            case="sentinels",
            lacking=lacking,
            sentinels=T5_SENTINELS,
            vocabulary=vocabulary,
        )
    return {"kind": "uploaded", "vocabulary_size": max(vocabulary, LEAST_VOCABULARY)}


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _said(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "of one number"
