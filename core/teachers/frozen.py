"""Teachers whose weights never change."""

from typing import TypeVar

from torch import nn

_M = TypeVar("_M", bound=nn.Module)


def frozen(module: _M) -> _M:
    """The module in evaluation mode, without gradients for its weights."""
    module.requires_grad_(requires_grad=False)
    module.eval()
    return module
