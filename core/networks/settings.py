"""The configuration of a network as somebody else made it: its own settings instead of those of `core.networks`."""

import copy
from collections.abc import Mapping
from typing import Any, TypeVar

from core.errors import EngineError
from core.spec.architectures import ARCHITECTURES
from core.spec.job import JobSpec

_C = TypeVar("_C")

_OWN = ("dtype", "architectures")
"""Settings that a run decides."""


def as_configured(job: JobSpec, config: _C, *decided: str) -> _C:
    """The configuration with the settings of ``model.config``; unchanged if the spec has none.

    Args:
        config: That of `core.networks`, of a class of `transformers`. Kept of it are the sizes, dropout if the spec sets it, and a
            vocabulary that is larger than the one of ``model.config``.
        decided: Names of further settings that are kept, because the job's task decides them.

    Raises:
        EngineError: ``spec_invalid`` if `transformers` takes no such settings.
    """
    settings = job.model.config
    if settings is None:
        return config
    ours: Any = config
    document: Mapping[str, Any] = ours.to_dict()
    size = ARCHITECTURES[job.architecture]
    kept = {name: document[name] for name in size.published_sizes}
    kept |= {name: document[name] for name in (*_OWN, *size.decided_settings, *decided) if name in document}
    if job.model.dropout is not None:
        kept |= {name: value for name, value in document.items() if _is_dropout(name, value)}
    if "vocab_size" in document and "vocab_size" in settings and "vocab_size" not in decided:
        kept["vocab_size"] = max(document["vocab_size"], int(str(settings["vocab_size"])))
    elif "vocab_size" in document and "vocab_size" not in kept:
        kept["vocab_size"] = document["vocab_size"]
    kept |= {name: value for name, value in document.items() if name == "layerdrop"}
    try:
        found: _C = type(ours).from_dict({**copy.deepcopy(settings), **kept})
    except Exception as error:  # noqa: BLE001 - whatever `transformers` raises for settings that it does not take
        architecture = job.architecture
        raise EngineError(
            "spec_invalid",
            f"model.config is no configuration of a {architecture}: {error}",
            "Start from another checkpoint, or leave model.config out.",
            case="config",
            architecture=architecture,
            error=str(error),
        ) from None
    return found


def as_it_is(config: _C) -> _C:
    """The configuration itself."""
    return config


def _is_dropout(name: str, value: object) -> bool:
    return ("dropout" in name or name.endswith("pdrop")) and isinstance(value, float)
