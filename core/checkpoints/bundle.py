"""The content of a checkpoint: the one module that writes and reads it for every task.

A checkpoint's folder has

- networks that `transformers` opens by themselves, each in a folder: ``config.json``, ``model.safetensors``, the
preprocessor
  or tokenizer, and the source of an architecture that `transformers` does not have; where layers were added to a network
  and merged, also the network without them and the layers, each in a folder of its own;
- files of further tensors that only training needs: heads, averaged copies, counters;
- the folder ``trainer/``: the optimisers' state and facts about the run.

A task describes its content (`Bundle`); only this module decides which files are written, and checks that what is read
fits.
Safetensors, JSON and text only: nothing is unpickled.
"""

import inspect
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.dynamic_module_utils import get_relative_import_files
from transformers.utils.logging import disable_progress_bar

from core.checkpoints.longer_vocabulary import with_further_rows
from core.checkpoints.published import read_published_weights
from core.errors import EngineError

WEIGHTS = "model.safetensors"
"""The tensors of a network, in its folder."""
HEADS = "trainer/heads.safetensors"
"""Tensors that only a resume needs."""
AVERAGED = "ema"
"""The folder with the same networks and tensors, with the weights' moving average."""
OPTIMIZER = "trainer/optimizer.safetensors"
STATE = "trainer/state.json"
HOOKS = "trainer/hooks.safetensors"
"""Tensors of the additions to the loop; absent where there are none."""

BASE = "base"
"""In the folder of a network with merged layers: the network without them."""
ADAPTER = "adapter"
"""Likewise: the layers."""

_METADATA = {"format": "pt"}
"""Metadata with one entry only: two would be written in random order, which would change the file's bytes."""


