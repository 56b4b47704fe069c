"""What the check of an uploaded checkpoint knows of a family of models."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.formats.errors import FormatError
from core.formats.published.names import CONFIG

OFF = (frozenset({False, None}), False)
"""A setting that must be off."""

Shapes = Iterator[tuple[str, tuple[int, ...]]]
"""Names of tensors, without the prefix of the whole network, and their shapes."""

ACTIVATIONS = frozenset(
    {
        "gelu",
        "gelu_10",
        "gelu_fast",
        "gelu_new",
        "gelu_python",
        "gelu_pytorch_tanh",
        "leaky_relu",
        "linear",
        "mish",
        "quick_gelu",
        "relu",
        "relu2",
        "relu6",
        "sigmoid",
        "silu",
        "swish",
        "tanh",
    }
)
"""Activation functions that `transformers` computes without a setting of their own."""


def linear(name: str, outputs: int, inputs: int, *, bias: bool = True) -> Shapes:
    """The tensors of a linear layer."""
    yield f"{name}.weight", (outputs, inputs)
    if bias:
        yield f"{name}.bias", (outputs,)


def norm(name: str, width: int, *, bias: bool = True) -> Shapes:
    """The tensors of a norm."""
    yield f"{name}.weight", (width,)
    if bias:
        yield f"{name}.bias", (width,)


@dataclass(frozen=True)
class Settings:
    """The content of a ``config.json``."""

    document: Mapping[str, Any]

    def number(self, name: str, default: int | None = None, *, least: int = 1) -> int:
        """A whole number.

        Raises:
            FormatError: ``checkpoint_misfit`` if there is none and no default, or if it is less than ``least``.
        """
        value = self.document.get(name)
        if value is None:
            if default is None:
                raise FormatError(
                    "checkpoint_misfit",
                    f"has no {name!r}; save the model with save_pretrained, which writes it",
                    CONFIG,
                    case="setting_missing",
                    name=name,
                )
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 1 << 31:
            raise FormatError(
                "checkpoint_misfit",
                f"{name} is no whole number of at least {least}",
                CONFIG,
                case="no_number",
                name=name,
                least=least,
            )
        return value

    def numbers(self, name: str) -> list[int]:
        """A list of positive whole numbers.

        Raises:
            FormatError: ``checkpoint_misfit``.
        """
        values = self.document.get(name)
        if not isinstance(values, list) or not values or len(values) > 100:
            raise FormatError(
                "checkpoint_misfit", f"{name} is no list of whole numbers", CONFIG, case="no_list", name=name
            )
        return [Settings({name: value}).number(name) for value in values]

    def flag(self, name: str, *, default: bool) -> bool:
        """
        Raises:
            FormatError: ``checkpoint_misfit`` if it is neither true nor false.
        """
        value = self.document.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise FormatError(
                "checkpoint_misfit", f"{name} is neither true nor false", CONFIG, case="no_flag", name=name
            )
        return value

    def require(self, name: str, allowed: frozenset[Any], default: Any) -> None:
        """Check that a setting has one of the values that are computed correctly here.

        Raises:
            FormatError: ``checkpoint_unsupported``, naming the setting and its value.
        """
        value = self.document.get(name, default)
        try:
            fits = value in allowed
        except TypeError:
            fits = False
        if not fits:
            known = ", ".join(sorted(map(str, allowed)))
            shown = str(value)[:60]
            raise FormatError(
                "checkpoint_unsupported",
                f"{name} is {shown!r}, which is not supported here; supported: {known}",
                CONFIG,
                case="setting",
                name=name,
                shown=shown,
                known=known,
            )


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of models, by the ``model_type`` of its configuration."""

    model_type: str
    architecture: str
    """Of `core.spec.architectures`."""
    prefixes: tuple[str, ...]
    """Prefixes of the names of the encoder's tensors: that of the model with a head, and none."""
    shapes: Callable[[Settings], Shapes]
    """The encoder's tensors."""
    heads: Callable[[Settings], Shapes] = lambda _: iter(())
    """Tensors of the head that pretraining goes on with; each may be absent."""
    supported: Mapping[str, tuple[frozenset[Any], Any]] = field(default_factory=dict)
    """Allowed values of settings, and the default of each."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Settings that are written out, where the configuration leaves them to their default."""
    positions: str | None = None
    """The setting with the number of learned positions."""
    inputs: Callable[[Settings, Mapping[str, Any]], dict[str, dict[str, Any]]] | None = None
    """Sections of a spec (``task``, ``data``, ``model``) that follow from its settings and those of its preprocessor, beside its
    sizes; for networks of images and audio. None: a network of text, which has a tokenizer."""
    elsewhere: tuple[str, ...] = ()
    """Settings that ``inputs`` gives to other fields of a spec."""
