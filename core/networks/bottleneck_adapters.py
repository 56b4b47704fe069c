"""Networks of `transformers` with bottleneck adapters (Houlsby et al. 2019, arXiv 1902.00751) behind some of their maps.

`transformers` has no classes for them. Each checkpoint contains this file, which needs only ``torch`` and
``transformers``: ``AutoModelFor….from_pretrained(folder, trust_remote_code=True)`` runs it. Without that flag nothing is
opened, because the model type is another one: the network without its adapters would give other results.
"""

import copy
import importlib
from typing import Any

import transformers
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

_SUFFIX = "WithAdapters"
_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}


class Bottleneck(nn.Module):
    """``x + up(activation(down(x)))``, on the last dimension; at first it returns ``x``.

    Args:
        width: Dimension of its input.
        size: Dimension of the bottleneck.
        activation: Name of the activation between the two layers.
    """

    def __init__(self, width: int, size: int, activation: str) -> None:
        super().__init__()
        self.down = nn.Linear(width, size)
        self.activation = _ACTIVATIONS[activation]()
        self.up = nn.Linear(size, width)
        for module in (self.down, self.up):
            nn.init.zeros_(module.bias)
        nn.init.normal_(self.down.weight, std=0.02)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.up(self.activation(self.down(x)))
        return x + changed


def insert(network: nn.Module, adapters: dict[str, Any]) -> None:
    """Put a bottleneck behind each of some maps, in place. Names of the network's own weights stay.

    Args:
        adapters: ``maps``, the names of modules; ``size`` and ``activation`` of the bottlenecks.
    """
    for name in adapters["maps"]:
        module: Any = network.get_submodule(name)
        # GPT-2's maps have their outputs in the second dimension of their weights, and always a bias.
        width = len(module.weight if module.bias is None else module.bias)
        module.adapter = Bottleneck(width, adapters["size"], adapters["activation"])
        module.__class__ = _map_with_adapter(type(module))


def with_adapters(network: PreTrainedModel, adapters: dict[str, Any]) -> PreTrainedModel:
    """Change a network into one of the class with adapters, in place.

    Args:
        adapters: As for `insert`.
    """
    before = type(network)
    if (own := _module_of(before)) != __name__:
        importlib.import_module(own)
    insert(network, adapters)
    network.__class__ = network_class(before)
    config: Any = network.config
    network.config = config_class(type(config))(**config.to_diff_dict(), adapters=adapters)
    network.config.architectures = [type(network).__name__]
    file = own.rpartition(".")[2]
    network.config.auto_map = {
        "AutoConfig": f"{file}.{type(network.config).__name__}",
        **{name: f"{file}.{type(network).__name__}" for name in _auto_classes(before, config)},
    }
    return network


_MAPS: dict[type, type] = {}
_NETWORKS: dict[type, type] = {}
_CONFIGS: dict[type, type] = {}


def _map_with_adapter(kind: type) -> type:
    """A class of maps whose outputs go through ``adapter``."""
    if kind not in _MAPS:

        def forward(self: Any, *inputs: Any) -> Tensor:
            outputs: Tensor = self.adapter(kind.forward(self, *inputs))  # type: ignore[attr-defined]
            return outputs

        _MAPS[kind] = type(
            kind.__name__ + "WithAdapter", (kind,), {"forward": forward, "__module__": __name__}
        )
    return _MAPS[kind]


def network_class(kind: type) -> type:
    """The class of networks of ``kind`` with the adapters that their configuration names."""
    if kind not in _NETWORKS:

        def initialise(self: Any, config: Any, *inputs: Any, **options: Any) -> None:
            # Some networks look for the class of a part of them by the class of the configuration.
            plain = copy.copy(config)
            plain.__class__ = kind.config_class  # type: ignore[attr-defined]
            kind.__init__(self, plain, *inputs, **options)  # type: ignore[misc]
            self.config = config
            insert(self, config.adapters)

        members = {
            "__init__": initialise,
            "__module__": _module_of(kind),
            "config_class": config_class(kind.config_class),  # type: ignore[attr-defined]
        }
        _NETWORKS[kind] = type(kind.__name__ + _SUFFIX, (kind,), members)
    return _NETWORKS[kind]


def config_class(kind: type) -> type:
    """The class of configurations of ``kind`` that have adapters."""
    if kind not in _CONFIGS:
        members = {
            "model_type": f"{kind.model_type}_with_adapters",  # type: ignore[attr-defined]
            "__module__": _module_of(kind),
        }
        _CONFIGS[kind] = type(kind.__name__ + _SUFFIX, (kind,), members)
    return _CONFIGS[kind]


def _module_of(kind: type) -> str:
    """The module of the class with adapters. For a network that `transformers` does not have it is one of its own, which
    names the class and is copied with it."""
    own = kind.__module__
    return __name__ if own.startswith("transformers.") else f"{own}_with_adapters"


def _auto_classes(kind: type, config: Any) -> list[str]:
    """The names of the classes of `transformers` that open a network of ``kind``."""
    if given := getattr(config, "auto_map", None):
        return [name for name in given if name != "AutoConfig"]
    names = [name for name in dir(transformers) if name.startswith("AutoModel")]
    return [name for name in names if _opens(getattr(transformers, name), kind, type(config))]


def _opens(auto: Any, kind: type, config: type) -> bool:
    mapping = getattr(auto, "_model_mapping", None)
    found = mapping.get(config, None) if mapping is not None else None
    return kind in (found if isinstance(found, tuple) else (found,))


def __getattr__(name: str) -> Any:
    """The classes with adapters by their names, as a checkpoint's configuration has them."""
    base = getattr(transformers, name.removesuffix(_SUFFIX), None) if name.endswith(_SUFFIX) else None
    if base is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return config_class(base) if issubclass(base, PreTrainedConfig) else network_class(base)
