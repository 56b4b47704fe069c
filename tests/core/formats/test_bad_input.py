"""Invalid files: each is refused with its own code, and a message that says what to do."""

import copy
import gzip
import io
import json
import stat
import struct
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from core.formats import FormatError, Limits, inspect_file, read_documents

Make = Callable[..., bytes]
Zipped = Callable[..., bytes]
Read = Callable[..., list[str]]
Refused = Callable[..., FormatError]

NAMES = [
    "a.txt",
    "a.jsonl",
    "a.csv",
    "a.parquet",
    "a.txt.gz",
    "a.txt.zst",
    "a.parquet.gz",
    "a.zip",
    "tokenizer.json",
]
NOISE = bytes(range(256)) * 8


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_file(refused: Refused, name: str):
    assert refused(b"", name).code == "empty_file"


def test_an_empty_compressed_file(refused: Refused):
    for name, wrap in {
        "a.txt.gz": gzip.compress,
        "a.txt.zst": zstandard.compress,
        "a.parquet.gz": gzip.compress,
    }.items():
        assert refused(wrap(b""), name).code == "empty_file"


@pytest.mark.parametrize(
    "name", ["a.pdf", "a", "a.txt.gz.bz2", "a.zip.gz", "a.tar.gz", "archive.json", "txt"]
)
def test_the_error_for_an_unknown_format_lists_the_known_ones(refused: Refused, name: str):
    error = refused(b"hello", name)
    assert error.code == "unknown_format"
    assert ".jsonl" in error.message


def test_a_zip_without_a_known_file_is_refused(refused: Refused, zipped: Zipped):
    assert refused(zipped({"a.pdf": b"x"}), "a.zip").code == "unknown_format"
    assert refused(zipped({}), "a.zip").code == "unknown_format"


@given(before=st.text(max_size=30), chunks=st.sampled_from([0, 1 << 20, (1 << 20) - 1]))
def test_the_first_wrong_byte_is_named(before: str, chunks: int):
    good = b"x" * chunks + before.encode()
    for wrong in (b"\xff", b"\xc3(", b"\xe6\xbc"):
        with pytest.raises(FormatError) as caught:
            list(read_documents(io.BytesIO(good + wrong), "a.txt"))
        assert caught.value.code == "not_utf8"
        assert f"byte {len(good):,} " in caught.value.message


def test_offsets_count_the_byte_order_mark(refused: Refused):
    assert "byte 4 " in refused(b"\xef\xbb\xbfa\xff", "a.txt").message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be"])
def test_other_encodings_are_named_in_the_error(refused: Refused, encoding: str):
    content = "\ufeffhello".encode(encoding) if encoding.endswith("be") else "hello".encode(encoding)
    error = refused(content, "a.txt")
    assert error.code == "not_utf8"
    assert encoding.upper()[:6] in error.message


def test_a_compressed_file_under_a_plain_name_is_recognised(refused: Refused, make: Make):
    for name in ("a.txt.gz", "a.txt.zst", "a.parquet"):
        error = refused(make(name, ["hello"]), "a.txt")
        assert error.code == "not_utf8"
        assert f"(.{name.rsplit('.', 1)[1]})" in error.message


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.jsonl.gz", "a.parquet.zst"])
@pytest.mark.parametrize("keep", [0.3, 0.8, 0.99])
def test_a_truncated_archive(refused: Refused, make: Make, name: str, keep: float):
    # Random characters, so that cutting the archive anywhere removes some content.
    content = make(name, [NOISE.decode("latin-1").replace("\f", "")[:800] + str(i * i) for i in range(50)])
    assert refused(content[: int(len(content) * keep)], name).code == "truncated_archive"


