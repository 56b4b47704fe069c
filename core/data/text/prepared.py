"""Prepared text on disk: memory-mapped token ids, their tokenizer, and ``meta.json`` that describes them.

```
<key>/
  train.bin     held_out.bin       token ids, uint16 or uint32, each document followed by [SEP]
  train.offsets held_out.offsets   uint64: document d is ids[offsets[d]:offsets[d + 1]], its [SEP] included
  tokenizer/                       for AutoTokenizer
  source/                          the files of the checkpoint's tokenizer, unchanged, for data.tokenizer.kind: checkpoint
  meta.json                        written last
```

Where labels are read there are also those of `core.data.text.labels`.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.data.prepared import SplitName
from core.data.text.labels import LabelFacts, read_labels
from core.data.text.special import SpecialIds
from core.data.text.word_tags import WordTags, read_tags
from core.spec.prepared import FORMATS

FORMAT = FORMATS["text"]
META = "meta.json"
TOKENIZER = "tokenizer"
SOURCE = "source"
_LATER = frozenset({"label_facts", "added_tokens"})
"""Facts that are written only where there are any."""


@dataclass(frozen=True)
class SplitStatistics:
    """Size of one split."""

    documents: int
    characters: int
    text_bytes: int
    """Bytes of the text in UTF-8: the divisor of bits per byte."""
    tokens: int
    """Tokens, including the [SEP] after each document."""


@dataclass(frozen=True)
class PreparedText:
    """A dataset as token ids. Immutable; all runs with the same data share it."""

    directory: Path
    key: str
    cached: bool
    """Whether it was there already."""
    train: SplitStatistics
    held_out: SplitStatistics
    duplicates: int
    """Documents dropped as exact copies of an earlier one."""
    tokenizer_kind: str
    vocabulary_size: int
    special_ids: SpecialIds
    token_type: str
    """``uint16`` or ``uint32``."""
    label_facts: LabelFacts | None = None
    """The facts about the labels; None where they were not read."""
    added_tokens: tuple[str, ...] = ()
    """Words that were added to the tokenizer of the checkpoint that the job started from."""
    packing: Literal["stream", "best_fit"] = "stream"
    """How this run packs tokens into rows. The data on disk does not depend on it."""

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of the ``prepared`` event."""
        return {
            "documents": self.train.documents,
            "documents_held_out": self.held_out.documents,
            "duplicates": self.duplicates,
            "tokens": self.train.tokens,
            "tokens_held_out": self.held_out.tokens,
            "vocabulary_size": self.vocabulary_size,
            "cached": self.cached,
            **({} if self.label_facts is None else _label_counts(self.label_facts)),
        }

    @property
    def tokenizer_directory(self) -> Path:
        """The directory for ``AutoTokenizer.from_pretrained``."""
        return self.directory / TOKENIZER

    @property
    def keeps_tokenizer(self) -> bool:
        """Whether the tokenizer is that of the checkpoint that the job started from, and stays as it is."""
        return self.tokenizer_kind == "checkpoint"

    def save_source(self, directory: Path) -> None:
        """Copy the files from which the tokenizer was made into a directory that is created."""
        shutil.copytree(self.directory / SOURCE, directory)

    def statistics(self, split: SplitName) -> SplitStatistics:
        return self.train if split == "train" else self.held_out

    def tokens(self, split: SplitName) -> NDArray[Any]:
        """All token ids of a split, shape (tokens,), memory-mapped."""
        return _mapped(self.directory / f"{split}.bin", np.dtype(self.token_type))

    def offsets(self, split: SplitName) -> NDArray[np.uint64]:
        """The start of each document, shape (documents + 1,), memory-mapped."""
        return _mapped(self.directory / f"{split}.offsets", np.dtype(np.uint64))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; () where labels were not read or are numbers."""
        return () if self.label_facts is None else self.label_facts.classes

    def labels(self, split: SplitName) -> NDArray[np.int64]:
        """Class of each document, shape (documents,), -1 where it has none.

        Of documents with several labels, tags or a number: 0 where it has a label, -1 where it has none.
        """
        facts = self.label_facts
        if facts is not None and facts.kind == "tags":
            words = self.tags(split)
            empty = np.diff(words.offsets) == 0
            first = words.tags[np.minimum(words.offsets[:-1], len(words.tags) - 1)]
            return np.where(empty | (first < 0), -1, 0).astype(np.int64)
        found = self._read_labels(split)
        assert facts is not None
        if facts.kind == "number":
            return np.where(np.isnan(found), -1, 0).astype(np.int64)
        if facts.kind == "several":
            return np.where(found[:, 0] < 0, -1, 0).astype(np.int64)
        return found.astype(np.int64)

    def label_sets(self, split: SplitName) -> NDArray[np.bool_]:
        """Of documents with several labels: whether each has each class, shape (documents, classes)."""
        found: NDArray[np.bool_] = self._read_labels(split) == 1
        return found

    def values(self, split: SplitName) -> NDArray[np.float64]:
        """Of documents with a number: the numbers, shape (documents,), NaN where there is none."""
        return self._read_labels(split)

    def tags(self, split: SplitName) -> WordTags:
        """Of sentences with tags: the words and their tags."""
        return read_tags(self.directory, split)

    def _read_labels(self, split: SplitName) -> NDArray[Any]:
        if self.label_facts is None:
            raise ValueError("this text was prepared without its labels")
        return read_labels(self.directory, split, self.label_facts)

    def save_tokenizer(self, directory: Path, model_max_length: int) -> None:
        """Copy the tokenizer's files into an existing directory, with ``model_max_length`` set for the model."""
        for file in sorted(self.tokenizer_directory.iterdir()):
            shutil.copyfile(file, directory / file.name)
        config = directory / "tokenizer_config.json"
        settings = json.loads(config.read_text())
        if self.keeps_tokenizer:
            model_max_length = max(model_max_length, settings.get("model_max_length") or 0)
        settings |= {"model_max_length": model_max_length}
        config.write_text(json.dumps(settings, indent=2) + "\n")


