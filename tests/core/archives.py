"""Archives of given files."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def tarred(members: Mapping[str, bytes], mode: Any = "w") -> bytes:
    """A tar; ``mode`` "w:gz" compresses it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def store(path: Path, members: Mapping[str, bytes]) -> None:
    """An archive of the kind that the name says, or else loose files below a folder of that name."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
    elif ".tar" in path.name or path.name.endswith(".tgz"):
        path.write_bytes(tarred(members, "w:gz" if path.name.endswith("gz") else "w"))
    else:
        for member, content in members.items():
            (path / member).parent.mkdir(parents=True, exist_ok=True)
            (path / member).write_bytes(content)
