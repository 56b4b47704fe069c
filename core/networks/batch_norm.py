"""Batch norm over the batches of all processes that train together: the paper's global batch norm (arXiv 2002.05709, section 2.2).

With statistics of each process's batch alone, a network could see from them which views belong together, and the result
would depend on the number of processes. With a single process this is torch's own batch norm.
"""

import torch
from torch import Tensor, nn

from core.distributed.collectives import added_up, is_distributed, summed


def share_batch_norms(network: nn.Module) -> None:
    """Have the batch norms of ``network`` use the batches of all processes, in place. Their state has the same form."""
    for module in network.modules():
        if type(module) is nn.BatchNorm1d:
            module.__class__ = _SharedBatchNorm1d
        elif type(module) is nn.BatchNorm2d:
            module.__class__ = _SharedBatchNorm2d


class _SharedBatchNorm1d(nn.BatchNorm1d):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        return (
            _normalised_over_all(self, input)
            if self.training and is_distributed()
            else super().forward(input)
        )


class _SharedBatchNorm2d(nn.BatchNorm2d):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        return (
            _normalised_over_all(self, input)
            if self.training and is_distributed()
            else super().forward(input)
        )


def _normalised_over_all(norm: nn.BatchNorm1d | nn.BatchNorm2d, values: Tensor) -> Tensor:
    """``values``, (B, C, …), normalised by the mean and variance over all processes."""
    axes, shape = [0, *range(2, values.ndim)], (1, -1, *[1] * (values.ndim - 2))
    own = values.float()
    count = summed(own.new_tensor(own.numel() / own.shape[1]))
    mean = added_up(own.sum(axes)) / count
    centred = own - mean.view(shape)
    variance = added_up(centred.square().sum(axes)) / count
    if norm.running_mean is not None and norm.running_var is not None and norm.momentum is not None:
        with torch.no_grad():
            norm.running_mean.lerp_(mean, norm.momentum)
            norm.running_var.lerp_(variance * count / (count - 1), norm.momentum)
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.add_(1)
    scaled = centred * (variance + norm.eps).rsqrt().view(shape)
    return torch.addcmul(norm.bias.view(shape), scaled, norm.weight.view(shape)).to(values.dtype)
