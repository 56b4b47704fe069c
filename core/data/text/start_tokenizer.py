"""The tokenizer of the checkpoint that a job starts from."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

from core.data.errors import DataError
from core.data.text.added_tokens import with_added_tokens
from core.data.text.tokenizer import open_tokenizer
from core.spec.prepared import TOKENIZER_FILES, TOKENIZER_SOURCE, tokenizer_files, tokenizer_identity

_ROLES = {
    "pad": ("pad_token",),
    "unk": ("unk_token",),
    "cls": ("cls_token", "bos_token"),
    "sep": ("sep_token", "eos_token"),
    "mask": ("mask_token",),
}
"""Names in ``tokenizer_config.json`` of the token of each role. GPT-2, Llama and T5 name the beginning and the end of a text,
BERT and ModernBERT a token before it and a separator."""


@dataclass(frozen=True)
class StartTokenizer:
    """The files of a checkpoint's tokenizer, unchanged."""

    files: Mapping[str, bytes]
    """Content by file name; ``tokenizer.json`` is one of them."""

    @classmethod
    def read(cls, checkpoint: Path) -> Self:
        """The tokenizer of the checkpoint in a directory.

        Raises:
            DataError: ``tokenizer_invalid`` if it has none.
        """
        folders = ("", TOKENIZER_SOURCE)
        there = [
            path
            for folder in folders
            for name in TOKENIZER_FILES
            if (checkpoint / (path := str(PurePosixPath(folder) / name))).is_file()
        ]
        paths = tokenizer_files(there)
        if not paths:
            raise DataError(
                "tokenizer_invalid",
                f"data.tokenizer.kind is 'checkpoint', but the checkpoint in {checkpoint} has no tokenizer.json",
                "Start from a checkpoint of a task on text, or choose a tokenizer that is trained, such as 'bpe'.",
                case="checkpoint_without_tokenizer",
                directory=checkpoint,
            )
        return cls({PurePosixPath(path).name: (checkpoint / path).read_bytes() for path in paths})

    @property
    def content(self) -> bytes:
        """The content of ``tokenizer.json``."""
        return self.files[TOKENIZER_FILES[0]]

    @property
    def identity(self) -> str:
        """`core.spec.prepared.tokenizer_identity` of the checkpoint."""
        return tokenizer_identity(
            {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}
        )

    @property
    def declared(self) -> dict[str, str]:
        """The token of each role (``pad``, ``unk``, ``cls``, ``sep``, ``mask``), as far as its settings name one.

        Raises:
            DataError: ``tokenizer_invalid`` if the settings are not JSON.
        """
        settings: dict[str, Any] = {}
        for name in reversed(TOKENIZER_FILES[1:]):
            try:
                document = json.loads(self.files.get(name, b"{}"))
            except ValueError as error:
                raise DataError(
                    "tokenizer_invalid",
                    f"{name} of the checkpoint is not JSON ({error})",
                    case="settings_no_json",
                    name=name,
                    error=error,
                ) from None
            settings |= {key: value for key, value in document.items() if value is not None}
        found = {}
        for role, keys in _ROLES.items():
            named = next((key for key in keys if key in settings), None)
            if named is not None:
                found[role] = _text_of(settings[named], named)
        return found

    def with_tokens(self, words: Sequence[str]) -> "StartTokenizer":
        """The tokenizer with further tokens after its vocabulary; itself where there are none.

        Raises:
            DataError: ``tokenizer_invalid``; ``added_token`` for a word that cannot be added.
        """
        if not words:
            return self
        extended = with_added_tokens(open_tokenizer(self.content), words)
        # All else stays, such as how texts are cut for the checkpoint's own network.
        document = json.loads(self.content)
        document["added_tokens"] = json.loads(extended.to_str())["added_tokens"]
        content = json.dumps(document, indent=2, ensure_ascii=False).encode()
        return replace(self, files={**self.files, TOKENIZER_FILES[0]: content})

    def write(self, directory: Path) -> None:
        """Write the files, unchanged, into a directory that is created if necessary."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (directory / name).write_bytes(content)


def _text_of(token: Any, name: str) -> str:
    text = token.get("content") if isinstance(token, dict) else token
    if not isinstance(text, str):
        raise DataError(
            "tokenizer_invalid",
            f"{name} in the settings of the checkpoint's tokenizer is no token",
            "Upload a checkpoint whose tokenizer was saved with save_pretrained.",
            case="no_token",
            name=name,
        )
    return text
