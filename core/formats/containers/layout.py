"""Derives classes and held-out splits from a tree of folders.

The folder that holds a sample is its class, and a folder named ``train``, ``test``, ``val`` or the like is a split of the
data. Such a name is ambiguous (a train is also a vehicle), so the whole tree decides, by these rules:

* If all folders next to each other have names of splits, they are splits. Every folder below a split is a class, whatever
  its name.
* If there are other folders next to it, such a folder is a split if it contains class folders while they contain samples,
  or if it repeats classes (its subfolders have the names of those other folders, or of the subfolders of another split).
  Otherwise it is a class like them.
* Splits may be below classes (``cat/train``, ``cat/test``, ``dog/train`` …): if their names repeat, or if one class has
  several.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.formats.errors import FormatError
from core.formats.notes import Note, listed, named

HELD_OUT_NAMES = frozenset(
    {
        "test",
        "testing",
        "val",
        "valid",
        "validation",
        "dev",
        "devel",
        "development",
        "eval",
        "evaluation",
        "t10k",
    }
)
"""Names of folders, and first words of file names, that mark a held-out split."""
SPLIT_NAMES = HELD_OUT_NAMES | {"train", "training"}
_FURTHER_SPLITS = frozenset({"unlabeled", "unlabelled", "extra"})
"""Names of splits where they are next to one of those."""
_ALL_SPLITS = SPLIT_NAMES | _FURTHER_SPLITS
_FOLDER_CHARACTERS = 64 << 20

_Children = Mapping[str, set[str]]


class Folders:
    """Collects the folders that hold samples."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: set[str] = set()
        self._characters = 0

    def add(self, path: str) -> None:
        """Record the folder that holds a sample.

        Raises:
            FormatError: ``archive_bomb``, where the names of the folders together are larger than the limit on memory.
        """
        folder = "/".join(_folders(path))
        if folder in self._found:
            return
        self._characters += len(folder)
        if self._characters > _FOLDER_CHARACTERS:
            raise FormatError(
                "archive_bomb",
                f"has folder names of more than {_FOLDER_CHARACTERS:,} characters in total; split it into several",
                self._file,
                case="folder_names",
                most_characters=_FOLDER_CHARACTERS,
            )
        self._found.add(folder)

    def layout(self) -> "Layout":
        """The classes and splits that all recorded folders stand for."""
        return _decide(self._found)


@dataclass(frozen=True)
class Layout:
    """Which folders of a tree are splits; see the module's docstring."""

    splits: frozenset[str] = frozenset()
    """Paths of the split folders."""
    below_classes: bool = False
    """Whether the splits are below classes."""
    notes: tuple[Note, ...] = ()
    """The decisions on folders whose names are ambiguous."""

    def place(self, file: str, member: str | None = None) -> tuple[str | None, bool]:
        """A sample's class, and whether it is held out, by its path.

        If no folder of the path is a split, the name of the archive or table decides by its first word
        (``test-00000-of-00001.parquet``, ``t10k-images-idx3-ubyte``).
        """
        folders = _folders(file if member is None else member)
        depths = range(len(folders) if self.splits else 0)
        splits = [depth for depth in depths if "/".join(folders[: depth + 1]) in self.splits]
        label = folders[-1] if folders else None
        if splits and splits[-1] == len(folders) - 1:
            label = folders[-2] if self.below_classes and len(folders) > 1 else None
        if splits:
            return label, folders[splits[0]].lower() in HELD_OUT_NAMES
        return label, member is not None and is_held_out(file)


def is_held_out(file: str) -> bool:
    """Whether the name of an archive or a table, or a folder above it, marks it as held out."""
    return named_split(file) in HELD_OUT_NAMES


def named_split(file: str) -> str | None:
    """The first split in the folders above a file and in the first word of its name, in lower case; None if there is none."""
    above = PurePosixPath(file)
    first_word = above.name.replace("_", "-").replace(".", "-").split("-")[0]
    named = (part.lower() for part in (*above.parts[:-1], first_word))
    return next((name for name in named if name in SPLIT_NAMES), None)


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
    splits: set[str] = set()
    classes: set[str] = set()
    below_classes = False
    level = [""]
    while any(children.get(parent) for parent in level):
        here = _Level(
            {parent: children[parent] for parent in level if children.get(parent)}, children, holding
        )
        found = here.splits()
        splits |= found
        classes |= here.named_like_splits() - found
        below_classes = below_classes or (bool(found) and len(here.parents) > 1)
        level = [node for node in here.nodes() if node not in found]
    return Layout(frozenset(splits), below_classes, tuple(_notes(splits, classes, children)))