def write_meta(directory: Path, prepared: PreparedText) -> None:
    """Complete a prepared directory: write the facts, and the size of every file in it."""
    facts = {
        name: value
        for name, value in asdict(prepared).items()
        if name not in {"directory", "cached", "packing"} and not (name in _LATER and not value)
    }
    files = {
        path.relative_to(directory).as_posix(): path.stat().st_size
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
    document = {"format": FORMAT, **facts, "files": files}
    (directory / META).write_text(json.dumps(document, indent=1) + "\n")


def open_prepared(directory: Path) -> PreparedText | None:
    """The prepared data in a directory. None where there is none, or it is incomplete."""
    try:
        meta = json.loads((directory / META).read_text())
        if meta.pop("format") != FORMAT:
            return None
        files = meta.pop("files")
        if any((directory / name).stat().st_size != size for name, size in files.items()):
            return None
        special, facts = meta.pop("special_ids"), meta.pop("label_facts", None)
        return PreparedText(
            directory=directory,
            cached=True,
            train=SplitStatistics(**meta.pop("train")),
            held_out=SplitStatistics(**meta.pop("held_out")),
            special_ids=SpecialIds(**special | {"all": tuple(special["all"])}),
            label_facts=None if facts is None else LabelFacts.of(facts),
            added_tokens=tuple(meta.pop("added_tokens", ())),
            **meta,
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _label_counts(facts: LabelFacts) -> dict[str, Any]:
    return {"classes": len(facts.classes), "unlabelled": facts.unlabelled, "conflicts": facts.conflicts}


def _mapped(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    # An empty file cannot be memory-mapped.
    return np.memmap(path, dtype, mode="r") if path.stat().st_size else np.empty(0, dtype)
