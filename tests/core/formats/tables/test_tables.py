"""Real-world tables: delimiters, quotes, columns with the same name."""

import csv
import io
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.formats import FormatError, Limits, Notes, read_documents
from core.formats.tables.reading import ReadingOptions

Read = Callable[..., list[str]]
Refused = Callable[..., FormatError]


@pytest.mark.parametrize(
    ("name", "content", "documents"),
    [
        ("a.tsv", 'word\ttext\npython\t"Lorem Ipsum" dolor\nruby\tsit "amet"\n', ['"Lorem Ipsum" dolor', 'sit "amet"']),
        ("a.tsv", 'id\ttext\n1\t"never closed\n2\tplain\n', ['"never closed', "plain"]),
        ("a.tsv", 'id\ttext\n1\t"two\nlines"\n2\t"a\ttab"\n', ["two\nlines", "a\ttab"]),
        ("a.tsv", 'id\ttext\n1\t"he said ""hi"""\n', ['he said "hi"']),
        ("a.csv", '"name, first";text\nx;"one; two"\ny;three, four\n', ["one; two", "three, four"]),
        ("a.csv", 'text;"a, b, c, d"\none, two;x\n', ["one, two"]),
        ("a.csv", 'id;"comment, long"\nx;"y, z"\nv;"u, w"\n', None),
        ("a.csv", "id;text\n1;a, b, c\n2;d\n", ["a, b, c", "d"]),
        ("a.csv", 'id|text\n1|a, b; c\n2|d "e" f\n3|"g" h\n', ["a, b; c", 'd "e" f', '"g" h']),
        ("a.csv", 'id,text\n1,"He said \\"hi, you\\" and left"\n2,plain\n', ['He said "hi, you" and left', "plain"]),
        ("a.csv", 'id, text\n1, "one, two"\n2, three\n', ["one, two", "three"]),
        ("a.csv", 'id,text\n1,5" disk\n2,"6"" disk, new"\n', ['5" disk', '6" disk, new']),
        ("a.csv", "text\nplain\nno delimiter here\n", ["plain", "no delimiter here"]),
        ("a.csv", '"text"\n"a, b"\n"c"\n', ["a, b", "c"]),
        ("a.csv", "\n\nid,text\n\n1,a\n\n", ["a"]),
    ],
)  # fmt: skip
def test_the_dialect_is_found(read: Read, name: str, content: str, documents: list[str] | None) -> None:
    found = read(content.encode(), name, text_column=None if documents else "comment, long")
    assert found == (documents or ["y, z", "u, w"])


def test_the_way_of_quoting_is_found_at_the_first_quote(read: Read) -> None:
    before = "id\ttext\n" + "".join(f"{n}\tplain {n}\n" for n in range(3000))
    bare = before + '3000\t"Lorem" ipsum\n3001\tx\n'
    assert read(bare.encode(), "a.tsv")[-2:] == ['"Lorem" ipsum', "x"]
    quoted = before + '3000\t"two\nlines"\n3001\tx\n'
    assert read(quoted.encode(), "a.tsv")[-2:] == ["two\nlines", "x"]
    escaped = before.replace("\t", ",") + '3000,"a \\"b\\", c"\n'
    assert read(escaped.encode(), "a.csv")[-1] == 'a "b", c'
    wrong = before.replace("\t", ",") + "3000,a,b\n"
    with pytest.raises(FormatError, match=r"ends at line 3,002 has 3 fields") as caught:
        read(wrong.encode(), "a.csv")
    assert "`delimiter` and `quote`" in caught.value.message


@given(
    rows=st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), min_size=2, max_size=2), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)  # fmt: skip
def test_a_written_table_is_read_with_the_named_dialect(
    rows: list[list[str]], delimiter: str, quoting: Literal[0, 1]
) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(
        [["id", "text"], *rows]
    )
    options = ReadingOptions(delimiter=delimiter, quote='"')
    found = read_documents(io.BytesIO(out.getvalue().encode()), "a.csv", options=options)
    assert list(found) == [text for _, text in rows if text and not text.isspace()]


def test_reading_options_take_precedence(read: Read, refused: Refused) -> None:
    content = b"id,text\n1,a \"b\n2,'c, d'\n"
    options = ReadingOptions(delimiter=",", quote="'")
    assert read(content, "a.csv", options=options) == ['a "b', "c, d"]
    none = b'text\n"a"b\n"c\n'
    assert read(none, "a.csv", options=ReadingOptions(quote="none")) == ['"a"b', '"c']
    assert read(b"text\nhello, world\n", "a.csv", options=ReadingOptions(delimiter="\t")) == ["hello, world"]
    odd = b"id~text\n1~a,b;c\n"
    assert read(odd, "a.csv", options=ReadingOptions(delimiter="~")) == ["a,b;c"]
    error = refused(b"id,text\n1,2\n", "a.csv", options=ReadingOptions(column="body"))
    assert error.code == "no_text_column"
    # The column in a job's spec takes precedence.
    two = b"a,b\nx,y\n"
    assert read(two, "a.csv", text_column="b", options=ReadingOptions(column="a")) == ["y"]


def test_the_dialect_and_the_members_of_a_zip(zipped: Callable[..., bytes], read: Read) -> None:
    notes = Notes()
    content = zipped({"a.csv": b"id;text\n1;x, y\n", "b.tsv": b'id\ttext\n1\t"q" r\n'})
    assert read(content, "a.zip", notes=notes) == ["x, y", '"q" r']
    assert notes.dialect is not None
    assert (notes.dialect.delimiter, notes.dialect.quote) == (";", '"')


def test_columns_that_share_a_name(read: Read, refused: Refused) -> None:
    error = refused(b"text,id,text\na,1,b\n", "a.csv")
    assert (error.code, "2 columns named 'text'" in error.message) == ("bad_csv", True)
    notes = Notes()
    assert read(b"id,text,id\n1,a,2\n", "a.csv", notes=notes) == ["a"]
    (note,) = notes.notes
    assert (note.code, "'id'" in note.message) == ("columns_repeat", True)
    assert refused(b"body,body\na,b\n", "a.csv", text_column="body").code == "bad_csv"


def test_an_endless_record_is_stopped_in_every_dialect(refused: Refused) -> None:
    for head in (b'id,text\n1,"', b'id\ttext\n1\t"', b"id;text\n1;'"):
        error = refused(head + b"0\n" * 3000, "a.csv", limits=Limits(document_characters=2000))
        assert error.code == "bad_csv"
