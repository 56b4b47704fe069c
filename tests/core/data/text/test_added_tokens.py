"""Words are added to a tokenizer after its vocabulary, and found in texts."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer

from core.data import DataError
from core.data.text.added_tokens import with_added_tokens
from core.data.text.start_tokenizer import StartTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def wordpiece() -> Tokenizer:
    words = [*SPECIAL, "a", "hello", "ku", "##ber", "##ne", "##tes", "<", ">", "user"]
    made = Tokenizer(models.WordPiece({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens(SPECIAL)
    return made


def byte_level() -> Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: n for n, letter in enumerate([*letters, "<|end|>"])}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|end|>"])
    return made


def sentence_piece() -> Tokenizer:
    """As Llama's: spaces become letters, before words are looked for."""
    pieces = ["<unk>", "<s>", "</s>", "▁", *"abcdefghijklmnopqrstuvwxyz"]
    made = Tokenizer(models.BPE({piece: n for n, piece in enumerate(pieces)}, [], unk_token="<unk>"))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    made.add_special_tokens(pieces[:3])
    return made


def unigram() -> Tokenizer:
    pieces = [
        ("<unk>", 0.0),
        ("</s>", 0.0),
        *((f"▁{letter}", -2.0) for letter in "ab"),
        ("b", -2.5),
        ("▁", -3.0),
    ]
    made = Tokenizer(models.Unigram(pieces, unk_id=0))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.add_special_tokens(["<unk>", "</s>"])
    return made


def with_a_longer_token() -> Tokenizer:
    """It finds ``a ku`` first, which the word around it is no longer found behind."""
    made = wordpiece()
    made.add_special_tokens(["a ku"])
    return made


KINDS = {
    "wordpiece": wordpiece,
    "byte_level": byte_level,
    "sentence_piece": sentence_piece,
    "unigram": unigram,
    "wordpiece with a longer token": with_a_longer_token,
}


@pytest.mark.parametrize("kind", ["wordpiece", "byte_level", "sentence_piece", "unigram"])
def test_new_words_are_one_token_each_after_the_vocabulary(kind: str, tmp_path: Path) -> None:
    plain = KINDS[kind]()
    before = plain.get_vocab()
    words = ["kubernetes", "<user>", "größe", "New York"]
    extended = with_added_tokens(plain, words)
    assert plain.get_vocab() == before
    after = extended.get_vocab()
    assert {token: number for token, number in after.items() if token in before} == before
    assert [after[word] for word in words] == list(range(len(before), len(before) + 4))
    text = "a kubernetes <user>a größe New York a"
    ids = extended.encode(text, add_special_tokens=False).ids
    assert [number for number in ids if number >= len(before)] == [after[word] for word in words]
    unseen = "a a"
    assert extended.encode(unseen).ids == plain.encode(unseen).ids
    # `transformers` opens it with the same vocabulary and the same ids.
    (tmp_path / "tokenizer.json").write_text(extended.to_str())
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"})
    )
    opened = AutoTokenizer.from_pretrained(tmp_path)
    assert opened(text, add_special_tokens=False)["input_ids"] == ids
    assert opened.get_vocab() == after
    assert opened.decode(opened("a kubernetes a", add_special_tokens=False)["input_ids"]) == "a kubernetes a"


@pytest.mark.parametrize("kind", ["wordpiece", "byte_level"])
def test_a_word_of_letters_is_not_found_inside_another(kind: str) -> None:
    extended = with_added_tokens(KINDS[kind](), ["kub", "c++"])
    number = extended.token_to_id("kub")
    assert number not in extended.encode("a kubernetes akub", add_special_tokens=False).ids
    assert number in extended.encode("a kub, a", add_special_tokens=False).ids
    assert extended.token_to_id("c++") in extended.encode("a c++ab", add_special_tokens=False).ids


def test_a_tokenizer_that_lower_cases_finds_a_word_with_capitals() -> None:
    extended = with_added_tokens(wordpiece(), ["Kubernetes"])
    number = extended.token_to_id("Kubernetes")
    for text in ("Kubernetes", "a kubernetes", "KUBERNETES a"):
        assert number in extended.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize(
    ("kind", "words", "case"),
    [
        ("wordpiece", ["hello"], "token_there"),
        ("wordpiece", ["Hello"], "token_there"),
        ("wordpiece", ["new", "[MASK]"], "token_there"),
        ("byte_level", ["<|end|>"], "token_there"),
        ("byte_level", ["q"], "token_there"),
        ("unigram", ["a"], "token_there"),
        ("wordpiece with a longer token", ["kubernetes"], "never_found"),
    ],
)
def test_a_word_that_gives_no_new_token_is_refused(kind: str, words: list[str], case: str) -> None:
    with pytest.raises(DataError) as refused:
        with_added_tokens(KINDS[kind](), words)
    assert (refused.value.code, refused.value.details["case"]) == ("added_token", case)
    assert refused.value.details["token"] in words


def test_ids_with_gaps_are_refused() -> None:
    vocabulary = {"a": 0, "b": 2, "c": 3}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="a"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(DataError, match="gaps") as refused:
        with_added_tokens(made, ["new"])
    assert refused.value.code == "added_token"


def test_other_files_and_settings_stay_as_they_are() -> None:
    content: dict[str, Any] = json.loads(wordpiece().to_str())
    content["truncation"] = {"direction": "Right", "max_length": 7, "strategy": "LongestFirst", "stride": 0}
    files = {"tokenizer.json": json.dumps(content).encode(), "tokenizer_config.json": b'{"kept": 1}'}
    start = StartTokenizer(files)
    assert start.with_tokens(()) is start
    extended = start.with_tokens(["kubernetes"])
    assert extended.files["tokenizer_config.json"] == b'{"kept": 1}'
    assert start.files == files
    assert json.loads(extended.content)["truncation"] == content["truncation"]
