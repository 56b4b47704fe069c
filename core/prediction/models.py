"""The models that stay loaded: the least recently used ones are dropped where memory ends."""

import shutil
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.checkpoints.bundle import OPTIMIZER
from core.errors import EngineError
from core.prediction.features import Index
from core.prediction.opening import Opened, open_checkpoint

CHECKPOINT = "checkpoint"
"""Folder of a model's directory with the checkpoint's files."""
_DESCRIBED = "described"
_MIB = 1 << 20


@dataclass
class Loaded:
    """A model, and the features of its dataset's samples by how many of them were read."""

    opened: Opened
    indexes: dict[int, Index] = field(default_factory=dict)


class Models:
    """Loaded models by checkpoint.

    Args:
        memory_bytes: Limit on the tensors of all models together.
        changed: Called after a model was loaded or dropped.
    """

    def __init__(self, memory_bytes: int, changed: Callable[[], object]) -> None:
        self._limit = memory_bytes
        self._changed = changed
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()

    @property
    def names(self) -> Sequence[str]:
        """The checkpoints that are loaded, the least recently used first."""
        return tuple(self._loaded)

    def get(self, name: str) -> Loaded | None:
        """A model that is loaded, from now on the most recently used."""
        found = self._loaded.get(name)
        if found is not None:
            self._loaded.move_to_end(name)
        return found

    def load(self, name: str, directory: Path) -> Loaded:
        """Load a model from its directory; others are dropped as needed.

        Raises:
            EngineError: ``model_too_large``, and those of `open_checkpoint`.
        """
        size = _weight_bytes(directory / CHECKPOINT)
        if size > self._limit:
            raise EngineError(
                "model_too_large",
                f"The model has {size / 2**20:,.0f} MiB of weights, and the workers keep {self._limit / 2**20:,.0f} MiB "
                "for predictions. Raise SEEDBED_PREDICT_MEMORY_BYTES.",
                bytes=size,
                limit=self._limit,
            )
        self._make_room(size)
        described = directory / _DESCRIBED
        shutil.rmtree(described, ignore_errors=True)
        described.mkdir()
        found = self._loaded[name] = Loaded(open_checkpoint(directory / CHECKPOINT, described))
        self._changed()
        return found

    def _make_room(self, wanted: int) -> None:
        while self._loaded and wanted + sum(one.opened.bytes for one in self._loaded.values()) > self._limit:
            self._loaded.popitem(last=False)
            self._changed()


def _weight_bytes(directory: Path) -> int:
    files = (path for path in directory.rglob("*.safetensors") if path != directory / OPTIMIZER)
    return sum(path.stat().st_size for path in files)
