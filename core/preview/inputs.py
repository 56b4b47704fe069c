"""Records the inputs of an objective's networks with hooks, so that exactly the tensors they receive are shown."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.formats.image.contact_sheet import sheet
from core.objectives.base import Objective, Shown
from core.randomness import seed_torch


@dataclass
class _Caught:
    """Inputs by the module that received them, in order; inputs of modules inside a recorded module are left out."""

    inputs: list[tuple[str, Tensor]] = field(default_factory=list)
    inside: list[nn.Module] = field(default_factory=list)

    def enter(self, name: str, module: nn.Module, given: Sequence[Any], named: Mapping[str, Any]) -> None:
        if self.inside:
            return
        tensor = next((one for one in (*given, *named.values()) if _is_sample(one)), None)
        if tensor is not None:
            self.inside.append(module)
            self.inputs.append((name, tensor.detach().cpu()))

    def leave(self, module: nn.Module) -> None:
        if self.inside and self.inside[-1] is module:
            self.inside.pop()


def network_inputs(
    objective: Objective, rows: NDArray[Any], samples: NDArray[np.int64], key: int
) -> list[Shown]:
    """The networks' inputs in training for these samples, as pictures and texts.

    Each call gives one sheet of pictures, one row per view; texts are joined. The networks change only as by any
    forward pass in training mode.
    """
    batch = objective.collate(rows, samples, key).to(next(objective.parameters()).device)
    objective.train()
    seed_torch(key, "dropout")
    with torch.no_grad(), _catching(objective) as caught:
        objective(batch)
    shown = []
    seen: dict[str, int] = {}
    for name, tensor in caught.inputs:
        one = _shown(objective, name, tensor, len(rows))
        if one is None:
            continue
        seen[name] = seen.get(name, 0) + 1
        title = one.name if seen[name] == 1 else f"{one.name}_{seen[name]}"
        shown.append(Shown(title, one.media_type, one.content))
    return shown


@contextmanager
def _catching(objective: Objective) -> Iterator[_Caught]:
    caught = _Caught()
    with ExitStack() as stack:
        for name, module in objective.named_modules():
            if module is objective:
                continue
            first = name.partition(".")[0]

            def enter(module: nn.Module, given: Any, named: Any, name: str = first) -> None:
                caught.enter(name, module, given, named)

            def leave(module: nn.Module, _given: Any, _out: Any) -> None:
                caught.leave(module)

            stack.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
            stack.callback(module.register_forward_hook(leave).remove)
        yield caught


def _is_sample(value: Any) -> bool:
    """Images of one or three channels, (B, C, H, W), or token ids, (B, L)."""
    if not isinstance(value, Tensor):
        return False
    if value.ndim == 4:
        return value.is_floating_point() and value.shape[1] in {1, 3}
    return value.ndim == 2 and value.dtype in {torch.int32, torch.int64}


def _shown(objective: Objective, name: str, tensor: Tensor, columns: int) -> Shown | None:
    if tensor.ndim == 4:
        device = next(objective.parameters()).device
        pictures = objective.denormalised(tensor.float().to(device)).cpu()
        if pictures.shape != tensor.shape:
            pictures = _stretched(tensor.float())
        levels = (pictures.clamp(0.0, 1.0) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return Shown(name, "image/png", sheet(list(levels), columns))
    texts = [objective.as_text(row) for row in tensor.numpy()]
    known = [text for text in texts if text is not None]
    if not known:
        return None
    content = "\n".join(f"── {number}\n{text}\n" for number, text in enumerate(known, 1))
    return Shown(name, "text/plain", content.encode())


def _stretched(values: Tensor) -> Tensor:
    low, high = values.amin(), values.amax()
    return (values - low) / (high - low).clamp(min=1e-12)
