"""The contract of an encoder: the interface that heads, probes and other tasks use, for every architecture.

An encoder turns a sample into tokens (a text's tokens, an image's patches or positions, a recording's frames or patches),
and tokens into one vector, the sample's features. It can be saved alone, into a directory for `transformers`, and loads its
weights from such a directory or from a checkpoint of any task with an encoder of the same architecture.
"""

import abc
import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from core.checkpoints.bundle import WEIGHTS
from core.errors import EngineError


class Encoder(abc.ABC):
    """A network that computes features of whole samples. It has no weights of its own: they are the network's."""

    @property
    @abc.abstractmethod
    def width(self) -> int:
        """Dimension of a token, and of a sample's features."""

    @property
    @abc.abstractmethod
    def blocks(self) -> Sequence[nn.Module]:
        """The blocks of the network, from the input on."""

    @property
    @abc.abstractmethod
    def body(self) -> nn.Module:
        """The module with the encoder's weights. A head is outside of it, with one exception: BERT's ``pooler``."""

    @abc.abstractmethod
    def tokens(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:
        """The output of the last block after the last norm, without the special tokens of images and audio.

        Args:
            inputs: The network's input: token ids (B, L), normalised pixels (B, C, H, W), normalised spectrograms
                (B, frames, bins) or standardised waveforms (B, samples).
            real: Which tokens are not padding, bool (B, T); in a text they come first. None: all.

        Returns:
            Shape (B, T, width).
        """

    def features(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:
        """One vector for each sample, shape (B, width): the mean of its tokens without padding."""
        return mean_of(self.tokens(inputs, real), real)

    @abc.abstractmethod
    def load(self, directory: Path) -> None:
        """Load the weights that `save` wrote, or those in a task's checkpoint with an encoder of the same architecture.

        Other content of a checkpoint, such as heads, is ignored.

        Raises:
            EngineError: ``checkpoint_mismatch`` where a weight is missing there or has another shape.
        """

    @abc.abstractmethod
    def save(self, directory: Path) -> None:
        """Write configuration and weights into a directory for `transformers`. The directory is created if necessary."""


def mean_of(tokens: Tensor, real: Tensor | None) -> Tensor:
    """The mean of tokens (B, T, D) over those that are ``real``, bool (B, T): shape (B, D)."""
    if real is None:
        return tokens.mean(dim=1)
    weights = real[..., None]
    average: Tensor = (tokens * weights).sum(dim=1) / weights.sum(dim=1)
    return average


def read_network(
    kind: type[PreTrainedModel], directory: Path, config: Any, **options: Any
) -> PreTrainedModel:
    """A network of class ``kind`` with the weights in a directory. Weights that it does not have are ignored.

    Args:
        config: Of the network; it is not changed.
        options: Options of ``from_pretrained``.

    Raises:
        EngineError: ``checkpoint_mismatch`` where a weight is missing there or has another shape.
    """
    loaded, missing = _read(kind, directory, config, options)
    _require(missing, directory)
    return loaded


def read_weights(
    kind: type[PreTrainedModel], directory: Path, config: Any, *, may_lack: Sequence[str]
) -> dict[str, Tensor]:
    """The weights of a network of class ``kind`` in a directory, by their names in it.

    Args:
        config: Of the network; it is not changed.
        may_lack: Names of weights that may be missing there; the result does not have those that are.

    Raises:
        EngineError: ``checkpoint_mismatch`` where another weight is missing there, or one has another shape.
    """
    loaded, missing = _read(kind, directory, config, {})
    _require(missing - set(may_lack), directory)
    return {name: tensor for name, tensor in loaded.state_dict().items() if name not in missing}


def _read(
    kind: type[PreTrainedModel], directory: Path, config: Any, options: Mapping[str, Any]
) -> tuple[PreTrainedModel, set[str]]:
    """A network with the weights in a directory, and the names of those that are missing there."""
    disable_progress_bar()  # type: ignore[no-untyped-call]
    reader: Any = kind
    try:
        loaded, report = reader.from_pretrained(
            directory, config=copy.deepcopy(config), output_loading_info=True, **options
        )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise misfit(directory, reason, case="encoder_unreadable", reason=reason) from None
    return loaded, {str(name) for name in report["missing_keys"]}


def _require(missing: set[str], directory: Path) -> None:
    if missing:
        first = min(missing)
        raise misfit(
            directory,
            f"{len(missing)} weights are missing there, such as {first}",
            case="missing_encoder_weights",
            weights=len(missing),
            first=first,
        )


def write_network(
    directory: Path,
    config: Any,
    architecture: str,
    weights: Mapping[str, Tensor],
    *,
    tied: Sequence[str] = (),
) -> None:
    """Write a part of a network under its own class name.

    Args:
        config: Of the whole network; it is not changed.
        architecture: The class in `transformers` that opens the directory.
        weights: By the names of that class.
        tied: Names that share the memory of another name. They are left out, because that class ties them again.
    """
    directory.mkdir(parents=True, exist_ok=True)
    own = copy.deepcopy(config)
    own.architectures = [architecture]
    own.save_pretrained(directory)
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items() if name not in tied}
    # With two entries of metadata their order, and so the bytes of the file, would be random.
    save_file(kept, directory / WEIGHTS, metadata={"format": "pt"})


@contextmanager
def fitting(directory: Path) -> Iterator[None]:
    """Convert the error for a state that does not fit a network into the error for its directory."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise misfit(directory, reason, case="encoder_unreadable", reason=reason) from None


def misfit(directory: Path, why: str, **params: Any) -> EngineError:
    """The error for the weights of another encoder."""
    return EngineError(
        "checkpoint_mismatch",
        f"The weights in {directory} do not fit the encoder of this spec: {why}",
        "Start from a checkpoint with the same architecture, sizes and inputs, or leave `start` out.",
        directory=directory,
        **params,
    )
