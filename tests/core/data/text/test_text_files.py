"""Files and documents: which are read, in which order, and where they are cut."""

import hashlib
import itertools
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from core.data import DataError, data_files
from core.data.text import prepare
from core.data.text.documents import recut
from core.spec.data import DataSpec
from tests.core.text_specs import TAIL, Written


def test_directories_are_read_in_name_order_without_what_is_hidden(tmp_path: Path):
    for name in ("b/two.txt", "a.txt", "notes.pdf", ".git/x.txt", "b/c/three.csv.gz"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    files = data_files([tmp_path])
    assert [file.name for file in files] == ["a.txt", "b/c/three.csv.gz", "b/two.txt"]
    assert files[0].sha256 == hashlib.sha256(b"a.txt").hexdigest()
    assert data_files([tmp_path / "a.txt", tmp_path / "a.txt"]) == files[:1]


def test_data_that_is_not_there(tmp_path: Path):
    (tmp_path / "x").mkdir()
    (tmp_path / "a.pdf").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "x" / "a.txt").write_text("y")
    cases = [
        [tmp_path / "none.txt"],
        [tmp_path / "a.pdf"],
        [],
        [tmp_path / "a.txt", tmp_path / "x" / "a.txt"],
    ]
    for paths in cases:
        with pytest.raises(DataError) as caught:
            data_files(paths)
        assert caught.value.code == "data_unreadable"


@pytest.mark.parametrize("size", [100, 1 << 20])
def test_a_file_as_a_stream_of_characters_loses_none(
    written: Written, topics: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
):
    monkeypatch.setattr("core.data.text.documents.PIECE_CHARACTERS", size)
    text = "\n\n  First\n\n\n\f" + "\n\n".join(topics[:5]) + "  \n\n"
    prepared = prepare(written(input__txt=text), TAIL, tmp_path / "cache")
    ids = {split: prepared.tokens(split)[:-1] for split in ("train", "held_out")}
    border = int(len(text) * 0.9)
    training = text[:border]
    alphabet = sorted(set(training))
    assert prepared.vocabulary_size == len(alphabet) + 5
    numbers = {character: number for number, character in enumerate(alphabet, 5)}
    assert ids["train"].tolist() == [numbers[character] for character in training]
    assert ids["held_out"].tolist() == [numbers.get(c, prepared.special_ids.unk) for c in text[border:]]
    opened = AutoTokenizer.from_pretrained(prepared.tokenizer_directory)
    assert opened.decode(ids["train"]) == training
    assert (prepared.train.documents, prepared.held_out.documents) == (1, 1)


def test_whole_files_are_documents_of_their_own(written: Written, tmp_path: Path):
    files = written(
        a__txt=" one\n\n", b__txt=" \n", c__jsonl='{"text": "three"}\n{"text": "four"}\n', d__txt=" one\n\n"
    )
    spec = DataSpec.model_validate({"documents": "whole_file", "tokenizer": {"kind": "byte"}})
    prepared = prepare(files, spec, tmp_path / "cache")
    opened = AutoTokenizer.from_pretrained(prepared.tokenizer_directory)
    found = []
    for split in ("train", "held_out"):
        ids, offsets = prepared.tokens(split), prepared.offsets(split)
        found += [opened.decode(ids[a : b - 1]) for a, b in itertools.pairwise(offsets)]
    assert sorted(found) == [" \n", " one\n\n", "four", "three"]
    assert prepared.duplicates == 1


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_pieces_are_cut_before_spaces_wherever_they_were_cut_before(limit: int):
    text = "one two threefourfive six  seven " * 3
    whole = list(recut([(text, True), ("x", True)], limit))
    assert list(recut([(character, False) for character in text] + [("", True), ("x", True)], limit)) == whole
    assert "".join(piece for piece, _ in whole) == text + "x"
    assert [ends for _, ends in whole].count(True) == 2
    assert max(len(piece) for piece, _ in whole) <= limit
