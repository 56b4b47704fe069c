"""Schemes of tags: which a file is in, and the same tags in IOB2."""

import pytest

from core.formats import FormatError
from core.formats.errors import Place
from core.formats.text.tag_schemes import TagCensus, entities, to_iob2


def census(*sentences: str) -> TagCensus:
    found, line = TagCensus(), 1
    for sentence in sentences:
        tags = sentence.split()
        found.add(tags, Place("a.conll"), line)
        line += len(tags) + 1
    return found


@pytest.mark.parametrize(
    ("sentences", "scheme", "converted"),
    [
        (["B-x I-x O B-y"], "IOB2", "B-x I-x O B-y"),
        (["B-x B-x I-x"], "IOB2", "B-x B-x I-x"),
        (["O O"], "IOB2", "O O"),
        (["I-x I-x O I-y"], "IOB1", "B-x I-x O B-y"),
        (["I-x B-x I-y I-x"], "IOB1", "B-x B-x B-y B-x"),
        (["B-x I-x E-x O S-y"], "BIOES", "B-x I-x I-x O B-y"),
        (["B-x I-x L-x O U-y"], "BIOES", "B-x I-x I-x O B-y"),
        (["B-x M-x E-x O S-y"], "BIOES", "B-x I-x I-x O B-y"),
        (["S-x S-x B-x E-x"], "BIOES", "B-x B-x B-x I-x"),
        (["B I O B"], "IOB2", "B I O B"),
        (["B-a-b I-a-b"], "IOB2", "B-a-b I-a-b"),
    ],
)
def test_the_scheme_is_found_and_converted(sentences: list[str], scheme: str, converted: str):
    found = census(*sentences)
    assert found.settled() == found.scheme == scheme
    assert to_iob2(sentences[0].split(), found.settled()) == tuple(converted.split())


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        (
            ["B-x O", "O I-x"],
            r"a\.conll: line 5: 'I-x' follows 'O', and an entity begins with B.*nor is it IOB1: line 1",
        ),
        (["B-x I-y"], "line 2: 'I-y' follows 'B-x'"),
        (
            ["S-x", "B-x I-x O"],
            "line 5: 'I-x' is followed by the end of the entity, and an entity ends with E",
        ),
        (["S-x", "B-x"], "line 3: 'B-x' is followed by"),
        (["S-x", "O E-x"], "line 4: 'E-x' follows 'O', and an entity begins with B or S"),
        (["B-x E-y"], "line 2: 'B-x' is followed by 'E-y'"),
    ],
)
def test_tags_that_no_scheme_allows_name_the_line(sentences: list[str], message: str):
    found = census(*sentences)
    assert found.scheme is None
    with pytest.raises(FormatError, match=message) as caught:
        found.settled()
    assert caught.value.code == "bad_tags"
    told = caught.value.params
    assert told["tag"] in message or told["tag"] == "O"
    assert told["before"] in {"O", *(tag for sentence in sentences for tag in sentence.split())}
    assert told["fault"] in {"begins_with_b", "begins_with_b_or_s", "ends_with_e"}
    assert (told["iob1"] is None) == (told["nearest"] == "BIOES")


def test_entities_of_iob2():
    assert list(entities(["B-x", "I-x", "B-x", "O", "B-y"])) == [("x", 0, 2), ("x", 2, 3), ("y", 4, 5)]
    assert list(entities(["O"])) == []
