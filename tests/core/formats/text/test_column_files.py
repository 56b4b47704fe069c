"""Files in CoNLL layout: recognised by their lines, read as words with tags and as plain text; broken lines are named."""

import io
import zipfile
from collections.abc import Iterator
from pydoc_data.topics import topics

import pytest

from core.formats import FormatError, read_documents, read_pieces
from core.formats.errors import Place
from core.formats.text.column_files import Sentence, is_column_file, sentences
from core.formats.text.labelled import read_labelled
from core.spec.text_data import ColumnFileSpec, TextDataSpec

TABS = "EU\tB-ORG\nrejects\tO\nGerman\tB-MISC\n\nPeter\tB-PER\nBlackburn\tI-PER\n"
CONLL_2003 = (
    "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nPeter NNP B-NP B-PER\n\n"
    "-DOCSTART- -X- -X- O\n\nLondon NNP B-NP B-LOC\n"
)


def read(text: str, columns: ColumnFileSpec | None = None) -> list[Sentence]:
    return list(sentences(text.split("\n"), Place("a.conll"), columns, tags=True))


def test_words_and_tags():
    assert [(s.words, s.tags, s.line) for s in read(TABS)] == [
        (("EU", "rejects", "German"), ("B-ORG", "O", "B-MISC"), 1),
        (("Peter", "Blackburn"), ("B-PER", "I-PER"), 5),
    ]
    found = read(CONLL_2003)
    assert [(s.words, s.tags, s.begins_document) for s in found] == [
        (("EU", "rejects"), ("B-ORG", "O"), True),
        (("Peter",), ("B-PER",), False),
        (("London",), ("B-LOC",), True),
    ]
    assert read(CONLL_2003, ColumnFileSpec(token=0, tag=2))[0].tags == ("B-NP", "B-VP")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# id 7\tdomain=en\na\tO\n# text = a\nb\tO\n", None),
        ("# id 7\tdomain=en\na\tO\n\n# text = a\nb\tO\n", [("a",), ("b",)]),
        ("#begin document (x)\na O\n#end document\n", [("a",)]),
        ("#tag\tO\n#other\tB-x\n", [("#tag", "#other")]),
        ("# O\na O\n", [("#", "a")]),
        ("a\tO\n\t\nb\tO\n \n\n\nc\tO", [("a",), ("b",), ("c",)]),
        ("New York\tB-LOC\nis\tO\n", [("New York", "is")]),
        ("a   \t B-x\nb O\n", None),
        ("a  O\nb    B-x \n", [("a", "b")]),
        ("a\u00a0b O\nc O\n", [("a\u00a0b", "c")]),
    ],
)
def test_comments_and_blanks(text: str, words: list[tuple[str, ...]] | None):
    if words is None:
        with pytest.raises(FormatError) as caught:
            read(text)
        assert caught.value.code == "bad_columns"
    else:
        assert [sentence.words for sentence in read(text)] == words


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        (
            "a\tO\nb\nc\tO\n",
            None,
            r"a\.conll: line 2 has 1 column separated by tabs \('b'\), and line 1 has 2",
        ),
        ("\n\na O\nb X O\n", None, r"line 4 has 3 columns separated by blanks \('b X O'\), and line 3 has 2"),
        ("a\tO\n\tO\n", None, "line 2: the column of words is empty"),
        ("a\nb\n", None, "line 1: words and tags would be read from the same one of its 1 column"),
        (
            "a O\n",
            ColumnFileSpec(tag=2),
            r"line 1 has 2 columns, and data.text.columns.tag is 2; name one from 0 to 1",
        ),
        ("a O\n", ColumnFileSpec(token=-3), "data.text.columns.token is -3"),
        ("a O\n", ColumnFileSpec(token=1), "from the same one of its 2 columns"),
    ],
)
def test_broken_columns_name_the_line(text: str, columns: ColumnFileSpec | None, message: str):
    with pytest.raises(FormatError, match=message):
        read(text, columns)


