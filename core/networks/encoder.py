"""The contract of an encoder: what heads, probes and other tasks know of a network, whatever its architecture.

An encoder turns a sample into tokens (a text's tokens, an image's patches or places, a recording's frames or patches),
and tokens into one vector, the sample's features. It can be written by itself, into a directory that `transformers`
opens, and take its weights from such a directory or from a checkpoint of any task that has trained an encoder like it.
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

from core.errors import EngineError

WEIGHTS = "model.safetensors"


class Encoder(abc.ABC):
    """A network that gives features of whole samples. It holds no weights of its own: they are the network's."""

    @property
    @abc.abstractmethod
    def width(self) -> int:
        """Numbers of a token, and of a sample's features."""

    @property
    @abc.abstractmethod
    def blocks(self) -> Sequence[nn.Module]:
        """Its stack of blocks, from the input on."""

    @abc.abstractmethod
    def tokens(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:
        """What the last block makes of samples, behind the last norm, special tokens of images and sound left out.

        Args:
            inputs: what the network is fed: token ids (B, L), normalised pixels (B, C, H, W), normalised spectrograms
                (B, frames, bins) or standardised waves (B, samples).
            real: which tokens hold something and are no filling, bool (B, T); those of a text come first. None: all.

        Returns:
            Shape (B, T, width).
        """

    def features(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:
        """One vector a sample, shape (B, width): the mean of its tokens, of the real ones alone."""
        return mean_of(self.tokens(inputs, real), real)

    @abc.abstractmethod
    def load(self, directory: Path) -> None:
        """Take the weights from what `save` wrote, or from a task's checkpoint whose encoder is like this one.

        What else a checkpoint holds, as heads, is passed over.

        Raises:
            EngineError: ``checkpoint_mismatch`` where a weight is missing there or has another shape.
        """

    @abc.abstractmethod
    def save(self, directory: Path) -> None:
        """Write configuration and weights into a directory, made if need be, that `transformers` opens."""


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
    """A network of class ``kind`` with the weights in a directory; those that it has no place for are passed over.

    Args:
        config: of the network; it is not changed.
        options: of ``from_pretrained``.

    Raises:
        EngineError: ``checkpoint_mismatch`` where a weight is missing there or has another shape.
    """
    disable_progress_bar()  # type: ignore[no-untyped-call]
    reader: Any = kind
    try:
        loaded, report = reader.from_pretrained(
            directory, config=copy.deepcopy(config), output_loading_info=True, **options
        )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise misfit(directory, str(error).splitlines()[0]) from None
    missing = sorted(str(name) for name in report["missing_keys"])
    if missing:
        raise misfit(directory, f"{len(missing)} weights are missing there, as {missing[0]}")
    found: PreTrainedModel = loaded
    return found


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
        config: of the whole network; it is not changed.
        architecture: the class in `transformers` that opens the directory.
        weights: by the names of that class.
        tied: names that share another one's memory and are left out, as that class ties them again.
    """
    directory.mkdir(parents=True, exist_ok=True)
    own = copy.deepcopy(config)
    own.architectures = [architecture]
    own.save_pretrained(directory)
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items() if name not in tied}
    # Of two entries of metadata the order would be random, and so the file's bytes.
    save_file(kept, directory / WEIGHTS, metadata={"format": "pt"})


@contextmanager
def fitting(directory: Path) -> Iterator[None]:
    """Says of a state that does not fit a network within it that the directory is of another one."""
    try:
        yield
    except RuntimeError as error:
        raise misfit(directory, str(error).splitlines()[0]) from None


def misfit(directory: Path, why: str) -> EngineError:
    """The error for the weights of another encoder."""
    return EngineError(
        "checkpoint_mismatch",
        f"The weights in {directory} do not fit the encoder of this spec: {why}",
        "Start from a checkpoint with the same architecture, sizes and inputs, or leave `start` out.",
    )
