"""Valid files: reading returns the documents that were written, in every compression and archive."""

import io
import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.formats import Compression, Format, Kind, detect, read_documents, read_uploaded_tokenizer

Make = Callable[..., bytes]
Zipped = Callable[..., bytes]
Read = Callable[..., list[str]]

# Characters that every format must preserve: quotes, delimiters, line ends, beyond the BMP, separators of str.splitlines.
text = st.text(st.sampled_from("ab \"',;\t\n\\é漢😀\u2028\x0b\x85"), min_size=1, max_size=12).filter(
    str.strip
)
corpora = st.lists(text, min_size=1, max_size=12)
WRAPPERS = ["", ".gz", ".zst"]


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("kind", [".jsonl", ".csv", ".parquet"])
@given(documents=corpora)
def test_tables_give_back_each_document(
    make: Make, read: Read, kind: str, wrapper: str, documents: list[str]
):
    name = f"corpus{kind}{wrapper}"
    assert read(make(name, documents), name) == documents


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("suffix", [".txt", ".md", ".text"])
def test_text_in_any_compression_or_archive(make: Make, read: Read, suffix: str, wrapper: str):
    content = make(f"a.txt{wrapper}", ["eins", "zwei é"])
    assert read(content, f"dir/A{suffix}{wrapper}".upper()) == ["eins", "zwei é"]


def test_concatenated_frames_are_one_file(make: Make, read: Read):
    for name in ("a.txt.gz", "a.txt.zst"):
        assert read(make(name, ["one"]) + make(name, [" and two"]), name) == ["one and two"]


def test_a_stream_larger_than_any_buffer(make: Make, read: Read):
    documents = [f"{i} " + "é漢" * 400 for i in range(2000)]
    for name in ("a.txt", "a.jsonl.zst", "a.csv.gz", "a.parquet"):
        assert read(make(name, documents), name) == documents


def test_every_line_end_becomes_a_line_feed(read: Read):
    assert read(b'text\r\n"a\r\nb"\r\n', "a.csv") == ["a\nb"]
    assert read(b"text\rone\rtwo", "a.csv") == ["one", "two"]
    assert read(b'{"text": "a"}\r\n\r\n{"text": "b"}', "a.jsonl") == ["a", "b"]
    assert read(("x" * 2100 + "\r\n\r\nnext").encode(), "a.txt") == ["x" * 2100, "next"]


def test_a_byte_order_mark_is_no_text(read: Read):
    assert read(b"\xef\xbb\xbfhello", "a.txt") == ["hello"]
    assert read(b"\xef\xbb\xbftext,id\nhello,1\n", "a.csv") == ["hello"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_shows_the_delimiter(read: Read, delimiter: str):
    content = f"id{delimiter}text\n1{delimiter}hello".encode()
    assert read(content, "a.csv") == read(content, "a.tsv") == ["hello"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_the_text_column_is_the_named_one_else_text_else_the_only_one_of_strings(
    make: Make, read: Read, name: str
):
    assert read(make(name, ["hello"], "body"), name) == ["hello"]
    assert read(make(name, ["hello"], "body"), name, text_column="body") == ["hello"]


def test_of_two_columns_of_strings_the_named_one_is_read(read: Read):
    for name, content in {
        "a.csv": b"title,body\nT,B\n",
        "a.jsonl": b'{"title": "T", "body": "B"}',
    }.items():
        assert read(content, name, text_column="title") == ["T"]
        assert read(content, name, text_column="body") == ["B"]


def test_values_that_are_no_text_are_no_documents(make: Make, read: Read):
    assert read(b'\n{"text": null}\n{"text": " "}\n{"id": 1}\n{"text": "a"}\n', "a.jsonl") == ["a"]
    assert read(b"\ntext\n\n  \na\n", "a.csv") == ["a"]
    assert read(make("a.parquet", [None, "", "\n", "a"]), "a.parquet") == ["a"]  # type: ignore[list-item]


def test_a_lone_surrogate_becomes_a_replacement_character(read: Read):
    (document,) = read(rb'{"text": "a\ud83d \ud83d\ude00"}', "a.jsonl")
    assert document == "a\ufffd 😀"


def test_a_zip_is_read_in_name_order_without_unknown_files(make: Make, zipped: Zipped, read: Read):
    members = {
        "b/two.jsonl.gz": make("two.jsonl.gz", ["2"]),
        "a/one.txt": b"1",
        "c/three.parquet": make("three.parquet", ["3"]),
        "d.csv.zst": make("d.csv.zst", ["4"]),
        "empty.txt": b"",
        "README": b"none of this",
        "nested.zip": zipped({"x.txt": b"nor this"}),
        "__MACOSX/a/._one.txt": b"\xff\xff",
        ".hidden/x.txt": b"\xff",
    }
    assert read(zipped(members), "all.zip") == ["1", "2", "3", "4"]


def test_the_name_decides_the_format():
    assert detect("A.TXT") == Format(Kind.TEXT)
    assert detect("x/y.tsv.gz") == Format(Kind.CSV, Compression.GZIP)
    assert detect("y.ndjson.zst") == Format(Kind.JSONL, Compression.ZSTD)
    assert detect("deep/tokenizer.json") == Format(Kind.TOKENIZER)
    assert detect("all.zip") == Format(Kind.ZIP)


def test_a_tokenizer_is_found_and_holds_no_document(zipped: Zipped, read: Read):
    content = json.dumps({"model": {"type": "BPE", "vocab": {"a": 0}}}).encode()
    archive = zipped({"model/tokenizer.json": content, "a.txt": b"hello"})
    assert read(content, "tokenizer.json") == []
    assert read(archive, "a.zip") == ["hello"]
    assert read_uploaded_tokenizer(io.BytesIO(archive), "a.zip") == content
    assert read_uploaded_tokenizer(io.BytesIO(content), "tokenizer.json") == content
    assert read_uploaded_tokenizer(io.BytesIO(b"hello"), "a.txt") is None


def test_the_stream_is_not_closed(make: Make):
    for name in ("a.txt", "a.txt.gz", "a.txt.zst", "a.parquet"):
        stream = io.BytesIO(make(name, ["hello"]))
        stream.seek(3)
        assert list(read_documents(stream, name)) == ["hello"]
        assert not stream.closed


def test_importing_the_readers_loads_no_large_library():
    heavy = "{'torch', 'transformers', 'tokenizers', 'pyarrow', 'numpy'}"
    code = f"import sys, core.formats; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
