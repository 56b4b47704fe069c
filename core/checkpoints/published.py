"""Reads the weights of a network that somebody else saved with `transformers`."""

import copy
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from core.checkpoints.longer_vocabulary import config_in, with_further_rows


def read_published_weights(
    folder: Path, model: PreTrainedModel, added: range | None = None
) -> tuple[list[str], dict[str, Tensor]]:
    """The weights in a folder for a network, by its own names, and the names of those that are not there.

    Args:
        added: Ids of tokens that the folder's network does not know, and that ``model`` has rows for.

    Raises:
        OSError, RuntimeError, SafetensorError: a file cannot be read.
        ValueError: nothing of the network is there, or tensors have other shapes.
    """
    disable_progress_bar()  # type: ignore[no-untyped-call]
    kind: Any = type(model)
    making: dict[str, Any] = {}
    if getattr(model, "pooler", True) is None:
        making["add_pooling_layer"] = False
    config = model.config if added is None else config_in(folder, model.config)
    loaded, report = kind.from_pretrained(
        folder, config=copy.deepcopy(config), output_loading_info=True, use_safetensors=True, **making
    )
    if report["mismatched_keys"]:
        raise ValueError(f"{len(report['mismatched_keys'])} weights have another shape there")
    missing = sorted(str(name) for name in report["missing_keys"])
    state: dict[str, Tensor] = {n: t for n, t in loaded.state_dict().items() if n not in missing}
    if len(missing) > len(state):
        raise ValueError(f"{len(missing)} weights are missing there, such as {missing[0]}")
    return missing, state if added is None else with_further_rows(state, kind, model.config, added, **making)
