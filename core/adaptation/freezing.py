"""Training of the head alone, or of more and more blocks."""

from bisect import bisect_right
from collections.abc import Sequence

from torch import nn

from core.adaptation.base import Adapted, encoder_weights, freeze
from core.networks.encoder import Encoder
from core.spec.adaptation import Gradual, Unfreezing


def train_head_only(encoder: Encoder) -> Adapted:
    """Freeze an encoder; everything else of the objective is trained."""
    return Adapted(frozen=freeze(encoder), evaluating=[encoder.body])


class GraduallyTrained(Adapted):
    """An encoder whose blocks are trained from certain steps on, the last ones first."""

    def __init__(self, encoder: Encoder, adaptation: Gradual) -> None:
        self._encoder = encoder
        self._stages = adaptation.unfreeze
        self._places = _places(encoder)
        self._trained = {
            id(parameter): parameter for parameter in encoder_weights(encoder) if parameter.requires_grad
        }
        last = self._stages[-1]
        never = tuple(p for p in self._trained.values() if not self._belongs(p, last))
        for parameter in never:
            parameter.requires_grad_(False)
            del self._trained[id(parameter)]
        self._stage = last
        super().__init__(frozen=never, evaluating=self._resting(last))

    def begin_step(self, step: int) -> bool:
        # The stage with step s begins with the step after it.
        number = bisect_right([stage.step for stage in self._stages], step - 1) - 1
        stage = self._stages[max(0, number)]
        if stage == self._stage:
            return False
        self._stage = stage
        for parameter in self._trained.values():
            parameter.requires_grad_(self._belongs(parameter, stage))
        self.evaluating = self._resting(stage)
        return True

    def _belongs(self, parameter: nn.Parameter, stage: Unfreezing) -> bool:
        """Whether a parameter is trained in a stage."""
        place = self._places[id(parameter)]
        return stage.embeddings if place is None else place < stage.blocks

    def _resting(self, stage: Unfreezing) -> Sequence[nn.Module]:
        """The modules that compute in evaluation mode in a stage."""
        blocks = self._encoder.blocks
        if stage.embeddings:
            return ()
        if stage.blocks == 0:
            return (self._encoder.body,)
        inside = {id(module) for block in blocks for module in block.modules()}
        around = {
            id(one) for one in self._encoder.body.modules() if any(id(m) in inside for m in one.modules())
        }
        before = [m for m in self._encoder.body.modules() if id(m) not in inside and id(m) not in around]
        return (*before, *blocks[: len(blocks) - stage.blocks])


def _places(encoder: Encoder) -> dict[int, int | None]:
    """For each parameter the number of its block, counted from the head; None before the blocks, 0 behind them."""
    of_block = {
        id(parameter): len(encoder.blocks) - 1 - number
        for number, block in enumerate(encoder.blocks)
        for parameter in block.parameters()
    }
    places: dict[int, int | None] = {}
    behind = False
    for parameter in encoder_weights(encoder):
        block = of_block.get(id(parameter))
        behind = behind or block is not None
        places[id(parameter)] = block if block is not None else (0 if behind else None)
    return places
