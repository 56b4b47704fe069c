"""Which adaptations fit a job's task, network and training."""

from core.spec.adaptation import Adaptation, Adapters, Frozen, Full, Gradual
from core.spec.adaptation_targets import targets_of
from core.spec.architectures.base import Size
from core.spec.faults import SpecFault, fault_at
from core.spec.optimizers import Muon
from core.spec.task import TaskSpec
from core.spec.training import TrainingSpec


def require_fit(adaptation: Adaptation, task: TaskSpec, network: Size, training: TrainingSpec) -> None:
    """Check that an adaptation fits a job.

    Raises:
        SpecFault: at the field that does not fit.
    """
    if isinstance(adaptation, Full):
        return
    if not task.adapts:
        raise SpecFault(
            "adaptation_not_of_task",
            f"{task.kind} trains its whole network; set it to full, or choose a task that fine-tunes",
            param="adaptation.method",
            task=task.kind,
        )
    if isinstance(adaptation, Gradual):
        _require_stages(adaptation, network, training)
    elif isinstance(adaptation, Frozen):
        _require_no_blocks(training)
    else:
        field = "method" if isinstance(adaptation, Adapters) else "targets"
        try:
            targets_of(adaptation, network)
        except ValueError as error:
            raise fault_at(f"adaptation.{field}", error) from None


def _require_stages(adaptation: Gradual, network: Size, training: TrainingSpec) -> None:
    blocks = network.block_count
    for number, stage in enumerate(adaptation.unfreeze):
        param = f"adaptation.unfreeze.{number}"
        if stage.blocks > blocks:
            raise SpecFault(
                "stage_unfit",
                f"the network has {blocks} blocks, not {stage.blocks}",
                param=f"{param}.blocks",
                case="blocks",
                blocks=blocks,
                asked=stage.blocks,
            )
        if stage.embeddings and stage.blocks < blocks:
            raise SpecFault(
                "stage_unfit",
                f"with embeddings, blocks must be all {blocks}, not {stage.blocks}",
                param=f"{param}.blocks",
                case="embeddings",
                blocks=blocks,
                asked=stage.blocks,
            )
        if training.steps is not None and stage.step >= training.steps:
            raise SpecFault(
                "stage_unfit",
                f"step {stage.step} is never reached, since training.steps is {training.steps}; name an earlier one",
                param=f"{param}.step",
                case="step",
                step=stage.step,
                steps=training.steps,
            )


def _require_no_blocks(training: TrainingSpec) -> None:
    """Check that the optimiser is for a head without blocks."""
    if isinstance(training.optimizer, Muon):
        raise SpecFault(
            "only_head_trained",
            "muon is for the blocks' matrices, which adaptation.method frozen does not train; choose adamw",
            param="training.optimizer.kind",
            case="muon",
        )
    if training.optimizer.layer_decay < 1.0:
        raise SpecFault(
            "only_head_trained",
            "adaptation.method frozen trains the head only, whose learning rate does not decay; set it to 1",
            param="training.optimizer.layer_decay",
            case="layer_decay",
        )