@dataclass(frozen=True)
class _Level:
    """The folders of one depth, by their parent folder."""

    parents: _Children
    children: _Children
    """The subfolders of every folder."""
    holding: set[str]
    """Folders that directly contain samples."""

    def nodes(self) -> list[str]:
        return [_join(parent, name) for parent, names in self.parents.items() for name in names]

    def named_like_splits(self) -> set[str]:
        return {node for node in self.nodes() if _base(node) in SPLIT_NAMES}

    def splits(self) -> set[str]:
        candidates = self.named_like_splits()
        if not candidates:
            return set()
        others = {node for node in self.nodes() if _base(node) not in _ALL_SPLITS}
        if others:
            above_samples = {node for node in candidates if self._is_above_samples(node, others)}
            names = {_base(node) for node in others}
            return (
                above_samples
                | {n for n in candidates if self._repeats_classes(n, names)}
                | self._complete_splits()
            )
        if len(self.parents) > 1 and not self._repeat(candidates):
            return set()
        if self._only_wraps(candidates):
            return set()
        return set(self.nodes())

    def _below(self, node: str) -> set[str]:
        return {name.lower() for name in self.children.get(node, ())}

    def _is_above_samples(self, node: str, others: set[str]) -> bool:
        return node not in self.holding and not others.isdisjoint(self.holding)

    def _repeats_classes(self, node: str, others: set[str]) -> bool:
        classes = set(others)
        for other in self.named_like_splits():
            if _base(other) != _base(node):
                classes |= self._below(other)
        return bool(self._below(node) & classes)

    def _complete_splits(self) -> set[str]:
        """The splits in each folder whose subfolders are all splits, with one for training and one for evaluation."""
        found: set[str] = set()
        for parent, names in self.parents.items():
            lower = {name.lower() for name in names}
            if lower <= _ALL_SPLITS and lower & HELD_OUT_NAMES and lower & (SPLIT_NAMES - HELD_OUT_NAMES):
                found |= {_join(parent, name) for name in names}
        return found

    def _repeat(self, candidates: set[str]) -> bool:
        """Whether the name of a split occurs more than once, or several of them in one folder."""
        names = [_base(node) for node in candidates]
        several = any(len({name.lower() for name in names}) > 1 for names in self.parents.values())
        return several or len(names) > len(set(names))

    def _only_wraps(self, candidates: set[str]) -> bool:
        """Whether this is a single folder around the splits, which itself has the name of a split."""
        if len(self.nodes()) > 1:
            return False
        (node,) = candidates
        below = self._below(node)
        return node not in self.holding and len(below) > 1 and below <= _ALL_SPLITS


def _join(above: str, name: str) -> str:
    return f"{above}/{name}" if above else name


def _base(node: str) -> str:
    return node.rpartition("/")[2].lower()


def _notes(splits: set[str], classes: set[str], children: _Children) -> Iterable[Note]:
    if splits:
        names = {node.rpartition("/")[2] for node in splits}
        kept = {name for name in names if name.lower() in HELD_OUT_NAMES}
        what = (
            f"the samples in {listed(kept)} are held out for evaluation" if kept else "they hold nothing out"
        )
        yield Note(
            "folders_are_parts",
            f"Read as splits of the data, not as classes: {listed(names)}; {what}.",
            {**named(names), "held_out": named(kept)},
        )
    # A class folder below a split may have the name of a split as well; the loop over levels does not reach those.
    below = {
        _join(split, name)
        for split in splits
        for name in children.get(split, ())
        if name.lower() in SPLIT_NAMES
    }
    if folders := classes | below:
        beside = {
            name
            for node in folders
            for name in children.get(node.rpartition("/")[0], ())
            if name.lower() not in SPLIT_NAMES
        }
        called = {node.rpartition("/")[2] for node in folders}
        why = f", like {listed(beside)} next to them" if beside else ", because of their position"
        yield Note(
            "folders_are_classes",
            f"Read as classes, not as splits of the data: {listed(called)}{why}; they hold nothing out.",
            {**named(called), "beside": named(beside)},
        )
