"""Outputs inside a network, recorded by forward hooks while it computes something else."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Calls = list[Tensor]
"""The outputs of one module, in the order of its calls."""


class Observed:
    """Records the outputs of modules of a network.

    Args:
        modules: By a name for each.
        while_training: Record only while this network is in training mode and has a gradient, so that evaluations between steps, and
            Fisher information after the last one, are left out. (Blocks that are not trained may be in evaluation mode.) None: always.
    """

    def __init__(self, modules: Mapping[str, nn.Module], while_training: nn.Module | None = None) -> None:
        self._found: dict[str, Calls] = {name: [] for name in modules}
        self._while_training = while_training
        for name, module in modules.items():
            module.register_forward_hook(self._keep(name))

    def _keep(self, name: str) -> Any:
        def keep(_module: nn.Module, _inputs: object, output: Any) -> None:
            network = self._while_training
            if network is not None and not (network.training and torch.is_grad_enabled()):
                return
            self._found[name].append(output[0] if isinstance(output, tuple) else output)

        return keep

    def take(self) -> dict[str, Calls]:
        """The outputs since the last call, by the modules' names; they are forgotten here."""
        taken, self._found = self._found, {name: [] for name in self._found}
        return taken


def as_tokens(output: Tensor) -> Tensor:
    """A block's output as tokens, (B, T, D); that of a convolution, (B, D, H, W), has a token at each place, and that of a layer
    of a perceptron, (B, D), is one token."""
    if output.dim() == 2:
        return output[:, None]
    return output.flatten(2).transpose(1, 2) if output.dim() == 4 else output


def real_of(real: Tensor | None, tokens: Tensor) -> Tensor | None:
    """Which of tokens (B, T, D) are not padding, bool (B, T).

    Args:
        real: Of the tokens without the special ones at their beginning, bool (B, R); None: all are.
    """
    if real is None or real.dim() != 2 or real.shape[0] != tokens.shape[0]:
        return None
    special = tokens.shape[1] - real.shape[1]
    if special < 0:
        return None
    return torch.cat([real.new_ones(len(real), special), real], dim=1) if special else real


def last_maps(block: nn.Module, names: Sequence[str]) -> dict[str, nn.Module]:
    """Modules of a block by their dotted names in it."""
    return {name: block.get_submodule(name) for name in names}
