"""An uploaded ``tokenizer.json``: what is accepted opens in `tokenizers`, with as many ids as were told."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.text.tokenizer import load
from core.formats import FormatError, inspect_file, read_uploaded_tokenizer

_TOKENS = st.one_of(
    st.sampled_from(["[PAD]", "<pad>", "[UNK]", "<unk>", "[CLS]", "<s>", "[MASK]", "</s>", "a", "b"]),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=3),
)


def _document(model: dict[str, Any], added: Sequence[tuple[str, bool]]) -> bytes:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": 7000 + number, "content": token, **flags} for number, token in enumerate(added)
        ],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": model,
    }
    return json.dumps(document).encode()


def _size(content: bytes) -> int | None:
    return inspect_file(io.BytesIO(content), "tokenizer.json").vocabulary_size


@given(
    vocabulary=st.dictionaries(_TOKENS, st.integers(0, 5000), max_size=8),
    added=st.lists(st.tuples(_TOKENS, st.booleans()), max_size=6),
    kind=st.sampled_from(["WordLevel", "BPE"]),
)
def test_the_number_of_ids_is_the_engines(
    vocabulary: dict[str, int], added: list[tuple[str, bool]], kind: str
) -> None:
    """Gaps, ids that are there twice, added tokens with ids of their own that nobody believes."""
    model: dict[str, Any] = {"type": kind, "vocab": vocabulary}
    model |= {"unk_token": "[UNK]"} if kind == "WordLevel" else {"merges": []}
    content = _document(model, added)
    assert _size(content) == load(content).vocabulary_size


@given(
    pieces=st.lists(_TOKENS, max_size=8, unique=True),
    added=st.lists(st.tuples(_TOKENS, st.booleans()), max_size=3),
)
def test_the_number_of_ids_of_a_unigram_model_is_the_engines(
    pieces: list[str], added: list[tuple[str, bool]]
) -> None:
    vocabulary = [["?", 0.0], *([piece, -1.0] for piece in pieces if piece != "?")]
    content = _document({"type": "Unigram", "unk_id": 0, "vocab": vocabulary}, added)
    assert _size(content) == load(content).vocabulary_size


def test_eight_tokens_with_one_id_of_two_million_are_two_million_ids() -> None:
    tokens = {token: number for number, token in enumerate("abcdefg")}
    content = _document({"type": "WordLevel", "vocab": tokens | {"h": 1_999_999}, "unk_token": "a"}, [])
    assert _size(content) == 2_000_000
    content = _document({"type": "WordLevel", "vocab": tokens | {"h": 2_000_000}, "unk_token": "a"}, [])
    with pytest.raises(FormatError, match="without gaps"):
        _size(content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_encoding_that_an_editor_writes_opens(encoding: str) -> None:
    text = _document({"type": "WordLevel", "vocab": {"ä": 0, "[UNK]": 1}, "unk_token": "[UNK]"}, []).decode()
    content = text.encode(encoding)
    assert _size(content) == 6
    plain = read_uploaded_tokenizer(io.BytesIO(content), "tokenizer.json")
    assert plain is not None
    assert plain == text.encode()
    assert load(plain).tokenizer.token_to_id("ä") == 0


@pytest.mark.parametrize(
    "vocabulary", [[5], [[]], [[5, 0.0]], {"a": "1"}, {"a": -1}, {"a": 1.5}, {"a": True}]
)
def test_a_vocabulary_that_is_none_is_refused(vocabulary: Any) -> None:
    with pytest.raises(FormatError) as caught:
        _size(_document({"type": "WordLevel", "vocab": vocabulary, "unk_token": "a"}, []))
    assert caught.value.code == "bad_tokenizer"


def test_a_score_that_is_no_number_is_refused() -> None:
    content = _document({"type": "Unigram", "unk_id": 0, "vocab": [["a", float("nan")]]}, [])
    with pytest.raises(FormatError, match="no number in JSON"):
        _size(content)
