"""Weights of a checkpoint for a network whose vocabulary has further tokens (``data.tokenizer.add_tokens``)."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

_SIZE = "vocab_size"


def config_in(directory: Path, config: Any) -> Any:
    """A copy of ``config`` with as many rows for tokens as the network in a directory has, or ``config`` itself if it has as many.

    Raises:
        OSError, ValueError: the directory has no ``config.json``.
    """
    rows = json.loads((directory / "config.json").read_text(encoding="utf-8")).get(_SIZE)
    if not isinstance(rows, int) or rows == config.vocab_size:
        return config
    found = copy.deepcopy(config)
    found.vocab_size = rows
    return found


def with_further_rows(
    state: Mapping[str, Tensor], kind: type[PreTrainedModel], config: Any, added: range, **options: Any
) -> dict[str, Tensor]:
    """The weights of a network with rows for further tokens. Embeddings, output layers and their biases get the mean of the rows of
    all tokens before the new ones, also in place of rows of a padded vocabulary.

    Args:
        state: Weights by name, those that share memory under each of their names.
        kind: The class of the network.
        config: Of the network with the longer vocabulary.
        added: Ids of the new tokens.
        options: Further arguments of ``kind``.
    """
    found = dict(state)
    for name in _rows_of_tokens(kind, config, options) & state.keys():
        rows = state[name]
        if len(rows) > config.vocab_size:
            continue
        longer = rows.new_empty((config.vocab_size, *rows.shape[1:]))
        mean = rows[: added.start].double().mean(dim=0).to(rows.dtype)
        longer[: len(rows)] = rows
        longer[len(rows) :] = mean
        longer[added.start : added.stop] = mean
        found[name] = longer
    return found


def _rows_of_tokens(kind: Any, config: Any, options: Mapping[str, Any]) -> set[str]:
    """Names of the tensors with a row for each token: those whose shape follows the size of the vocabulary."""
    longer = copy.deepcopy(config)
    longer.vocab_size += 1
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        shapes = [
            {name: tensor.shape for name, tensor in kind(one, **options).state_dict().items()}
            for one in (copy.deepcopy(config), longer)
        ]
    return {name for name, shape in shapes[0].items() if shapes[1][name] != shape}
