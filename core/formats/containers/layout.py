"""What a tree of folders says of the samples in it: their classes, and which of them are for evaluation.

The folder that holds a sample is its class, and a folder named ``train``, ``test``, ``val`` or the like is a part of the data.
But a train is also a vehicle: whether such a folder is a part or a class follows from the whole tree, by these rules.

* Where all folders side by side have names of parts, they are parts. Everything below a part is a class, whatever its name.
* Where other folders lie beside it, such a folder is a part if it holds classes while they hold samples, or if it
  repeats classes (its own folders are named like those others, or like the folders in another part); else a class like them.
* Parts may lie below classes (``cat/train``, ``cat/test``, ``dog/train`` …): where they repeat, or where one class has several.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.formats.errors import FormatError
from core.formats.notes import Note, listed

HELD_OUT_NAMES = frozenset({"test", "testing", "val", "valid", "validation", "eval", "evaluation", "t10k"})
"""Folders, and first words of file names, that set a part aside."""
SPLIT_NAMES = HELD_OUT_NAMES | {"train", "training"}
_FURTHER_PARTS = frozenset({"unlabeled", "unlabelled", "extra"})
"""Parts where they lie beside one of those."""
_PARTS = SPLIT_NAMES | _FURTHER_PARTS
_FOLDER_CHARACTERS = 64 << 20

_Children = Mapping[str, set[str]]


class Folders:
    """The folders that hold samples, gathered while names go by."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: set[str] = set()
        self._characters = 0

    def add(self, path: str) -> None:
        """Note the folder that a sample lies in.

        Raises:
            FormatError: ``archive_bomb``, where the names of folders come to more than memory has room for.
        """
        folder = "/".join(_folders(path))
        if folder in self._found:
            return
        self._characters += len(folder)
        if self._characters > _FOLDER_CHARACTERS:
            raise FormatError(
                "archive_bomb",
                f"has folders whose names come to more than {_FOLDER_CHARACTERS:,} characters; split it in several",
                self._file,
            )
        self._found.add(folder)

    def layout(self) -> "Layout":
        """What they say, all together."""
        return _decide(self._found)


@dataclass(frozen=True)
class Layout:
    """Which folders of a tree are parts; see the module's docstring."""

    parts: frozenset[str] = frozenset()
    """Their paths."""
    split_classes: bool = False
    """Whether the parts lie below classes."""
    notes: tuple[Note, ...] = ()
    """What was decided, where a folder's name could mean either."""

    def place(self, file: str, member: str | None = None) -> tuple[str | None, bool]:
        """A sample's class, and whether it is held out, by where it lies.

        Where no folder on the way is a part, an archive or a table is one whose name begins so
        (``test-00000-of-00001.parquet``, ``t10k-images-idx3-ubyte``).
        """
        folders = _folders(file if member is None else member)
        depths = range(len(folders) if self.parts else 0)
        parts = [depth for depth in depths if "/".join(folders[: depth + 1]) in self.parts]
        label = folders[-1] if folders else None
        if parts and parts[-1] == len(folders) - 1:
            label = folders[-2] if self.split_classes and len(folders) > 1 else None
        if parts:
            return label, folders[parts[0]].lower() in HELD_OUT_NAMES
        return label, member is not None and is_held_out(file)


def is_held_out(file: str) -> bool:
    """Whether the name of an archive or a table, or a folder that it lies in, sets it aside."""
    above = PurePosixPath(file)
    first_word = above.name.replace("_", "-").replace(".", "-").split("-")[0]
    named = [part.lower() for part in (*above.parts[:-1], first_word) if part.lower() in SPLIT_NAMES]
    return bool(named) and named[0] in HELD_OUT_NAMES


def _folders(path: str) -> list[str]:
    return [part for part in path.split("/")[:-1] if part not in {"", "."}]


def _decide(folders: Collection[str]) -> Layout:
    if not any(name in SPLIT_NAMES for folder in folders for name in folder.lower().split("/")):
        return Layout()
    children: dict[str, set[str]] = defaultdict(set)
    for folder in folders:
        above = ""
        for name in folder.split("/") if folder else ():
            children[above].add(name)
            above = _join(above, name)
    holding = set(folders)
    parts: set[str] = set()
    classes: set[str] = set()
    split_classes = False
    level = [""]
    while any(children.get(parent) for parent in level):
        here = _Level(
            {parent: children[parent] for parent in level if children.get(parent)}, children, holding
        )
        found = here.parts()
        parts |= found
        classes |= here.named_like_parts() - found
        split_classes = split_classes or (bool(found) and len(here.parents) > 1)
        level = [node for node in here.nodes() if node not in found]
    return Layout(frozenset(parts), split_classes, tuple(_notes(parts, classes, children)))