def test_a_truncated_zip(refused: Refused, zipped: Zipped):
    content = zipped({"a.txt": b"hello world", "b.txt": b"more"})
    for keep in (10, len(content) // 2, len(content) - 1):
        assert refused(content[:keep], "a.zip").code == "truncated_archive"


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.zip"])
def test_a_corrupt_archive(refused: Refused, name: str):
    assert refused(b"this is no archive at all", name).code == "corrupt_archive"


def test_a_wrong_checksum(refused: Refused, zipped: Zipped):
    content = bytearray(gzip.compress(b"hello world"))
    content[-8] ^= 1
    assert refused(bytes(content), "a.txt.gz").code == "corrupt_archive"
    stored = zipped({"a.txt": b"hello world"}, zipfile.ZIP_STORED).replace(b"hello world", b"hellO world")
    error = refused(stored, "a.zip")
    assert (error.code, error.member) == ("corrupt_archive", "a.txt")


@pytest.mark.parametrize(
    "name", ["../a.txt", "x/../../a.txt", "/etc/a.txt", "C:\\a.txt", "..\\a.txt", "\\\\host\\a.txt"]
)
def test_a_zip_member_outside_the_archives_folder(refused: Refused, zipped: Zipped, name: str):
    error = refused(zipped({"ok.txt": b"fine", name: b"hello"}), "a.zip")
    assert (error.code, error.member) == ("archive_path_escapes", name)


def test_a_zip_member_with_a_nul(refused: Refused, zipped: Zipped):
    content = zipped({"aXb.txt": b"hello"}).replace(b"aXb.txt", b"a\0b.txt")
    error = refused(content, "a.zip")
    assert error.code == "archive_path_escapes"
    assert "\0" not in str(error)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_zip_member_that_is_no_file(refused: Refused, zipped: Zipped, kind: int):
    info = zipfile.ZipInfo("a.txt")
    info.external_attr = (kind | 0o777) << 16
    assert refused(zipped({info: b"/etc/passwd"}), "a.zip").code == "archive_link"


def test_an_encrypted_zip(refused: Refused, zipped: Zipped):
    content = bytearray(zipped({"a.txt": b"hello"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert refused(bytes(content), "a.zip").code == "archive_encrypted"


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.zip", "a.parquet", "a.jsonl.zst"])
def test_a_bomb_is_stopped_by_its_ratio(refused: Refused, make: Make, zipped: Zipped, name: str):
    documents = ["0" * 10_000] * 2000
    content = zipped({"a.txt": b"0" * 20_000_000}) if name == "a.zip" else make(name, documents)
    limits = Limits(ratio_from_bytes=1 << 20)
    assert refused(content, name, limits=limits).code == "archive_bomb"
    assert len(content) < 500_000


def test_a_small_file_may_have_a_high_ratio(make: Make, read: Read):
    assert read(make("a.txt.zst", ["0" * 10_000] * 2000), "a.txt.zst") == ["0" * 10_000] * 2000


def test_a_bomb_is_stopped_by_its_total_over_all_members(refused: Refused, zipped: Zipped):
    members = {f"{i}.txt": NOISE.decode("latin-1").encode() for i in range(20)}
    assert refused(zipped(members), "a.zip", limits=Limits(content_bytes=30_000)).code == "archive_bomb"


def test_a_bomb_is_stopped_by_its_count(refused: Refused, zipped: Zipped):
    content = zipped({f"{i}.txt": b"x" for i in range(11)})
    assert refused(content, "a.zip", limits=Limits(members=10)).code == "archive_bomb"
    assert refused(content, "a.zip", limits=Limits(directory_bytes=100)).code == "archive_bomb"


@pytest.mark.parametrize("offset", [0, 20])
def test_a_zip_whose_members_share_their_bytes(refused: Refused, offset: int):
    """A zip directory may list the same bytes a million times, or nest each member in the one before."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", b"hello " * 100)
        twin = copy.copy(archive.filelist[0])
        twin.header_offset = offset
        archive.filelist.append(twin)
    assert refused(out.getvalue(), "a.zip").code == "archive_bomb"


def test_a_zip64_directory_is_measured_too(refused: Refused):
    # Both end records, stating a directory of 1 TB in a file of 100 bytes.
    end_64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert refused(end_64 + locator + end, "a.zip").code == "archive_bomb"


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_the_error_for_no_text_column_lists_the_columns(refused: Refused, make: Make, name: str):
    error = refused(make(name, ["hello"], "body"), name, text_column="txt")
    assert error.code == "no_text_column"
    assert "'id', 'body'" in error.message
    assert "data.text_column" in error.message


def test_no_column_of_strings_or_several(refused: Refused):
    several = io.BytesIO()
    pq.write_table(pa.table({"title": ["a"], "body": ["b"]}), several)
    numbers = io.BytesIO()
    pq.write_table(pa.table({"x": [1]}), numbers)
    for content, name in (
        (several.getvalue(), "a.parquet"),
        (numbers.getvalue(), "a.parquet"),
        (b"title,body\na,b\n", "a.csv"),
        (b"x,y\n1,2.5\n", "a.csv"),
        (b'{"title": "a", "body": "b"}', "a.jsonl"),
        (b'{"x": 1}', "a.jsonl"),
        (b"{}", "a.jsonl"),
    ):
        assert refused(content, name).code == "no_text_column"
    assert "int64" in refused(numbers.getvalue(), "a.parquet", text_column="x").message


@pytest.mark.parametrize(
    ("line", "what"),
    [("{oops", "not JSON"), ('["a"]', "a list"), ('"a"', "a string"), ("null", "null"), ("[" * 100_000, "not JSON"),
     ("1" * 5000, "not JSON"), ('{"text": 5}', "a number")],
)  # fmt: skip
def test_bad_json_names_its_line(refused: Refused, line: str, what: str):
    content = f'{{"text": "fine"}}\n\n{line}\n{{"text": "fine"}}\n'.encode()
    error = refused(content, "a.jsonl")
    assert error.code == "bad_json"
    assert "line 3" in error.message
    assert what in error.message


@pytest.mark.parametrize(
    "content",
    [b'text\nfine\n"open', b'text\nfine\n"a"b\n', b"text,id\nfine,1\na,b,c\n", b"text,id\nfine,1\na\n"],
)
def test_bad_csv_names_its_line(refused: Refused, content: bytes):
    error = refused(content, "a.csv")
    assert error.code == "bad_csv"
    assert "line 3" in error.message


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_an_endless_line_is_stopped(refused: Refused, name: str):
    limits = Limits(document_characters=1000)
    content = b'text\n"' + b"0\n" * 2000 if name == "a.csv" else b'{"text": "' + b"0" * 4000
    error = refused(content, name, limits=limits)
    assert error.code == {"a.csv": "bad_csv", "a.jsonl": "bad_json"}[name]
    assert "1,000 characters" in error.message


def test_bad_parquet(refused: Refused, make: Make):
    content = make("a.parquet", ["hello world"] * 100)
    for bad in (b"PAR1", b"no parquet, but long enough for one", content[:-9], content[:60]):
        assert refused(bad, "a.parquet").code == "bad_parquet"


def test_parquet_strings_that_are_no_utf8(refused: Refused):
    array = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff\xfe"], pa.binary()).buffers())
    out = io.BytesIO()
    pq.write_table(pa.table({"text": array}), out)
    assert refused(out.getvalue(), "a.parquet").code == "not_utf8"


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"{}", b'{"model": {}}', b'{"model": []}', b"\xff", b"[" * 100_000]
)
def test_an_invalid_tokenizer_json(refused: Refused, content: bytes):
    assert refused(content, "tokenizer.json").code == "bad_tokenizer"


def test_a_tokenizer_that_is_too_large(refused: Refused):
    content = json.dumps({"model": {"vocab": {str(i): i for i in range(500)}}}).encode()
    assert refused(content, "tokenizer.json", limits=Limits(tokenizer_bytes=1000)).code == "bad_tokenizer"


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.parquet", "a.txt.gz"])
def test_nothing_but_whitespace(make: Make, name: str):
    with pytest.raises(FormatError) as caught:
        inspect_file(io.BytesIO(make(name, [" \n", "\t\n"])), name)
    assert caught.value.code == "no_documents"


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.zip", "a.parquet", "a.jsonl", "a.csv"])
@given(data=st.data())
def test_damaged_files_are_read_or_refused(make: Make, zipped: Zipped, name: str, data: st.DataObject):
    documents = [f"document {i}, " + "word " * (i % 7) for i in range(40)]
    content = bytearray(
        zipped({"a.txt": b"hello " * 50, "b.csv": b"text\na\n"}) if name == "a.zip" else make(name, documents)
    )
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(content)) | st.just(len(content)))
    try:
        found = list(read_documents(io.BytesIO(bytes(content[:cut])), name))
    except FormatError as error:
        assert error.message  # noqa: PT017 - reading without an error is correct too
    else:
        assert all(document.strip() for document in found)
