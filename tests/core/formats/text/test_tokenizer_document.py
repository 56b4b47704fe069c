"""A malformed ``tokenizer.json`` is refused with a matching message."""

import copy
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from core.formats import FormatError, inspect_file


def read(content: bytes) -> int | None:
    return inspect_file(io.BytesIO(content), "tokenizer.json").vocabulary_size


def code(content: bytes) -> str | None:
    try:
        read(content)
    except FormatError as error:
        str(error).encode()
        return error.code
    return None


def refused(content: bytes) -> str:
    with pytest.raises(FormatError) as caught:
        read(content)
    assert caught.value.code == "bad_tokenizer"
    message = str(caught.value)
    assert " object at 0x" not in message
    assert len(message) < 1000
    message.encode()
    return message


def _trained(kind: str) -> dict[str, Any]:
    model, trainer = {
        "bpe": (models.BPE(unk_token="[UNK]"), trainers.BpeTrainer(special_tokens=["[UNK]"], vocab_size=60)),
        "wordpiece": (
            models.WordPiece(unk_token="[UNK]"),
            trainers.WordPieceTrainer(special_tokens=["[UNK]"], vocab_size=60),
        ),
        "unigram": (
            models.Unigram(),
            trainers.UnigramTrainer(special_tokens=["[UNK]"], unk_token="[UNK]", vocab_size=60),
        ),
        "wordlevel": (
            models.WordLevel(unk_token="[UNK]"),
            trainers.WordLevelTrainer(special_tokens=["[UNK]"]),
        ),
    }[kind]
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(["the cat sat on the mat", "the dog sat on the log"], trainer)
    document: dict[str, Any] = json.loads(tokenizer.to_str())
    return document


KINDS = ("bpe", "wordpiece", "unigram", "wordlevel")


@pytest.mark.parametrize("kind", KINDS)
def test_what_tokenizers_writes_is_accepted(kind: str) -> None:
    assert read(json.dumps(_trained(kind)).encode())


def test_merges_of_either_writing_are_accepted() -> None:
    document = _trained("bpe")
    document["model"]["merges"] = [" ".join(pair) for pair in document["model"]["merges"]]
    assert read(json.dumps(document).encode())


@pytest.mark.parametrize(
    "model",
    [
        {"vocab": [5]},
        {"vocab": [[5]]},
        {"vocab": [["a"]]},
        {"vocab": [["a", "b"]]},
        {"vocab": [["a", 1.0, 2.0]]},
        {"vocab": [[["a"], 1.0]]},
        {"vocab": [None]},
        {"vocab": 5},
        {"vocab": "text"},
        {"vocab": {"a": "0"}},
        {"vocab": {"a": None}},
        {"vocab": {"a": -1}},
        {"vocab": {"a": 1.5}},
        {"vocab": {"a": True}},
        {"vocab": {"a": 10**30}},
        {"vocab": {"a": {}}},
        {"vocab": {"a": 0}, "merges": 5},
        {"vocab": {"a": 0}, "merges": [5]},
        {"vocab": {"a": 0}, "merges": [["a"]]},
        {"vocab": {"a": 0}, "merges": [["a", 5]]},
        {"vocab": {"a": 0}, "merges": {"a": "b"}},
        {"vocab": {"a": 0}, "unk_token": 7},
        {"vocab": {"a": 0}, "unk_id": "x"},
        {"vocab": {"a": 0}, "type": []},
        {},
        None,
        [],
        "bpe",
    ],
)
def test_a_malformed_model_is_refused(model: Any) -> None:
    refused(json.dumps({"model": model}).encode())


@pytest.mark.parametrize(
    "part",
    [
        {"added_tokens": 5},
        {"added_tokens": [5]},
        {"added_tokens": [{"id": "x", "content": "a"}]},
        {"added_tokens": [{"id": 0, "content": 5}]},
        {"normalizer": 5},
        {"normalizer": {"type": 5}},
        {"pre_tokenizer": []},
        {"post_processor": "x"},
        {"decoder": {"no": "type"}},
    ],
)
def test_a_malformed_part_is_refused(part: dict[str, Any]) -> None:
    refused(json.dumps(_trained("bpe") | part).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"model":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"model": {"vocab": {"a": 0}, "x": ' + b"[" * 500 + b"]" * 500 + b"}}",
        b'{"model": {"vocab": {"a": ' + b"9" * 5_000 + b"}}}",
        b'{"model": {"vocab": [["a", 1e999]]}}',
        b'{"model": {"vocab": [["a", NaN]]}}',
        b"\xff\xfe{\x00",
        b"\x80",
        b"5",
        b"null",
        b'"text"',
        b"[]",
        b"{}",
        b"{",
        b"\xef\xbb\xbf",
    ],
)
def test_content_that_is_no_tokenizer_is_refused(content: bytes) -> None:
    refused(content)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30)
@given(st.sampled_from(KINDS), st.data())
def test_any_value_anywhere_is_accepted_or_refused(kind: str, data: st.DataObject) -> None:
    document = copy.deepcopy(_DOCUMENTS[kind])
    holder: Any = document
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(holder[key], dict | list) and holder[key] and data.draw(st.booleans()):
            holder = holder[key]
        else:
            break
    holder[key] = data.draw(ANYTHING)
    content = json.dumps(document).encode()
    assert code(content) in {None, "bad_tokenizer"}


_DOCUMENTS = {kind: _trained(kind) for kind in KINDS}


@settings(max_examples=50)
@given(st.sampled_from(KINDS), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4))
def test_changed_bytes_are_accepted_or_refused(kind: str, changes: list[tuple[int, int]]) -> None:
    content = bytearray(json.dumps(_DOCUMENTS[kind]).encode())
    for place, value in changes:
        content[place % len(content)] = value
    assert code(bytes(content)) in {None, "bad_tokenizer"}
