"""Collective operations over all training processes, for losses that need more than one process's share of a batch."""

import torch
from torch import Tensor, distributed
from torch.distributed.nn import functional as with_gradient


def is_distributed() -> bool:
    """Whether more than one process takes part in the training."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def gathered(tensor: Tensor) -> tuple[Tensor, int]:
    """Rows of all processes, in the order of their ranks, and the index of this process's first row (all-gather).

    Every process must have the same shape (N, …). In the backward pass each process receives the sum of all processes'
    gradients for its rows, so that the gradients summed over the processes are those of the one loss over all rows.
    """
    if not is_distributed():
        return tensor, 0
    return torch.cat(with_gradient.all_gather(tensor)), distributed.get_rank() * len(tensor)  # type: ignore[no-untyped-call]


def summed(tensor: Tensor) -> Tensor:
    """The sum over all processes (all-reduce), without gradient."""
    if is_distributed():
        tensor = tensor.clone()
        distributed.all_reduce(tensor)
    return tensor


def added_up(tensor: Tensor) -> Tensor:
    """The sum over all processes (all-reduce); each receives the sum of all processes' gradients."""
    if not is_distributed():
        return tensor
    total: Tensor = with_gradient.all_reduce(tensor)  # type: ignore[no-untyped-call]
    return total
