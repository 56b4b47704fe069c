"""Schemes of tags that mark entities word by word: IOB1, IOB2 (BIO), and BIOES, which is also written BILOU or BMES.

A tag is ``O`` or a prefix and a type: ``B-person``. In IOB2 each entity begins with B. In IOB1 it begins with I, and with B
only directly after another one of its type (Tjong Kim Sang & Veenstra 1999). In BIOES the last word has E, and a single
word S. All are converted to IOB2.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from core.formats.errors import Place, printable

OUTSIDE = "O"
Scheme = Literal["IOB1", "IOB2", "BIOES"]
_TAG = re.compile(r"O|[BIESLUM](-\S.*)?")
_OTHER_LETTERS: Mapping[str, str] = {"L": "E", "U": "S", "M": "I"}
"""Prefixes of BILOU and BMES, and those of BIOES that mean the same."""


class Entity(NamedTuple):
    """A run of words."""

    type: str
    start: int
    end: int
    """The word after the last one."""


class Misplaced(NamedTuple):
    """A tag that a scheme does not allow where it is."""

    word: int
    """Its place in the sentence."""
    case: str
    """Stable name of the rule that it breaks."""
    tag: str
    before: str
    """The tag before it; `OUTSIDE` at the beginning of a sentence."""
    why: str
    """The rule in words."""

    @property
    def facts(self) -> dict[str, str]:
        """What `why` is made of."""
        return {"fault": self.case, "tag": self.tag, "before": self.before}


def is_tag(text: str) -> bool:
    """Whether a text is a tag of any of the schemes."""
    return _TAG.fullmatch(text) is not None


def parts(tag: str) -> tuple[str, str]:
    """Prefix and type of a tag; the type of ``O`` and of a tag without one is empty."""
    return _OTHER_LETTERS.get(tag[0], tag[0]), tag[2:]


def fault_in(tags: Sequence[str], scheme: Scheme) -> Misplaced | None:
    """The first tag of a sentence that the scheme does not allow where it is; None if there is none."""
    before = OUTSIDE
    for word, tag in enumerate([*tags, OUTSIDE]):
        if (wrong := _rule_broken(before, tag, scheme)) is not None:
            # The end of a sentence is the fault of its last word.
            return Misplaced(min(word, len(tags) - 1), wrong[0], tag, before, wrong[1])
        before = tag
    return None


def _rule_broken(before: str, tag: str, scheme: Scheme) -> tuple[str, str] | None:
    """Name of the rule, and the rule in words."""
    (last, last_type), (prefix, kind) = parts(before), parts(tag)
    same = last_type == kind
    if scheme != "BIOES" and prefix in "ES":
        return "prefix", f"{tag!r} is a tag of BIOES"
    if scheme == "IOB2" and prefix == "I" and not (last in "BI" and same):
        return "begins_with_b", f"{tag!r} follows {before!r}, and an entity begins with B"
    if scheme == "IOB1" and prefix == "B" and not (last in "BI" and same):
        return "begins_with_i", f"{tag!r} follows {before!r}, and an entity begins with I there"
    if scheme == "BIOES":
        inside = last in "BI"
        if inside and not (prefix in "IE" and same):
            after = "the end of the entity" if tag == OUTSIDE else repr(tag)
            return "ends_with_e", f"{before!r} is followed by {after}, and an entity ends with E"
        if not inside and prefix in "IE":
            return "begins_with_b_or_s", f"{tag!r} follows {before!r}, and an entity begins with B or S"
    return None


def to_iob2(tags: Sequence[str], scheme: Scheme) -> tuple[str, ...]:
    """Tags that the scheme allows, in IOB2."""
    found = []
    before = OUTSIDE
    for tag in tags:
        prefix, kind = parts(tag)
        last, last_type = parts(before)
        if scheme == "IOB1" and prefix == "I" and not (last in "BI" and last_type == kind):
            prefix = "B"
        found.append(OUTSIDE if tag == OUTSIDE else _written({"S": "B", "E": "I"}.get(prefix, prefix), kind))
        before = tag
    return tuple(found)


def _written(prefix: str, kind: str) -> str:
    return f"{prefix}-{kind}" if kind else prefix


def entities(tags: Sequence[str]) -> Iterator[Entity]:
    """The entities of tags in IOB2 that `fault_in` allows."""
    start, kind = -1, ""
    for word, tag in enumerate([*tags, OUTSIDE]):
        if start >= 0 and not tag.startswith("I"):
            yield Entity(kind, start, word)
            start = -1
        if tag.startswith("B"):
            start, kind = word, parts(tag)[1]


@dataclass
class TagCensus:
    """Which schemes the sentences read so far are in, with the first fault in each of the others."""

    sentences: int = 0
    words: int = 0
    prefixes: set[str] = field(default_factory=set)
    faults: dict[Scheme, tuple[Place, int, Misplaced]] = field(default_factory=dict)
    """For each scheme that a sentence is not in: the place and the line of the first fault, and the fault."""

    def add(self, tags: Sequence[str], place: Place, line: int) -> None:
        """Record a sentence, whose first word is in ``line``."""
        self.sentences += 1
        self.words += len(tags)
        self.prefixes.update(parts(tag)[0] for tag in tags)
        for scheme in ("IOB2", "IOB1", "BIOES"):
            if scheme not in self.faults and (fault := fault_in(tags, scheme)) is not None:
                self.faults[scheme] = place, line + fault.word, fault

    @property
    def scheme(self) -> Scheme | None:
        """The scheme of all sentences, IOB2 before the others; None where no scheme allows all of them."""
        # Sentences of single words are in no scheme but IOB2 or IOB1 with only B or I, and without entities in all.
        return next((scheme for scheme in ("IOB2", "IOB1", "BIOES") if scheme not in self.faults), None)

    def settled(self) -> Scheme:
        """`scheme`, if there is one.

        Raises:
            FormatError: ``bad_tags`` with the file and the line of the first tag that the scheme nearest to them does not allow.
        """
        if self.scheme is not None:
            return self.scheme
        nearest: Scheme = "BIOES" if self.prefixes & {"E", "S"} else "IOB2"
        place, line, fault = self.faults[nearest]
        other, iob1 = "", None
        if nearest == "IOB2":
            also, at, second = self.faults["IOB1"]
            other = f"; nor is it IOB1: line {at:,} of {printable(also.file)}: {second.why}"
            iob1 = {"file": also.file, "line": at, **second.facts}
        raise place.error(
            "bad_tags",
            f"line {line:,}: {fault.why}. No scheme of tags allows this ({nearest} is nearest{other}); correct the tags",
            case="scheme",
            line=line,
            nearest=nearest,
            iob1=iob1,
            **fault.facts,
        )
