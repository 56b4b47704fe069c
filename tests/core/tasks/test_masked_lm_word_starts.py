"""Words, as each kind of tokenizer marks them."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from core.tasks.masked_lm.word_starts import word_starts

TEXTS = [
    "The unbelievable sparrow (a bird) wasn't unhappy; señor Müller's sparrows were.",
    "tab\tand\nline",
] * 20


def words(tokenizer: Tokenizer, directory: Path, text: str) -> list[str]:
    """A text, cut where words begin."""
    file = directory / "tokenizer.json"
    tokenizer.save(str(file))
    starts = word_starts(file, tokenizer.get_vocab_size())
    encoding = tokenizer.encode(text, add_special_tokens=False)
    found: list[str] = []
    for number, token in zip(encoding.ids, encoding.tokens, strict=True):
        if starts[number] or not found:
            found.append("")
        found[-1] += token.removeprefix("##").replace("Ġ", "").replace("▁", "")
    return found


def wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer: Any = trainers.WordPieceTrainer(vocab_size=90, special_tokens=["[UNK]"], show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer: Any = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer: Any = trainers.UnigramTrainer(
        vocab_size=60, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


@pytest.mark.parametrize("make", [wordpiece, byte_level, unigram])
def test_words_begin_where_the_tokenizer_says(make: Any, tmp_path: Path) -> None:
    found = words(make(), tmp_path, "unbelievable sparrows were unhappy")
    assert found == ["unbelievable", "sparrows", "were", "unhappy"]


@pytest.mark.parametrize("make", [byte_level, unigram])
def test_punctuation_is_no_part_of_the_word_before(make: Any, tmp_path: Path) -> None:
    found = words(make(), tmp_path, "The sparrow; a bird")
    assert found == ["The", "sparrow", ";", "a", "bird"]


def test_letters_of_several_bytes_stay_in_their_word(tmp_path: Path) -> None:
    tokenizer = byte_level()
    found = words(tokenizer, tmp_path, "the señor said")
    assert len(found) == 3
    assert found[0] == "the"
    assert found[2] == "said"


def test_special_tokens_are_words(tmp_path: Path) -> None:
    tokenizer = byte_level()
    tokenizer.add_special_tokens(["xyz"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert word_starts(tmp_path / "tokenizer.json", tokenizer.get_vocab_size())[tokenizer.token_to_id("xyz")]
