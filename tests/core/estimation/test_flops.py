"""The operations of a step are those of all its phases."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from core.distributed.world import World
from core.estimation.flops import flops_per_step
from core.spec.problems import validate
from core.training.batches import BatchStream
from core.training.devices import Place
from tests.core.tasks.cases import objective_of
from tests.core.training.reference.jobs import CASES


def test_operations_of_generator_and_discriminator_are_counted(
    request: pytest.FixtureRequest, cache: Path
) -> None:
    objective = objective_of("dcgan", request, cache)
    training = validate(CASES["dcgan"].document).training
    with BatchStream(objective, objective.samples("train"), training, World()) as batches:
        parts = batches.make(1)
    found = flops_per_step(objective, parts, Place(torch.device("cpu"), "a CPU", "fp32"))
    assert all(parameter.grad is None for parameter in objective.parameters()), "the run begins without any"
    of_phases = []
    for phase in objective.phases():
        with FlopCounterMode(display=False) as counter:
            for part in parts:
                phase.forward(part).total.backward()
        of_phases.append(counter.get_total_flops())
    assert min(of_phases) > 0
    assert found == sum(of_phases)
