"""Finds the recording of each transcript."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from core.characters import brief
from core.formats.audio.transcript import Transcript
from core.formats.errors import Place, printable

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst")


def recording_path(place: Place) -> str:
    """What identifies a recording among all of a dataset: the file, and its path in it."""
    return place.file if place.member is None else f"{place.file}/{place.member}"


@dataclass(frozen=True, slots=True)
class Matched:
    """The transcript of a recording."""

    text: str
    held_out: bool | None
    where: str


@dataclass
class Matching:
    """The transcripts of all recordings, by `recording_path`."""

    found: dict[str, Matched] = field(default_factory=dict)
    duplicates: int = 0
    """Rows that repeat an earlier one of the same recording."""
    orphans: list[Transcript] = field(default_factory=list)
    """Transcripts without a recording."""


class RecordingNames:
    """The recordings of a dataset by what a table may call them.

    Args:
        paths: `recording_path` of each.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            name = path.rsplit("/", 1)[-1]
            self._by_name[name].append(path)
            self._by_stem[_stem(name)].append(path)

    def find(self, transcript: Transcript) -> str | None:
        """The path of the transcript's recording; None if there is none.

        The name in the table may be a path from the table's folder, from the top of its archive or of the dataset, or the end of
        one, or only a name; with or without its ending, or with another one. Of an absolute path only the name has to fit, if one
        recording has it.

        Raises:
            FormatError: ``bad_transcript`` with the line, where several recordings fit equally.
        """
        wanted = transcript.recording.replace("\\", "/")
        parts = [part for part in wanted.split("/") if part not in {"", ".", ".."}]
        if not parts:
            return None
        last = parts[-1]
        named = self._by_name.get(last) or self._by_stem.get(last) or self._by_stem.get(_stem(last), [])
        fitting = [path for path in named if self._contains(path, parts)]
        if not fitting and (wanted.startswith("/") or ":" in parts[0]) and len(named) == 1:
            return named[0]
        if len(fitting) > 1:
            fitting = self._nearest(fitting, parts, transcript.place)
        if len(fitting) > 1:
            raise transcript.place.error(
                "bad_transcript",
                f"line {transcript.line:,}: {printable(brief(wanted, 200))!r} is the name of several recordings, as "
                f"{printable(brief(fitting[0], 200))!r} and {printable(brief(fitting[1], 200))!r}; write their paths",
                case="several_recordings",
                line=transcript.line,
                name=brief(wanted, 200),
                recordings=[brief(path, 200) for path in fitting[:2]],
            )
        return fitting[0] if fitting else None

    @staticmethod
    def _contains(path: str, parts: list[str]) -> bool:
        """Whether the folders of a path end in those of ``parts``, or those of ``parts`` in all that it has in its archive."""
        own = path.split("/")
        if own[0].lower().endswith(_ARCHIVES) and len(own) > 1 and len(own) - 1 < len(parts):
            own = own[1:]
        shared = min(len(own), len(parts))
        return own[-shared:-1] == parts[-shared:-1]

    @staticmethod
    def _nearest(paths: list[str], parts: list[str], place: Place) -> list[str]:
        """Those at the path itself, else those that share most of their folders with the table."""
        folder = PurePosixPath(recording_path(place)).parent
        from_folder = str(folder.joinpath(*parts))
        top = "/".join([*([place.file] if place.member is not None else []), *parts])
        for exact in (from_folder, top):
            at = [path for path in paths if exact in {path, path.removesuffix(PurePosixPath(path).suffix)}]
            if at:
                return at
        shared = {path: _shared(path.split("/")[:-1], folder.parts) for path in paths}
        most = max(shared.values())
        return [path for path in paths if shared[path] == most]


def match(transcripts: Iterable[Transcript], names: RecordingNames) -> Matching:
    """Match transcripts to recordings.

    Raises:
        FormatError: ``bad_transcript`` with the line, where a name is that of several recordings, or a recording has two
            different transcripts.
    """
    matching = Matching()
    for transcript in transcripts:
        path = names.find(transcript)
        if path is None:
            matching.orphans.append(transcript)
            continue
        before = matching.found.get(path)
        if before is None:
            matching.found[path] = Matched(transcript.text, transcript.held_out, transcript.where)
            continue
        matching.duplicates += 1
        if before.text != transcript.text:
            raise transcript.place.error(
                "bad_transcript",
                f"line {transcript.line:,}: {printable(brief(transcript.recording, 200))!r} has another transcript in {before.where}; "
                "remove one of the two",
                case="two_texts",
                line=transcript.line,
                name=brief(transcript.recording, 200),
                before=before.where,
            )
        if before.held_out is not True and transcript.held_out is not None:
            matching.found[path] = Matched(before.text, transcript.held_out, before.where)
    return matching


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _shared(one: Iterable[str], other: Iterable[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
