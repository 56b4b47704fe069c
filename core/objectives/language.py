"""What the text tasks share: one network of `transformers`, its tokenizer, and the folder that opens them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from core.data import Prepared, Samples, SplitName
from core.data.text import PreparedText, sequences
from core.objectives.base import Objective
from core.training.errors import EngineError

_PREFIX = "model."


class LanguageModel(Objective):
    """A text task with one network, ``self.model``.

    Args:
        sequence_length: tokens a sample, special tokens included.
    """

    def __init__(self, model: PreTrainedModel, data: PreparedText, sequence_length: int) -> None:
        super().__init__()
        self.model = model
        self.data = data
        self.sequence_length = sequence_length

    def samples(self, split: SplitName) -> Samples:
        return sequences(self.data, split, self.sequence_length)

    def export(self, directory: Path, state: Mapping[str, Tensor]) -> None:
        tied = self.model.all_tied_weights_keys
        weights = {
            name.removeprefix(_PREFIX): tensor for name, tensor in state.items() if name.startswith(_PREFIX)
        }
        kept = {name: tensor.contiguous() for name, tensor in weights.items() if name not in tied}
        save_file(kept, directory / "model.safetensors", metadata={"format": "pt"})
        self.model.config.save_pretrained(directory)
        self.data.save_tokenizer(directory, self.sequence_length)

    def restore(self, directory: Path) -> None:
        try:
            weights = load_file(directory / "model.safetensors")
            missing, unexpected = self.model.load_state_dict(weights, strict=False)
        except RuntimeError as error:
            raise _mismatch(directory, str(error)) from None
        misfits = sorted({*missing, *unexpected} - set(self.model.all_tied_weights_keys))
        if misfits:
            raise _mismatch(directory, f"{len(misfits)} weights have no counterpart, as {misfits[0]}")


def is_text(data: Prepared) -> TypeGuard[PreparedText]:
    """Whether prepared data is token ids."""
    return isinstance(data, PreparedText)


def _mismatch(directory: Path, why: str) -> EngineError:
    return EngineError(
        "checkpoint_mismatch",
        f"The weights in {directory} do not fit the network of this spec: {why}",
        "Resume with the model, data.tokenizer and training.sequence_length that the checkpoint was trained with.",
    )
