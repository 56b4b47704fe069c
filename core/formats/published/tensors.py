"""The tensors of an uploaded checkpoint, over all of its files of weights, and the check of their shapes."""

import math
from collections.abc import Mapping

from core.formats.errors import FormatError
from core.formats.published.family import Family, Settings, Shapes
from core.formats.published.names import INDEX, WEIGHTS
from core.formats.published.reports import Report, missing_file
from core.formats.published.weights import FLOATS

_FILE = "model.safetensors"
_NAMED = 3

Tensors = dict[str, tuple[str, tuple[int, ...], int]]
"""Type, shape and number of values by name."""


def tensors_of(reports: Mapping[str, Report]) -> Tensors:
    """The tensors of all files of weights.

    Raises:
        FormatError: ``checkpoint_incomplete``, ``checkpoint_misfit``.
    """
    found: Tensors = {}
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
        raise missing_file(INDEX if files else _FILE)
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


def check_shapes(family: Family, settings: Settings, tensors: Tensors, head: Shapes | None) -> None:
    """Check that the tensors of a model are there, in the shapes that its configuration describes.

    Args:
        head: Tensors of the head that its class has. None: the class has none that is known, and heads of pretraining may be absent.

    Raises:
        FormatError: ``checkpoint_misfit``.
    """
    expected = dict(family.shapes(settings))
    first = next(iter(expected))
    prefix = next((prefix for prefix in family.prefixes if prefix + first in tensors), None)
    if prefix is None:
        raise _lacks(family, family.prefixes[0] + first)
    wanted = {prefix + name: shape for name, shape in expected.items()} | dict(head or ())
    missing = [name for name in wanted if name not in tensors]
    if missing:
        raise _lacks(family, _few(missing))
    if head is None:
        wanted |= {name: shape for name, shape in family.heads(settings) if name in tensors}
    for name, shape in wanted.items():
        _check(family, name, shape, tensors)


def _check(family: Family, name: str, shape: tuple[int, ...], tensors: Tensors) -> None:
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


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _said(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "of one number"