@dataclass(frozen=True)
class _Level:
    """Folders of one depth, by the folders that they lie in."""

    parents: _Children
    children: _Children
    """Of all folders."""
    holding: set[str]
    """Folders that samples lie in directly."""

    def nodes(self) -> list[str]:
        return [_join(parent, name) for parent, names in self.parents.items() for name in names]

    def named_like_parts(self) -> set[str]:
        return {node for node in self.nodes() if _base(node) in SPLIT_NAMES}

    def parts(self) -> set[str]:
        candidates = self.named_like_parts()
        if not candidates:
            return set()
        others = {node for node in self.nodes() if _base(node) not in _PARTS}
        if others:
            stand_apart = {node for node in candidates if self._stands_above(node, others)}
            names = {_base(node) for node in others}
            return stand_apart | {n for n in candidates if self._repeats_classes(n, names)} | self._complete()
        if len(self.parents) > 1 and not self._recur(candidates):
            return set()
        if self._only_wraps(candidates):
            return set()
        return set(self.nodes())

    def _below(self, node: str) -> set[str]:
        return {name.lower() for name in self.children.get(node, ())}

    def _stands_above(self, node: str, others: set[str]) -> bool:
        return node not in self.holding and not others.isdisjoint(self.holding)

    def _repeats_classes(self, node: str, others: set[str]) -> bool:
        classes = set(others)
        for other in self.named_like_parts():
            if _base(other) != _base(node):
                classes |= self._below(other)
        return bool(self._below(node) & classes)

    def _complete(self) -> set[str]:
        """The parts of each folder that holds nothing but parts, for training and for evaluation."""
        found: set[str] = set()
        for parent, names in self.parents.items():
            lower = {name.lower() for name in names}
            if lower <= _PARTS and lower & HELD_OUT_NAMES and lower & (SPLIT_NAMES - HELD_OUT_NAMES):
                found |= {_join(parent, name) for name in names}
        return found

    def _recur(self, candidates: set[str]) -> bool:
        """Whether a part's name is there more than once, or several in one folder."""
        names = [_base(node) for node in candidates]
        several = any(len({name.lower() for name in names}) > 1 for names in self.parents.values())
        return several or len(names) > len(set(names))

    def _only_wraps(self, candidates: set[str]) -> bool:
        """Whether this is a single folder around the parts themselves, which happens to have such a name."""
        if len(self.nodes()) > 1:
            return False
        (node,) = candidates
        below = self._below(node)
        return node not in self.holding and len(below) > 1 and below <= _PARTS


def _join(above: str, name: str) -> str:
    return f"{above}/{name}" if above else name


def _base(node: str) -> str:
    return node.rpartition("/")[2].lower()


def _notes(parts: set[str], classes: set[str], children: _Children) -> Iterable[Note]:
    if parts:
        names = {node.rpartition("/")[2] for node in parts}
        held = listed({name for name in names if name.lower() in HELD_OUT_NAMES})
        what = f"what is in {held} is held out for evaluation" if held else "nothing is held out by them"
        yield Note(
            "folders_are_parts", f"Taken for parts of the data, not for classes: {listed(names)}; {what}."
        )
    # A folder below a part has the name of a part as well where it is a class: those were never asked about.
    below = {
        _join(part, name) for part in parts for name in children.get(part, ()) if name.lower() in SPLIT_NAMES
    }
    if named := classes | below:
        beside = {
            name
            for node in named
            for name in children.get(node.rpartition("/")[0], ())
            if name.lower() not in SPLIT_NAMES
        }
        why = f", as {listed(beside)} beside them" if beside else ", by where they lie"
        yield Note(
            "folders_are_classes",
            f"Taken for classes, not for parts of the data: {listed({node.rpartition('/')[2] for node in named})}{why}; "
            "nothing is held out by them.",
        )
