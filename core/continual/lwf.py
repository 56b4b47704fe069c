"""Learning without forgetting (LwF): Li and Hoiem 2016, arXiv 1606.09282."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from core.data import Prepared
from core.objectives.base import Batch, Losses, Objective
from core.objectives.hooks import Hook
from core.objectives.soft_targets import divergence
from core.spec.continual import LearningWithoutForgetting
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.devices import Place

_OLD, _GROUPS = "old.", "groups"


class OldOutputs(Hook):
    """Adds to the loss its difference from the network before the stage, on the stage's own samples: ``train/lwf_loss``.

    The difference is the divergence from the old network's probabilities, softened by a temperature, over the outputs that the old network
    had. Where the stage of a sample is known (scenario ``task``), it is taken among the classes of each earlier stage by itself, and summed
    over these stages.

    The old network computes in evaluation mode. Checkpoints keep its weights, so that a run goes on without the checkpoint that it
    started from.

    Args:
        job: With every ``auto`` decided.
        data: Of the run.
        objective: Of the run, with the weights that it starts from, unless `restore` is called.
    """

    name: ClassVar[str] = "lwf"
    needs_logits: ClassVar[bool] = True

    def __init__(
        self,
        settings: LearningWithoutForgetting,
        job: JobSpec,
        data: Prepared,
        objective: Objective,
        place: Place,
    ) -> None:
        self._settings = settings
        self._job = job
        self._data = data
        self._objective = objective
        self._place = place
        self._old: Objective | None = None
        self._groups: Sequence[Tensor] = ()

    def begin(self, groups: Sequence[Sequence[int]]) -> None:
        """Keep the network as it is now.

        Args:
            groups: The outputs that are compared, each group by itself; empty: all of them, as one group.
        """
        self._keep({name: one.detach().clone() for name, one in self._objective.state_dict().items()})
        self._groups = [torch.tensor(list(group), device=self._place.device) for group in groups]

    def losses(self, batch: Batch, losses: Losses, logits: Tensor | None) -> Losses:
        assert logits is not None
        assert self._old is not None
        with torch.no_grad():
            old = self._old.logits(batch)
        temperature = self._settings.temperature
        parts = [(logits[:, group], old[:, group]) for group in self._groups] or [(logits, old)]
        terms = torch.stack([divergence(new, target, temperature) for new, target in parts]).sum(dim=0)
        counts = self._objective.weighed(batch)
        loss = (terms if counts is None else terms[counts]).sum()
        return Losses(
            losses.total + self._settings.strength * loss, {**losses.named, "lwf_loss": loss.detach()}
        )

    def tensors(self) -> Mapping[str, Tensor]:
        assert self._old is not None
        found: dict[str, Tensor] = {}
        seen = set()
        for name, one in self._old.state_dict().items():
            # Tied weights are the same memory, which a file has once.
            if (place := (one.data_ptr(), one.shape)) not in seen or not one.numel():
                seen.add(place)
                found[_OLD + name] = one
        return found | {f"{_GROUPS}.{number}": group for number, group in enumerate(self._groups)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        self._keep({name.removeprefix(_OLD): one for name, one in tensors.items() if name.startswith(_OLD)})
        numbers = sorted(int(name.split(".")[1]) for name in tensors if name.startswith(f"{_GROUPS}."))
        self._groups = [tensors[f"{_GROUPS}.{number}"].to(self._place.device) for number in numbers]

    def _keep(self, weights: Mapping[str, Tensor]) -> None:
        old = create_objective(self._job, self._data)
        # Of tied weights one name is enough.
        old.load_state_dict(weights, strict=False)
        old.restored()
        self._old = old.to(self._place.device).eval().requires_grad_(requires_grad=False)
