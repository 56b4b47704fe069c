"""Trained tokenizers are the same for the same text; an uploaded one gets the special tokens that it lacks."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, BertConfig

from core.data import DataError
from core.data.text.tokenizer import PreparedTokenizer, load
from core.data.text.training import train
from core.spec.data import TokenizerSpec

KINDS = ["bpe", "wordpiece", "unigram"]
"""Kinds that learn subwords."""
ALL = [*KINDS, "byte", "character"]
# Many characters with the same count at the limit of the alphabet, and many ties.
TEXTS = [
    *("".join(map(chr, range(0x4E00, 0x4E00 + 400))), "aé bé cé dé eé fé gé hé " * 20),
    *("ab ba cd dc " * 9,) * 30,
]


def spec(kind: str, size: int = 400, *, lowercase: bool = False) -> TokenizerSpec:
    return TokenizerSpec.model_validate({"kind": kind, "vocabulary_size": size, "lowercase": lowercase})


def trained(kind: str, texts: list[str], size: int = 400, *, lowercase: bool = False) -> PreparedTokenizer:
    return train(spec(kind, size, lowercase=lowercase), lambda: texts)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("threads", ["1", "2"])
def test_training_gives_the_same_bytes_in_every_process(kind: str, threads: str, topics: list[str]):
    texts = [*TEXTS, *topics[:20]]
    program = (
        "import json, sys; from hashlib import sha256; from core.data.text.training import train; from core.spec.data "
        "import TokenizerSpec; texts = json.load(sys.stdin); spec = TokenizerSpec(kind=sys.argv[1], vocabulary_size=600);"
        "print(sha256(train(spec, lambda: texts).tokenizer.to_str().encode()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, kind],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "RAYON_NUM_THREADS": threads},
    )
    here = trained(kind, texts, 600).tokenizer.to_str()
    assert done.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [300, 500])
def test_the_vocabulary_is_as_large_as_asked_at_most(kind: str, size: int, topics: list[str]):
    tokenizer = trained(kind, TEXTS, size)
    assert tokenizer.vocabulary_size <= size
    assert tokenizer.vocabulary_size == tokenizer.tokenizer.get_vocab_size()
    assert trained(kind, topics, 1500).vocabulary_size == 1500


@pytest.mark.parametrize("kind", ALL)
def test_special_tokens_come_first(kind: str):
    tokenizer = trained(kind, TEXTS)
    special = tokenizer.special_ids
    assert (special.pad, special.unk, special.cls, special.sep, special.mask) == (0, 1, 2, 3, 4)
    assert special.all == (0, 1, 2, 3, 4)


def test_a_byte_level_tokenizer_encodes_every_text(topics: list[str]):
    tokenizer = trained("bpe", topics).tokenizer
    text = "日本語 😀 \x00 naïve\n\n\tx"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids) == text


@pytest.mark.parametrize("kind", ALL)
def test_case_is_folded_on_request(kind: str, topics: list[str]):
    tokenizer = trained(kind, topics, lowercase=True).tokenizer
    assert tokenizer.encode("The CLASS").ids == tokenizer.encode("the class").ids
    exact = trained(kind, topics).tokenizer
    assert exact.encode("The CLASS").ids != exact.encode("the class").ids


@pytest.mark.parametrize("kind", ALL)
def test_transformers_opens_it_with_a_bert_configuration(kind: str, topics: list[str], tmp_path: Path):
    tokenizer = trained(kind, topics)
    directory = tmp_path / "tokenizer"
    tokenizer.save(directory, 77)
    BertConfig(vocab_size=tokenizer.vocabulary_size).save_pretrained(directory)
    opened = AutoTokenizer.from_pretrained(directory)
    text = "The with statement, [MASK] naïve."
    assert opened(text).input_ids == tokenizer.tokenizer.encode(text).ids
    assert opened.model_max_length == 77
    assert len(opened) == tokenizer.vocabulary_size
    for role in ("pad", "unk", "cls", "sep", "mask"):
        assert getattr(opened, f"{role}_token_id") == getattr(tokenizer.special_ids, role)
    first, *_, last = opened(text).input_ids
    assert (first, last) == (tokenizer.special_ids.cls, tokenizer.special_ids.sep)


@pytest.mark.parametrize("kind", ["bpe", "unigram", "byte", "character"])
def test_text_comes_back_from_a_saved_tokenizer_as_it_was(kind: str, topics: list[str], tmp_path: Path):
    tokenizer = trained(kind, topics)
    tokenizer.save(tmp_path / "tokenizer", 77)
    opened = AutoTokenizer.from_pretrained(tmp_path / "tokenizer")
    text = "  Two\n\nwords ,  and (more) . " + topics[3]
    ids = opened(text, add_special_tokens=False).input_ids
    assert opened.decode(ids) == text
    assert opened.decode(opened(text).input_ids, skip_special_tokens=True) == text
    if kind == "byte":
        assert len(ids) == len(text.encode())
    if kind == "character":
        assert len(ids) == len(text)


def test_the_byte_tokenizer_has_the_256_bytes():
    tokenizer = trained("byte", [])
    assert tokenizer.vocabulary_size == 256 + 5 == spec("byte").largest_vocabulary
    text = "日本 \x00\n"
    ids = tokenizer.tokenizer.encode(text, add_special_tokens=False).ids
    assert len(ids) == len(text.encode())
    assert tokenizer.tokenizer.decode(ids) == text


def test_the_characters_of_the_texts_are_the_tokens_in_their_order():
    tokenizer = trained("character", ["b\na", " ä"])
    vocabulary = tokenizer.tokenizer.get_vocab()
    assert [token for token, _ in sorted(vocabulary.items(), key=lambda item: item[1])][5:] == [
        "\n",
        " ",
        "a",
        "b",
        "ä",
    ]
    assert tokenizer.tokenizer.encode("a?b", add_special_tokens=False).ids == [
        7,
        tokenizer.special_ids.unk,
        8,
    ]


def test_of_too_many_characters_the_frequent_ones_are_kept():
    texts = [
        "".join(map(chr, range(0x4E00, 0x4E00 + 400))),
        "".join(map(chr, range(0x4E00 + 100, 0x4E00 + 390))),
    ]
    tokenizer = trained("character", texts, 300).tokenizer
    unknown = tokenizer.encode(texts[0], add_special_tokens=False).ids.count(1)
    assert tokenizer.get_vocab_size() == 300
    assert unknown == 400 - 295
    assert tokenizer.encode(texts[1], add_special_tokens=False).ids.count(1) == 0


@pytest.mark.parametrize("kind", ALL)
def test_text_is_normalized_on_request(kind: str, topics: list[str]):
    texts = ["e\u0301 ﬁ é ", *topics[:9], "nai\u0308ve ﬁn été file fine naive ete" * 9]

    def same(first: str, second: str, **settings: object) -> bool:
        spec = TokenizerSpec.model_validate({"kind": kind, "vocabulary_size": 400, **settings})
        tokenizer = train(spec, lambda: texts).tokenizer
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in (first, second)]
        assert 1 not in ids[0]
        return ids[0] == ids[1]

    assert not same("é", "e\u0301")
    assert same("é", "e\u0301", normalization="nfc")
    assert not same("ﬁ", "fi", normalization="nfc")
    assert same("ﬁ", "fi", normalization="nfkc")
    assert not same("é", "e", normalization="nfkc")
    assert same("é", "e", strip_accents=True)
    assert same("É", "é", lowercase=True)


def test_a_mask_takes_the_space_before_it(topics: list[str]):
    tokenizer = trained("bpe", topics).tokenizer
    assert tokenizer.encode("is [MASK].").ids == [
        *tokenizer.encode("is").ids[:-1],
        4,
        *tokenizer.encode(".").ids[1:],
    ]


def test_an_uploaded_tokenizer_keeps_its_tokens_and_gets_what_it_lacks(tmp_path: Path):
    own = Tokenizer(models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")]))
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.add_special_tokens(["<s>", "<|end|>"])
    own.enable_truncation(4)
    own.enable_padding()
    tokenizer = load(own.to_str().encode())
    assert tokenizer.names == {"pad": "[PAD]", "unk": "[UNK]", "cls": "<s>", "sep": "[SEP]", "mask": "[MASK]"}
    assert tokenizer.special_ids.cls == own.token_to_id("<s>")
    assert own.token_to_id("<|end|>") in tokenizer.special_ids.all
    assert len(tokenizer.special_ids.all) == 6
    assert tokenizer.vocabulary_size == 9
    ids = tokenizer.tokenizer.encode("ab" * 9).ids
    assert ids == [tokenizer.special_ids.cls, *[2] * 9, tokenizer.special_ids.sep]
    tokenizer.save(tmp_path / "t", 16)
    assert len(AutoTokenizer.from_pretrained(tmp_path / "t")) == 9


def test_loading_what_was_saved_changes_nothing(topics: list[str], tmp_path: Path):
    for kind in ALL:
        tokenizer = trained(kind, topics)
        again = load(tokenizer.tokenizer.to_str().encode())
        assert again.tokenizer.to_str() == tokenizer.tokenizer.to_str()
        assert (again.special_ids, again.vocabulary_size) == (
            tokenizer.special_ids,
            tokenizer.vocabulary_size,
        )


def test_an_invalid_uploaded_tokenizer():
    sparse = Tokenizer(models.WordLevel({"a": 0, "b": 3_000_000}, unk_token="a"))
    for content in (b'{"model": {"type": "BPE", "vocab": {}}}', b"{}", sparse.to_str().encode()):
        with pytest.raises(DataError) as caught:
            load(content)
        assert caught.value.code == "tokenizer_invalid"
        assert caught.value.hint
