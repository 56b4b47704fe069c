"""Low-rank updates and factors of a network's maps, by `peft`, and the files of a checkpoint with them.

In training, the network keeps its class; `peft` replaces some of its maps by layers that contain them. A checkpoint has

- in the network's folder the network with the updates merged into its weights, which opens without `peft`;
- in ``base/`` the network without the updates, and in ``adapter/`` the updates and the head in the layout of `peft`:
``PeftModel.from_pretrained(base, adapter)``. A resume reads these two, because merged weights are rounded.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import IA3Config, LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from core.adaptation.base import Adapted, batch_norms, freeze, module_names
from core.checkpoints.bundle import Network
from core.networks.dropout import use_cheap_dropout_in
from core.networks.encoder import Encoder
from core.randomness import derive_seed
from core.spec.adaptation import Ia3, Lora
from core.spec.adaptation_targets import Target

_WEIGHTS = "adapter_model.safetensors"
_ROOT = "base_model.model."
"""What `peft` puts before the names of a network's tensors in its files."""


def add_layers(
    network: PreTrainedModel,
    encoder: Encoder,
    adaptation: Lora | Ia3,
    targets: Sequence[Target],
    *,
    seed: int,
) -> Adapted:
    """Freeze an encoder and add trained updates to some of its maps, in place. The head is trained as before.

    Args:
        network: The encoder with its head.
        seed: The updates' first weights depend on it alone.
    """
    plain = without_weights(network)
    frozen = freeze(encoder)
    heads = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    names = module_names(network, encoder, targets)
    transposed = any(isinstance(network.get_submodule(name), Conv1D) for name in names)
    config = _config(adaptation, names, transposed=transposed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation", "adaptation"))
        inject_adapter_in_model(config, network)
    for name, parameter in network.named_parameters():
        # `peft` freezes the head, too.
        if name in heads:
            parameter.requires_grad_(True)
    for layer in _layers(network).values():
        use_cheap_dropout_in(layer)
    return _Injected(frozen, batch_norms(encoder.body), _Files(plain, network, config, sorted(heads)))


class _Injected(Adapted):
    """A network with layers of `peft`."""

    def __init__(
        self, frozen: Sequence[nn.Parameter], evaluating: Sequence[nn.Module], files: "_Files"
    ) -> None:
        super().__init__(frozen, evaluating)
        self._files = files

    def stored(self, network: Network) -> Network:
        return replace(network, model=self._files.plain, layers=self._files)


class _Files:
    """The tensors of a network with layers of `peft`, as the networks and files of a checkpoint.

    Args:
        plain: The network without the layers; only its structure is used.
        adapted: The network with them, likewise.
        heads: Names of the head's parameters.
    """

    def __init__(
        self,
        plain: PreTrainedModel,
        adapted: PreTrainedModel,
        config: LoraConfig | IA3Config,
        heads: Sequence[str],
    ) -> None:
        self.plain = plain
        self._adapted = without_weights(adapted)
        self._inner = tuple(f"{name}.base_layer." for name in _layers(adapted))
        state = self._adapted.state_dict()
        names = {id(tensor): name for name, tensor in state.items()}
        stored = get_peft_model_state_dict(self._adapted, state_dict=state, save_embedding_layers=False)
        self._own = {names[id(tensor)]: _ROOT + file_name for file_name, tensor in stored.items()}
        """The tensors that `peft` added: their names in a state, and in its file."""
        modules = sorted({name.rpartition(".")[0] for name in heads} - {""})
        outermost = [one for one in modules if not any(one.startswith(f"{other}.") for other in modules)]
        self._heads = tuple(f"{name}." for name in outermost)
        self._config = copy.deepcopy(config)
        self._config.modules_to_save = outermost
        # A set would be written in random order.
        self._config.target_modules = sorted(self._config.target_modules or ())

    def base(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of the network without the layers, by its names."""
        return {self._plain_name(name): tensor for name, tensor in state.items() if name not in self._own}

    def merged(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same with the layers merged into its weights."""
        # Layers are merged in place, and the state itself is still to be written.
        copies = {
            name: tensor.clone() if name.startswith(self._inner) else tensor for name, tensor in state.items()
        }
        network = copy.deepcopy(self._adapted)
        network.load_state_dict(copies, assign=True)
        for layer in _layers(network).values():
            layer.merge()
        return self.base(network.state_dict())

    def write(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """Write the layers and the head as `peft` does."""
        self._config.save_pretrained(str(folder))
        tensors = {file_name: state[name] for name, file_name in self._own.items()}
        tensors |= {_ROOT + name: tensor for name, tensor in state.items() if name.startswith(self._heads)}
        kept = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(kept, folder / _WEIGHTS, metadata={"format": "pt"})

    def read(self, base: Mapping[str, Tensor], folder: Path) -> dict[str, Tensor]:
        """A state from the network without the layers and the folder that `write` wrote."""
        stored = load_file(folder / _WEIGHTS)
        names = {self._plain_name(name): name for name in self._adapted.state_dict() if name not in self._own}
        state = {names.get(name, name): tensor for name, tensor in base.items()}
        return state | {
            name: stored[file_name] for name, file_name in self._own.items() if file_name in stored
        }

    def _plain_name(self, name: str) -> str:
        for inner in self._inner:
            if name.startswith(inner):
                return inner.removesuffix("base_layer.") + name.removeprefix(inner)
        return name


def without_weights(network: PreTrainedModel) -> PreTrainedModel:
    """A copy of a network whose tensors have shapes and no values."""
    memory: dict[int, Any] = {}
    for parameter in network.parameters():
        memory[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
    for buffer in network.buffers():
        memory[id(buffer)] = buffer.to("meta")
    return copy.deepcopy(network, memory)


def _layers(network: nn.Module) -> dict[str, Any]:
    """The layers of `peft` in a network, by their names."""
    return {name: module for name, module in network.named_modules() if isinstance(module, BaseTunerLayer)}


def _config(
    adaptation: Lora | Ia3, targets: Mapping[str, Target], *, transposed: bool
) -> LoraConfig | IA3Config:
    """
    Args:
        transposed: Whether the maps' weights have their outputs in the second dimension (GPT-2).
    """
    if isinstance(adaptation, Ia3):
        factors_of_inputs = [name for name, target in targets.items() if target.map.scaled == "inputs"]
        return IA3Config(
            target_modules=list(targets), feedforward_modules=factors_of_inputs, fan_in_fan_out=transposed
        )
    return LoraConfig(
        r=adaptation.rank,
        lora_alpha=adaptation.alpha,  # type: ignore[arg-type] # a factor: peft multiplies with it
        lora_dropout=adaptation.dropout,
        target_modules=list(targets),
        use_dora=adaptation.dora,
        use_rslora=adaptation.rslora,
        fan_in_fan_out=transposed,
    )
