"""Tensors of all processes that train together, for losses that look beyond their own share of a batch."""

import torch
from torch import Tensor, distributed
from torch.distributed.nn import functional as with_gradient


def is_distributed() -> bool:
    """Whether more than one process trains."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def gathered(tensor: Tensor) -> tuple[Tensor, int]:
    """Rows of all processes, in the order of their ranks, and where this one's begin.

    Every process must have the same shape (N, …). The gradient of what each makes of the others' rows comes back to
    them and is added there: the gradients of all processes' losses, summed over the processes, are those of the one loss.
    """
    if not is_distributed():
        return tensor, 0
    return torch.cat(with_gradient.all_gather(tensor)), distributed.get_rank() * len(tensor)  # type: ignore[no-untyped-call]


def summed(tensor: Tensor) -> Tensor:
    """The sum over all processes, without gradient."""
    if is_distributed():
        tensor = tensor.clone()
        distributed.all_reduce(tensor)
    return tensor


def added_up(tensor: Tensor) -> Tensor:
    """The sum over all processes, whose gradient comes back to each, added up over what all made of it."""
    if not is_distributed():
        return tensor
    total: Tensor = with_gradient.all_reduce(tensor)  # type: ignore[no-untyped-call]
    return total
