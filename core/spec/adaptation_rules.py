"""Which adaptations fit a job's task, network and training."""

from core.spec.adaptation import Adaptation, Frozen, Full, Gradual
from core.spec.adaptation_targets import targets_of
from core.spec.architectures.base import Size
from core.spec.optimizers import Muon
from core.spec.task import TaskSpec
from core.spec.training import TrainingSpec


def unfit(
    adaptation: Adaptation, task: TaskSpec, network: Size, training: TrainingSpec
) -> tuple[str, str] | None:
    """The first reason why an adaptation does not fit a job: the field, and a sentence that says what to change."""
    if isinstance(adaptation, Full):
        return None
    if not task.adapts:
        return (
            "adaptation.method",
            f"{task.kind} trains its whole network; set it to full, or choose a task that fine-tunes",
        )
    if isinstance(adaptation, Gradual):
        problem = _gradual(adaptation, network, training)
        return None if problem is None else ("adaptation.unfreeze", problem)
    if isinstance(adaptation, Frozen):
        return _head_only(training)
    try:
        targets_of(adaptation, network)
    except ValueError as error:
        return "adaptation.targets" if "targets" in type(
            adaptation
        ).model_fields else "adaptation.method", str(error)
    return None


def _gradual(adaptation: Gradual, network: Size, training: TrainingSpec) -> str | None:
    blocks = network.block_count
    for stage in adaptation.unfreeze:
        if stage.blocks > blocks:
            return f"the network has {blocks} blocks, not {stage.blocks}"
        if stage.embeddings and stage.blocks < blocks:
            return f"with embeddings, blocks must be all {blocks}, not {stage.blocks}"
        if stage.step >= training.steps:
            return f"step {stage.step} is never reached: training.steps is {training.steps}"
    return None


def _head_only(training: TrainingSpec) -> tuple[str, str] | None:
    """What an optimiser cannot do where only the head is trained."""
    if isinstance(training.optimizer, Muon):
        return (
            "training.optimizer.kind",
            "muon is for the blocks' matrices, which adaptation.method frozen does not train; choose adamw",
        )
    if training.optimizer.layer_decay < 1.0:
        return (
            "training.optimizer.layer_decay",
            "adaptation.method frozen trains the head only, whose learning rate does not decay; set it to 1",
        )
    return None