def test_a_sentence_has_a_limit():
    with pytest.raises(
        FormatError, match="line 100,001: the sentence that begins in line 1 has more than 100,000 words"
    ):
        read("a O\n" * 100_001)


@pytest.mark.parametrize(
    "text", [TABS, CONLL_2003, TABS * 5000, "a O\n" * 3, "# id 1\n" + TABS, TABS * 4 + "broken\n"]
)
def test_files_in_the_layout_are_recognised(text: str):
    assert is_column_file(text)


PROSE = (
    "It was a dark night. The rain fell on O\nand on\n",
    "Vitamin B-12\nVitamin E-3\nHighway I-95\n",
    "name\tgroup\nanna\tO\nbert\tA\nclara\tB\n",
    "O\nO\nO\n",
    "a b\nc d\ne f\n",
    "from I-5 to I-10\n" * 20,
    "X B-a\nY B-b\nZ B-c\n" * 9,
    "",
    "\n\n",
    *(topics[name] for name in sorted(topics)[:20]),
)


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_not_taken_for_words_with_tags(text: str):
    assert not is_column_file(text)


def documents(name: str, content: bytes, **options: object) -> list[str]:
    return list(read_documents(io.BytesIO(content), name, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a.conll", "a.txt", "folder/a.iob"])
def test_the_file_serves_as_plain_text(name: str):
    assert documents(name, CONLL_2003.encode()) == ["EU rejects\nPeter", "London"]
    whole = read_pieces(io.BytesIO(CONLL_2003.encode()), name, whole_files=True)
    assert list(whole) == [("EU rejects\nPeter", True), ("London", True)]


def test_without_marks_a_file_is_cut_like_plain_text():
    found = documents("a.txt", ("word\tO\n" * 50 + "\n").encode() * 100)
    assert len(found) > 5
    assert all(1990 <= len(document) < 2500 for document in found[:-1])
    assert "\n".join(found).split() == ["word"] * 5000


def test_prose_in_a_text_file_is_read_as_before():
    text = "A line.\n\nAnother B-line O.\n"
    assert documents("a.txt", text.encode()) == ["A line.\n\nAnother B-line O."]


def test_columns_that_are_named_apply_to_every_plain_text_file():
    text = "1 Haus NOUN B-x\n2 brennt VERB O\n"
    assert documents("a.txt", text.encode(), columns=ColumnFileSpec(token=1)) == ["Haus brennt"]


def tagged(name: str, content: bytes) -> Iterator[object]:
    return iter(list(read_labelled(io.BytesIO(content), name, TextDataSpec(labels="tags"))))


def test_members_of_archives_have_their_split_by_name():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("wnut/train.conll", "wnut/dev.conll", "test/b.txt"):
            archive.writestr(name, TABS)
    found = read_labelled(file, "w.zip", TextDataSpec(labels="tags"))
    assert [(one.place.member, one.held_out) for one in found] == [
        ("test/b.txt", True),
        ("test/b.txt", True),
        ("wnut/dev.conll", True),
        ("wnut/dev.conll", True),
        ("wnut/train.conll", False),
        ("wnut/train.conll", False),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.conll", "a\tO\nb\tPER\n", r"a\.conll: line 2: 'PER' is no tag"),
        ("a.conll", "a\tO\nb\tB_PER\n", "line 2: 'B_PER' is no tag"),
        ("a.conll", "a\tO\nb\tb-PER\n", "line 2: 'b-PER' is no tag"),
        ("a.conll", "a\tO\nb\tB-\n", "line 2: 'B-' is no tag"),
        ("a.txt", "Some prose.\n", r"a\.txt: holds no words with tags"),
        ("a.csv", "text,label\na,b\n", r"a\.csv: holds no words with tags"),
    ],
)
def test_what_has_no_tags_is_refused(name: str, content: str, message: str):
    with pytest.raises(FormatError, match=message):
        tagged(name, content.encode())
