"""What an adaptation (`core.spec.adaptation`) does to a network before and during training."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import nn

from core.checkpoints.bundle import Network
from core.networks.encoder import Encoder
from core.spec.adaptation_targets import Target


@dataclass
class Adapted:
    """A network of which only a part is trained.

    Which parameters are trained is their ``requires_grad``; where they become more in the course of a run, it is true for all
    of them until `begin_step` is called.
    """

    frozen: Sequence[nn.Parameter] = ()
    """Parameters that the adaptation keeps from being trained; those that no task trains are not among them."""
    evaluating: Sequence[nn.Module] = field(default=())
    """Modules that compute in evaluation mode in training: without dropout, and with the running averages of batch norms."""

    def begin_step(self, step: int) -> bool:  # noqa: ARG002 - for adaptations with stages
        """Called before the step ``step`` (from 1), and with the checkpoint's step before a resume.

        Returns:
            Whether other parameters are trained than before, or other modules compute in evaluation mode.
        """
        return False

    def hold(self) -> None:
        """Put the modules of `evaluating` into evaluation mode; called whenever the objective was put into training mode."""
        for module in self.evaluating:
            module.eval()

    def stored(self, network: Network) -> Network:
        """How the network that was adapted is stored in a checkpoint, from how it would be stored otherwise."""
        return network


def encoder_weights(encoder: Encoder) -> Iterator[nn.Parameter]:
    """The parameters of an encoder, without those of BERT's pooler, which is a part of the head."""
    pooler = getattr(encoder.body, "pooler", None)
    head = {id(parameter) for parameter in pooler.parameters()} if isinstance(pooler, nn.Module) else set()
    return (parameter for parameter in encoder.body.parameters() if id(parameter) not in head)


def freeze(encoder: Encoder) -> tuple[nn.Parameter, ...]:
    """Keep an encoder's weights from being trained; returns those that were trained before."""
    found = tuple(parameter for parameter in encoder_weights(encoder) if parameter.requires_grad)
    for parameter in found:
        parameter.requires_grad_(False)
    return found


def batch_norms(network: nn.Module) -> tuple[nn.Module, ...]:
    """The modules that keep running averages of their inputs."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return tuple(module for module in network.modules() if isinstance(module, kinds))


def module_names(network: nn.Module, encoder: Encoder, targets: Sequence[Target]) -> dict[str, Target]:
    """The names in a network of the modules that are targets, from the input on."""
    names = {id(module): name for name, module in network.named_modules()}
    return {
        names[id(encoder.blocks[target.block].get_submodule(target.map.name))]: target for target in targets
    }
