"""Which methods against forgetting fit a job's task and network."""

from core.spec.architectures.base import Size
from core.spec.continual import Continual
from core.spec.faults import SpecFault
from core.spec.task import TaskSpec


def require_methods_fit(continual: Continual, task: TaskSpec, network: Size) -> None:
    """Check that the methods fit a job.

    Raises:
        SpecFault: at the field that does not fit.
    """
    if continual.ewc is not None and task.phases > 1:
        raise SpecFault(
            "ewc_unfit",
            f"EWC is for a network with one loss, and {task.kind} has {task.phases} networks that are trained against each other; "
            "leave it out, or use replay",
            param="continual.ewc",
            task=task.kind,
            losses=task.phases,
        )
    if continual.lwf is not None and not task.gives_logits:
        raise SpecFault(
            "lwf_unfit",
            f"learning without forgetting compares probabilities, and with these settings {task.kind} predicts none; leave it out, or "
            "use ewc or replay",
            param="continual.lwf",
            task=task.kind,
        )
    if continual.adapters is not None and continual.adapters.route == "prototype" and not task.learns_classes:
        raise SpecFault(
            "adapters_route_unfit",
            f"{task.kind} does not learn one class of each sample, whose features could be compared; set it to 'stage'",
            param="continual.adapters.route",
            task=task.kind,
        )
    replay = continual.replay
    if replay is None:
        return
    if replay.balance == "class" and not task.learns_classes:
        raise SpecFault(
            "replay_balance_unfit",
            f"{task.kind} does not learn one class of each sample; set it to 'stage' or 'none'",
            param="continual.replay.balance",
            task=task.kind,
        )
    if replay.choose == "herding" and (network.feature_width is None or not task.has_encoder):
        raise SpecFault(
            "herding_unfit",
            f"herding compares features, and {task.kind} learns no encoder; set it to 'reservoir'",
            param="continual.replay.choose",
            task=task.kind,
        )


def copied_weights(continual: Continual, weights: int, trainable: int) -> int:
    """Numbers that the methods keep in memory beside the network: EWC the Fisher information of the earlier stages and their weights,
    and at its end the Fisher information that it adds; LwF the network before the stage.

    Args:
        weights: Of the network.
        trainable: Those of them that are trained.
    """
    return (3 * trainable if continual.ewc is not None else 0) + (weights if continual.lwf is not None else 0)
