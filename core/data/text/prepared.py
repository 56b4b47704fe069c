"""Prepared data on disk: memory-mapped token ids, their tokenizer, and ``meta.json`` that says what is there.

```
<key>/
  train.bin     held_out.bin       token ids, uint16 or uint32, each document followed by [SEP]
  train.offsets held_out.offsets   uint64: document d is ids[offsets[d]:offsets[d + 1]], its [SEP] included
  tokenizer/                       what AutoTokenizer opens
  meta.json                        written last
```
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.data.prepared import SplitName
from core.data.text.special import SpecialIds
from core.spec.prepared import FORMATS

FORMAT = FORMATS["text"]
META = "meta.json"
TOKENIZER = "tokenizer"


@dataclass(frozen=True)
class SplitStatistics:
    """Size of one part."""

    documents: int
    characters: int
    text_bytes: int
    """Of the text in UTF-8: what bits per byte divide by."""
    tokens: int
    """The [SEP] behind each document included."""


@dataclass(frozen=True)
class PreparedText:
    """A dataset as token ids; immutable, shared by every run that names it."""

    directory: Path
    key: str
    cached: bool
    """Whether it was there already."""
    train: SplitStatistics
    held_out: SplitStatistics
    duplicates: int
    """Documents dropped, because they were there before, word for word."""
    tokenizer_kind: str
    vocabulary_size: int
    special_ids: SpecialIds
    token_type: str
    """``uint16`` or ``uint32``."""
    packing: Literal["stream", "best_fit"] = "stream"
    """How this run wants its tokens in rows; nothing on disk depends on it."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the ``prepared`` event tells."""
        return {
            "documents": self.train.documents,
            "documents_held_out": self.held_out.documents,
            "duplicates": self.duplicates,
            "tokens": self.train.tokens,
            "tokens_held_out": self.held_out.tokens,
            "vocabulary_size": self.vocabulary_size,
            "cached": self.cached,
        }

    @property
    def tokenizer_directory(self) -> Path:
        """What ``AutoTokenizer.from_pretrained`` opens."""
        return self.directory / TOKENIZER

    def statistics(self, split: SplitName) -> SplitStatistics:
        return self.train if split == "train" else self.held_out

    def tokens(self, split: SplitName) -> NDArray[Any]:
        """All token ids of a part, shape (tokens,), mapped and not read."""
        return _mapped(self.directory / f"{split}.bin", np.dtype(self.token_type))

    def offsets(self, split: SplitName) -> NDArray[np.uint64]:
        """Where documents begin, shape (documents + 1,), mapped and not read."""
        return _mapped(self.directory / f"{split}.offsets", np.dtype(np.uint64))

    def save_tokenizer(self, directory: Path, model_max_length: int) -> None:
        """Copies the tokenizer's files into an existing directory, for a model of so many positions."""
        for file in sorted(self.tokenizer_directory.iterdir()):
            shutil.copyfile(file, directory / file.name)
        config = directory / "tokenizer_config.json"
        settings = json.loads(config.read_text()) | {"model_max_length": model_max_length}
        config.write_text(json.dumps(settings, indent=2) + "\n")


def write_meta(directory: Path, prepared: PreparedText) -> None:
    """Closes a prepared directory: the facts, and the size of every file in it."""
    facts = {
        name: value
        for name, value in asdict(prepared).items()
        if name not in {"directory", "cached", "packing"}
    }
    files = {
        path.relative_to(directory).as_posix(): path.stat().st_size
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
    document = {"format": FORMAT, **facts, "files": files}
    (directory / META).write_text(json.dumps(document, indent=1) + "\n")


def open_prepared(directory: Path) -> PreparedText | None:
    """The prepared data in a directory; None where there is none, or not whole."""
    try:
        meta = json.loads((directory / META).read_text())
        if meta.pop("format") != FORMAT:
            return None
        files = meta.pop("files")
        if any((directory / name).stat().st_size != size for name, size in files.items()):
            return None
        special = meta.pop("special_ids")
        return PreparedText(
            directory=directory,
            cached=True,
            train=SplitStatistics(**meta.pop("train")),
            held_out=SplitStatistics(**meta.pop("held_out")),
            special_ids=SpecialIds(**special | {"all": tuple(special["all"])}),
            **meta,
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _mapped(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    # An empty file cannot be mapped.
    return np.memmap(path, dtype, mode="r") if path.stat().st_size else np.empty(0, dtype)
