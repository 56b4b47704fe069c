"""The report on an inspected file."""

import dataclasses
import io
import json
import tracemalloc
from collections.abc import Callable

import pytest
from tokenizers import Tokenizer, models

from core.formats import FormatError, inspect_file

Make = Callable[..., bytes]
Zipped = Callable[..., bytes]


def test_a_report_counts(make: Make):
    documents = ["a" * 3, "é" * 4, "c" * 7, "d" * 900]
    content = make("a.csv.gz", documents, "body")
    report = inspect_file(io.BytesIO(content), "a.csv.gz")
    assert (report.kind, report.compression, report.bytes) == ("csv", "gzip", len(content))
    assert (report.documents, report.characters, report.text_column) == (4, 914, "body")
    assert report.length_histogram == (0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 1)
    assert [(one.text, one.characters) for one in report.examples] == [
        (document, len(document)) for document in documents
    ]
    assert (report.members, report.ignored, report.vocabulary_size) == (0, (), None)
    assert json.loads(json.dumps(dataclasses.asdict(report)))["documents"] == 4


def test_examples_are_as_the_documents_and_bounded():
    documents = [letter * 30_000 for letter in "abcdefg"] + ["a\0b\x1b[31m\ttab"] * 200
    content = "".join(json.dumps({"text": document}) + "\n" for document in documents)
    found = inspect_file(io.BytesIO(content.encode()), "a.jsonl").examples
    assert [len(one.text) for one in found[:7]] == [20_000] * 5 + [500] * 2
    assert {one.characters for one in found[:7]} == {30_000}
    assert {(one.text, one.characters) for one in found[7:]} == {(documents[7], len(documents[7]))}
    assert len(found) == 100


def test_the_report_on_a_zip_lists_unread_files(zipped: Zipped, make: Make):
    content = zipped(
        {"a.txt": b"one", "b.parquet": make("b.parquet", ["two", "three"], "body"), "notes.doc": b"x"}
    )
    report = inspect_file(io.BytesIO(content), "a.zip")
    assert (report.kind, report.members, report.ignored) == ("zip", 2, ("notes.doc",))
    assert (report.documents, report.text_column) == (3, "body")


def test_a_tokenizer_has_a_vocabulary_and_no_documents():
    words = Tokenizer(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"))
    words.add_special_tokens(["[MASK]"])
    report = inspect_file(io.BytesIO(words.to_str().encode()), "tokenizer.json")
    # Inspection adds [PAD], [CLS] and [SEP].
    assert (report.kind, report.documents, report.vocabulary_size) == ("tokenizer", 0, 7)
    unigram = Tokenizer(models.Unigram([("a", -1.0), ("b", -2.0)], unk_id=0))
    assert inspect_file(io.BytesIO(unigram.to_str().encode()), "tokenizer.json").vocabulary_size == 7


def test_an_error_names_the_file_and_the_member(zipped: Zipped):
    with pytest.raises(FormatError) as caught:
        inspect_file(io.BytesIO(zipped({"ok.txt": b"fine", "x/bad.jsonl": b"{"})), "corpus.zip")
    assert (caught.value.file, caught.value.member) == ("corpus.zip", "x/bad.jsonl")
    assert str(caught.value).startswith("corpus.zip (x/bad.jsonl): line 1 is not JSON")


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.txt.zst", "a.jsonl", "a.csv"])
def test_memory_does_not_grow_with_the_file(make: Make, name: str):
    peaks = []
    for count in (2000, 10_000):
        content = make(name, [f"{i} " + "some words " * 200 for i in range(count)])
        tracemalloc.start()
        inspect_file(io.BytesIO(content), name)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4_000_000  # the larger one holds 17 MB more text


def test_scripts_and_repeats_are_counted(make: Make):
    documents = ["one two", "дом", "one two", "дом", "one two", "3"]
    report = inspect_file(io.BytesIO(make("a.jsonl", documents)), "a.jsonl")
    assert report.scripts == {"Latin": 18, "Cyrillic": 6}
    assert report.repeats == 3