class Layers(Protocol):
    """Layers that were added to a network, as low-rank updates, whose effect can be merged into its weights."""

    def base(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The tensors of the network without the layers, by its own names."""

    def merged(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The same with the layers merged into its weights; ``state`` is not changed."""

    def write(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """Write the layers into an existing folder."""

    def read(self, base: Mapping[str, Tensor], folder: Path) -> Mapping[str, Tensor]:
        """A state from the tensors of the network without the layers, and the folder that `write` wrote."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network in a folder that opens with ``from_pretrained(folder)``."""

    prefix: str
    """Prefix of its tensors' names in the objective's ``state_dict()``, such as ``encoder.``."""
    model: PreTrainedModel
    """Gives the architecture and configuration. The tensors written are those of the state, not this module's."""
    folder: str = "."
    """Its folder in the checkpoint."""
    write_beside: Callable[[Path], object] | None = None
    """Writes the preprocessor or the tokenizer into the folder."""
    published_names: bool = False
    """Whether tensors have the names in the files that `transformers` writes for this architecture, which for some
    (ViT) differ from the names of the modules."""
    is_copy: bool = False
    """Whether its tensors are also in another folder, from which they are read."""
    layers: Layers | None = None
    """Layers in its tensors that ``model`` does not have. They are merged in its folder; `BASE` and `ADAPTER` in it have
    both separately, and are read."""


@dataclass(frozen=True, slots=True)
class Tensors:
    """A file of tensors that belong to no `Network`."""

    file: str = HEADS
    prefix: str | None = None
    """Prefix of their names in the state, left out in the file. None: all that is in no network, by its full name."""
    may_be_absent: bool = False
    """Whether the file is left out if it would have no tensor."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Which networks and tensors a task keeps. Every tensor of its state is in one of them.

    Args:
        advice: what to change if a checkpoint does not fit, one sentence.
    """

    networks: Sequence[Network]
    tensors: Sequence[Tensors] = field(default=())
    advice: str = "Resume with the spec that the checkpoint was trained with."
    write_tokenizer_source: Callable[[Path], object] | None = None
    """Creates the folder `core.spec.prepared.TOKENIZER_SOURCE`. None: the checkpoint has none."""

    @property
    def root(self) -> Network | None:
        """The network as which the checkpoint itself opens."""
        return next((network for network in self.networks if network.folder == "."), None)

    def write(self, directory: Path, state: Mapping[str, Tensor]) -> None:
        """Write a state into a folder.

        Args:
            directory: an existing folder without files of these names.
            state: as ``state_dict()`` of the objective gives it, on the CPU.

        Raises:
            OSError, SafetensorError: a file cannot be written.
            ValueError: a tensor of the state is in no network and in no file.
        """
        unwritten = set(state)
        for network in self.networks:
            _write_network(directory / network.folder, network, _below(network.prefix, state))
            unwritten -= {name for name in state if name.startswith(network.prefix)}
        for tensors in self.tensors:
            found = self._of_file(tensors, state)
            unwritten -= {(tensors.prefix or "") + name for name in found}
            if found or not tensors.may_be_absent:
                path = directory / tensors.file
                path.parent.mkdir(exist_ok=True)
                metadata = None if tensors.prefix is None else _METADATA
                save_file({name: t.contiguous() for name, t in found.items()}, path, metadata=metadata)
        if unwritten:
            raise ValueError(f"no file of the checkpoint is for the tensor {min(unwritten)}")

    def read(
        self, directory: Path, into: nn.Module, *, partly: bool = False, added: range | None = None
    ) -> None:
        """Load into an objective the state that `write` wrote.

        Args:
            partly: Ignore tensors of the checkpoint that the objective does not have.
            added: Ids of tokens that the checkpoint does not know, and that the network has rows for.

        Raises:
            EngineError: ``checkpoint_mismatch`` if a tensor is missing, has another shape or is not in the objective.
        """
        try:
            state = self._read(directory, partly=partly)
            if added is not None:
                state |= self._with_further_rows(state, added)
            missing, unexpected = into.load_state_dict(state, strict=False)
        except (OSError, RuntimeError, ValueError, SafetensorError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise self.mismatch(directory, reason, case="unreadable", reason=reason) from None
        tied = {network.prefix + name for network in self.networks for name in _tied(network.model)}
        misfits = sorted({*missing, *(() if partly else unexpected)} - tied)
        if misfits:
            raise self.mismatch(
                directory,
                f"{len(misfits)} weights have no counterpart, as {misfits[0]}",
                case="weights",
                weights=len(misfits),
                first=misfits[0],
            )

    def read_published(self, directory: Path, into: nn.Module, added: range | None = None) -> list[str]:
        """Load into an objective the weights of a network that somebody else saved with `transformers`, as far as it has them.

        Args:
            added: Ids of tokens that the checkpoint does not know, and that the network has rows for.

        Returns:
            The names of the network's weights that are not there: they stay as they are.

        Raises:
            EngineError: ``checkpoint_mismatch`` if a tensor has another shape, or if nothing of the network is there.
        """
        network = next(network for network in self.networks if not network.is_copy)
        try:
            missing, state = read_published_weights(directory, network.model, added)
            into.load_state_dict({network.prefix + name: t for name, t in state.items()}, strict=False)
        except (OSError, RuntimeError, ValueError, SafetensorError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise self.mismatch(directory, reason, case="unreadable", reason=reason) from None
        return missing

    def mismatch(self, directory: Path, why: str, **params: Any) -> EngineError:
        """The error for a checkpoint that does not fit the network."""
        return EngineError(
            "checkpoint_mismatch",
            f"The weights in {directory} do not fit the network of this spec: {why}",
            self.advice,
            directory=directory,
            **params,
        )

    def _read(self, directory: Path, *, partly: bool = False) -> dict[str, Tensor]:
        state: dict[str, Tensor] = {}
        for network in self.networks:
            if not network.is_copy:
                found = _read_network(directory / network.folder, network, partly=partly)
                state |= {network.prefix + name: tensor for name, tensor in found.items()}
        for tensors in self.tensors:
            path = directory / tensors.file
            if path.exists() or not tensors.may_be_absent:
                state |= {(tensors.prefix or "") + name: tensor for name, tensor in load_file(path).items()}
        return state

    def _with_further_rows(self, state: Mapping[str, Tensor], added: range) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for network in self.networks:
            own, model = _below(network.prefix, state), network.model
            longer = with_further_rows(own, type(model), model.config, added)
            found |= {network.prefix + name: tensor for name, tensor in longer.items()}
        return found

    def _of_file(self, tensors: Tensors, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if tensors.prefix is not None:
            return _below(tensors.prefix, state)
        named = [other.prefix for other in self.tensors if other.prefix is not None]
        elsewhere = (*(network.prefix for network in self.networks), *named)
        return {name: t for name, t in state.items() if not name.startswith(elsewhere)}


def write_trainer(
    directory: Path,
    optimizer: Mapping[str, Tensor],
    state: Mapping[str, Any],
    hooks: Mapping[str, Tensor] | None = None,
) -> None:
    """Write what a resume needs besides the weights: the tensors of the optimisers and of the additions to the loop, and facts
    about the run as JSON."""
    (directory / OPTIMIZER).parent.mkdir(exist_ok=True)
    save_file(dict(optimizer), directory / OPTIMIZER)
    if hooks:
        save_file(dict(hooks), directory / HOOKS)
    (directory / STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")


def read_optimizer(directory: Path) -> dict[str, Tensor]:
    """The optimisers' tensors of a checkpoint, by the names of `write_trainer`."""
    return load_file(directory / OPTIMIZER)


def read_hooks(directory: Path) -> dict[str, Tensor]:
    """The tensors of the additions to the loop in a checkpoint, named ``HOOK.TENSOR``; empty if it has none."""
    return load_file(directory / HOOKS) if (directory / HOOKS).exists() else {}


def read_state(directory: Path) -> dict[str, Any]:
    """The facts of the run that wrote a checkpoint."""
    state: dict[str, Any] = json.loads((directory / STATE).read_text(encoding="utf-8"))
    return state


def averaged_folder(directory: Path) -> Path | None:
    """The folder of a checkpoint with the weights' moving average, if the run kept one."""
    folder = directory / AVERAGED
    return folder if folder.is_dir() else None


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file in the format of `transformers`: indented by two spaces, with a final newline."""
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _write_network(folder: Path, network: Network, weights: Mapping[str, Tensor]) -> None:
    folder.mkdir(exist_ok=True)
    layers = network.layers
    if layers is not None:
        (folder / ADAPTER).mkdir()
        layers.write(folder / ADAPTER, weights)
        _write_network(folder / BASE, replace(network, layers=None, write_beside=None), layers.base(weights))
        weights = layers.merged(weights)
    model = network.model
    if network.published_names:
        disable_progress_bar()  # type: ignore[no-untyped-call]
        model.save_pretrained(folder, state_dict=dict(weights))
    else:
        tied = _tied(model)
        kept = {name: tensor.contiguous() for name, tensor in weights.items() if name not in tied}
        save_file(kept, folder / WEIGHTS, metadata=_METADATA)
        model.config.save_pretrained(folder)
    if not type(model).__module__.startswith("transformers."):
        # An architecture of this project's own: `transformers` finds its classes in the file that its `auto_map` names.
        source = Path(inspect.getfile(type(model)))
        for file in (source, *map(Path, get_relative_import_files(source))):
            shutil.copyfile(file, folder / file.name)
    if network.write_beside is not None:
        network.write_beside(folder)


def _read_network(folder: Path, network: Network, *, partly: bool = False) -> Mapping[str, Tensor]:
    """
    Args:
        partly: Ignore tensors that the network does not have.

    Raises:
        ValueError: tensors are missing, or the network does not have some of them.
    """
    if network.layers is not None:
        base = _read_network(folder / BASE, replace(network, layers=None))
        return network.layers.read(base, folder / ADAPTER)
    if not network.published_names:
        return load_file(folder / WEIGHTS)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    model: Any = network.model
    options: dict[str, Any] = {"output_loading_info": True}
    if getattr(model, "pooler", True) is None:
        options["add_pooling_layer"] = False
    loaded, report = type(model).from_pretrained(folder, config=model.config, **options)
    ignored = ("unexpected_keys",) if partly else ()
    misfits = sorted(str(name) for kind, names in report.items() if kind not in ignored for name in names)
    if misfits:
        raise ValueError(f"{len(misfits)} weights have no counterpart, as {misfits[0]}")
    state: dict[str, Tensor] = loaded.state_dict()
    return state


def _tied(model: PreTrainedModel) -> Mapping[str, str]:
    """Names of tensors that share memory with another (tied weights): not written, and restored from the other."""
    return model.all_tied_weights_keys


def _below(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}
