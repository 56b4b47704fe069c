"""The specs of a planned lineage's stages."""

from collections.abc import Mapping
from typing import Any

from core.characters import LONGEST_NAME


def first(document: Mapping[str, Any], dataset: str, stages: int) -> dict[str, Any]:
    """The first stage: there is nothing to forget yet, unless the spec itself starts from a checkpoint.

    Args:
        document: The spec of the lineage.
        stages: Number of all stages.
    """
    left_out = set() if document.get("start") is not None else {"continual"}
    kept = {name: value for name, value in document.items() if name not in left_out}
    return kept | {"dataset": dataset, "name": _name(document, 0, stages)}


def further(
    document: Mapping[str, Any], dataset: str, position: int, stages: int, checkpoint: str | None = None
) -> dict[str, Any]:
    """A further stage, which begins at step 0 with all weights of the stage before it.

    Args:
        position: From 1 on.
        checkpoint: The last one of the stage before; None: it does not exist yet.
    """
    data = {name: value for name, value in (document.get("data") or {}).items() if name != "tokenizer"}
    # A tokenizer that is made from the data would be another one for other data: each stage takes the checkpoint's.
    kept = {name: value for name, value in document.items() if name != "data"} | (
        {"data": data} if data else {}
    )
    return kept | {
        "dataset": dataset,
        "name": _name(document, position, stages),
        "start": {"checkpoint": checkpoint, "scope": "weights"},
        "continual": document.get("continual") or {},
    }


def _name(document: Mapping[str, Any], position: int, stages: int) -> str:
    suffix = f" (stage {position + 1} of {stages})"
    return str(document["name"])[: LONGEST_NAME - len(suffix)] + suffix
