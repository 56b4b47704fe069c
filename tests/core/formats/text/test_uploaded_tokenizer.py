"""An uploaded ``tokenizer.json``: an accepted one opens in `tokenizers`, with the reported number of ids."""

import io
import json

import pytest

from core.data.text.tokenizer import load
from core.formats import FormatError, inspect_file, read_uploaded_tokenizer

_FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}


def _document(vocabulary: dict[str, int], added: dict[str, bool]) -> bytes:
    """
    Args:
        added: Tokens, and whether each is special. Their ids in the file are wrong.
    """
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": 7000 + number, "content": token, "special": special, **_FLAGS}
            for number, (token, special) in enumerate(added.items())
        ],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
    return json.dumps(document).encode()


def _size(content: bytes) -> int | None:
    return inspect_file(io.BytesIO(content), "tokenizer.json").vocabulary_size


@pytest.mark.parametrize(
    ("vocabulary", "added"),
    [
        ({"a": 0, "[UNK]": 7}, {}),
        ({"[PAD]": 1, "[UNK]": 0}, {"[PAD]": True, "<pad>": True, "x": False}),
        ({"a": 4, "[UNK]": 9}, {"y": False, "[MASK]": True}),
        ({"[UNK]": 0, "h": 1_999_999}, {}),
    ],
)
def test_the_number_of_ids_is_the_engines(vocabulary: dict[str, int], added: dict[str, bool]) -> None:
    content = _document(vocabulary, added)
    assert _size(content) == load(content).vocabulary_size


def test_an_id_beyond_two_million_is_refused() -> None:
    with pytest.raises(FormatError, match="2,000,000 ids at most"):
        _size(_document({"[UNK]": 0, "h": 2_000_000}, {}))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_encoding_that_an_editor_writes_opens(encoding: str) -> None:
    text = _document({"\u00e4": 0, "[UNK]": 1}, {}).decode()
    content = text.encode(encoding)
    assert _size(content) == 6
    plain = read_uploaded_tokenizer(io.BytesIO(content), "tokenizer.json")
    assert plain == text.encode()
    assert load(plain).tokenizer.token_to_id("\u00e4") == 0
