"""Tags of words: stored beside the tokens, with the first token of each word, for any tokenizer."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from core.data import DataError
from core.data.text import PreparedText, prepare
from core.data.text.word_tags import first_tokens
from core.spec.data import DataSpec
from tests.core.text_specs import Written, content

WORDS = ["EU", "rejects", "Peter's", "Zürich", "naïve", "…", "#tag", "日本", "New York"]


def spec(kind: str = "bpe", **text: Any) -> DataSpec:
    document = {
        "text": {"labels": "tags", **text},
        "tokenizer": {"kind": kind, "vocabulary_size": 400},
        "held_out_fraction": 0.2,
    }
    return DataSpec.model_validate(document)


def conll(count: int = 30, types: tuple[str, ...] = ("PER", "LOC")) -> str:
    lines = []
    for number in range(count):
        for place, word in enumerate([*WORDS[number % 5 :], str(number)]):
            lines.append(f"{word}\t{'O' if place % 3 else 'B-' + types[number % len(types)]}")
        lines.append("")
    return "\n".join(lines)


def read(prepared: PreparedText, split: Any) -> list[tuple[list[str], list[str]]]:
    """The text of the tokens from each word's first one to the next word's, and the tags."""
    tokenizer = Tokenizer.from_file(str(prepared.tokenizer_directory / "tokenizer.json"))
    ids, offsets, words = prepared.tokens(split), prepared.offsets(split), prepared.tags(split)
    found = []
    for (a, b), (first, last) in zip(
        itertools.pairwise(offsets), itertools.pairwise(words.offsets), strict=True
    ):
        document = ids[int(a) : int(b) - 1]
        borders = [*words.tokens[first:last].tolist(), len(document)]
        texts = [tokenizer.decode(document[i:j].tolist()).strip() for i, j in itertools.pairwise(borders)]
        found.append((texts, [prepared.classes[tag] for tag in words.tags[first:last]]))
    return found


@pytest.mark.parametrize("kind", ["bpe", "byte", "character", "unigram"])
def test_each_word_begins_at_its_first_token(written: Written, tmp_path: Path, kind: str):
    files = written(a__conll=conll())
    prepared = prepare(files, spec(kind), tmp_path / "cache")
    assert prepared.classes == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    found = [sentence for split in ("train", "held_out") for sentence in read(prepared, split)]
    assert len(found) == 30
    expected = {
        " ".join([*WORDS[number % 5 :], str(number)]): [*WORDS[number % 5 :], str(number)]
        for number in range(30)
    }
    for words, tags in found:
        assert words == expected[" ".join(words)]
        kinds = {tag for tag in tags if tag != "O"}
        assert len(kinds) == 1
        assert [tag != "O" for tag in tags] == [place % 3 == 0 for place in range(len(words))]
    assert prepared.labels("train").tolist() == [0] * prepared.train.documents


def test_wordpiece_and_its_processes_give_the_same(written: Written, tmp_path: Path):
    files = written(a__conll=conll())
    one = prepare(files, spec("wordpiece"), tmp_path / "1")
    two = prepare(files, spec("wordpiece"), tmp_path / "2", processes=2)
    assert content(one.directory) == content(two.directory)
    assert (one.tags("train").tokens >= 0).all()


def test_an_uploaded_tokenizer(written: Written, tmp_path: Path):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "eu": 1}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace("…", "")])
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    given = (tmp_path / "tokenizer.json").read_text()
    prepared = prepare(written(a__conll=conll(), tokenizer__json=given), spec("uploaded"), tmp_path / "cache")
    tokens = prepared.tags("train").tokens
    # The tokenizer leaves nothing of one of the words.
    assert (tokens < 0).any()
    assert (np.bincount(tokens[tokens >= 0])[:5] > 0).all()


def test_words_in_one_token_and_words_without_one():
    # "ab cd e": one token over the first two words, none in the third.
    found = first_tokens(["ab", "cd", "e"], np.array([0]), np.array([5]))
    assert found.tolist() == [0, -1, -1]
    assert first_tokens(["a"], np.array([], np.int64), np.array([], np.int64)).tolist() == [-1]
    # Tokens that begin with the blank before a word.
    assert first_tokens(["ab", "cd"], np.array([0, 2]), np.array([2, 5])).tolist() == [0, 1]


def test_the_schemes_of_files_are_converted(written: Written, tmp_path: Path):
    iob1 = "a\tI-x\nb\tB-x\nc\tO\n\nd\tI-x\ne\tI-x\n\nf\tO\n\ng\tI-x\n\n"
    prepared = prepare(written(a__conll=iob1), spec("byte"), tmp_path / "cache")
    assert prepared.label_facts is not None
    assert prepared.label_facts.scheme == "IOB1"
    found = sorted(sentence for split in ("train", "held_out") for sentence in read(prepared, split))
    assert found == [
        (["a", "b", "c"], ["B-x", "B-x", "O"]),
        (["d", "e"], ["B-x", "I-x"]),
        (["f"], ["O"]),
        (["g"], ["B-x"]),
    ]


def test_the_split_of_the_files_is_used(written: Written, tmp_path: Path):
    prepared = prepare(
        written(train__conll=conll(20), dev__conll="x\tB-PER\ny\tO\n", test__conll="z\tO\n"),
        spec(),
        tmp_path / "cache",
    )
    assert [words for words, _ in read(prepared, "held_out")] == [["x", "y"], ["z"]]


def test_pretraining_on_the_same_file_sees_words_and_no_tags(written: Written, tmp_path: Path):
    files = written(a__txt=conll(300))
    without = spec().model_copy(update={"text": spec().text.model_copy(update={"labels": None})})
    prepared = prepare(files, without, tmp_path / "cache")
    tokenizer = Tokenizer.from_file(str(prepared.tokenizer_directory / "tokenizer.json"))
    text = tokenizer.decode(prepared.tokens("train").tolist())
    assert "Zürich naïve" in text
    assert "B-" not in text
    assert "\t" not in text
    assert prepared.label_facts is None


def test_a_file_without_any_entity(written: Written, tmp_path: Path):
    prepared = prepare(written(a__conll="a\tO\nb\tO\n\nc\tO\n\nd\tO\n"), spec("byte"), tmp_path / "cache")
    assert prepared.classes == ("O",)
    assert prepared.held_out.documents == 1


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"a__conll": "a\tO\nb\tO\n\nc\tO\nd\n"}, r"a\.conll: line 5 has 1 column"),
        (
            {"a__conll": "a\tB-x\n\nb\tO\n", "b__conll": "c\tO\nd\tI-x\n"},
            r"b\.conll: line 2: 'I-x' follows 'O'",
        ),
        ({"a__conll": "a\tB-x\n\nb\tO\n", "b__txt": "Prose."}, r"b\.txt: holds no words with tags"),
        (
            {"train__conll": "a\tB-x\n\nb\tO\n", "test__conll": "c\tO\n\nd\tO\ne\tB-y\n"},
            r"1 of the held-out split's classes have no sample in the training split: 'y' \(test\.conll, line 3\)",
        ),
    ],
)
def test_bad_files_name_file_and_line(
    written: Written, tmp_path: Path, contents: dict[str, str], message: str
):
    with pytest.raises(DataError, match=message):
        prepare(written(**contents), spec("byte"), tmp_path / "cache")
