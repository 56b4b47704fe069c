"""Guesses the modality of files from their names and the names inside archives."""

import itertools
import tarfile
import zipfile
from collections.abc import Iterable

from seedbed.errors import InvalidFile
from seedbed.packing import AUDIO, IMAGES, PackedFolder, Upload

_ENOUGH = 1000
"""Most members of a tar that are read for the guess, because a tar has no index of names."""


def guess_modality(files: Iterable[Upload]) -> str:
    """``image`` or ``audio`` where most names, those inside archives too, are images' or recordings'; else ``text``.

    Raises:
        InvalidFile: an archive that cannot be read here, and no other file implies a modality.
    """
    images = recordings = others = 0
    closed = None
    for file in files:
        names = _names(file)
        if names is None:
            closed = file
            continue
        drawn = sum(name.lower().endswith((*IMAGES, "-ubyte", "-ubyte.gz")) for name in names)
        heard = sum(name.lower().endswith(AUDIO) for name in names)
        images += drawn
        recordings += heard
        others += len(names) - drawn - heard
    if images > recordings + others:
        return "image"
    if recordings > images + others:
        return "audio"
    if closed and not (images or recordings or others):
        raise InvalidFile(
            f"What {closed.path} holds cannot be seen from here: say so, as --modality image or --modality audio."
        )
    return "text"


def _names(file: Upload) -> list[str] | None:
    """The names in a file; None for an archive that cannot be read here. The service then reports the error in detail."""
    if isinstance(file, PackedFolder):
        return [member.name for member in file.members]
    name = file.name.lower()
    try:
        if name.endswith(".zip"):
            with zipfile.ZipFile(file.path) as archive:
                return [member for member in archive.namelist() if not member.endswith("/")]
        if name.endswith((".tar", ".tgz", ".tar.gz")):
            with tarfile.open(file.path, "r|*") as members:
                return [member.name for member in itertools.islice(members, _ENOUGH) if member.isfile()]
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError):
        return None
    return None if name.endswith(".tar.zst") else [file.name]
