"""A copy of the tree in which one file at a time is changed, and an interpreter that imports only from that copy.

The repository's own interpreter finds the packages of an editable install in the original tree. So each copy has its
own virtual environment, whose ``.pth`` file lists the copy and then the packages of this environment: every process
started by ``sys.executable`` imports the copy, whatever its environment variables and directory.
"""

import contextlib
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.mutations.lists import Mutation

PACKAGES = ("core", "control", "api", "worker", "standalone", "benchmarks", "tools", "seedbed")


def tree(root: Path) -> list[str]:
    """The tracked files, and untracked ones that git does not ignore, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
    ).stdout.decode()
    return sorted(name for name in listed.split("\0") if name and (root / name).is_file())


def digest(root: Path, names: Sequence[str]) -> str:
    """One hash over the names and contents of all files."""
    total = hashlib.sha256()
    for name in names:
        total.update(f"{name}\0{hashlib.sha256((root / name).read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


class Copy:
    """A copy of the tree.

    Args:
        root: The original tree.
        names: Its files.
        directory: The directory of the copy and of its tests' temporary files. The path has to be short, because tests
            make Unix sockets below it, whose paths are limited to about 100 bytes.
        threads: Threads of each process that computes.
    """

    def __init__(self, root: Path, names: Sequence[str], directory: Path, *, threads: int) -> None:
        self.root = directory
        self._scratch = directory.with_name(f"{directory.name}s")
        self._threads = threads
        self._times = itertools.count(1)
        for name in names:
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target)
        venv.create(self.root / ".venv", symlinks=True)
        self.python = self.root / ".venv" / "bin" / "python"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = self.root / ".venv" / "lib" / version / "site-packages"
        found = [self.root, self.root / "client", Path(sysconfig.get_path("purelib"))]
        (packages / "copy.pth").write_text("".join(f"{path}\n" for path in found), encoding="utf-8")
        self._verify()

    def _verify(self) -> None:
        """Check that a process without environment variables, started in another directory, imports this copy."""
        code = (
            "import importlib, json, sys;"
            "print(json.dumps({n: list(importlib.import_module(n).__path__)[0] for n in sys.argv[1:]}))"
        )
        said = subprocess.run(
            [self.python, "-I", "-c", code, *PACKAGES], cwd="/", env={}, check=True, capture_output=True
        ).stdout
        strangers = {
            name: where
            for name, where in json.loads(said).items()
            if not Path(where).is_relative_to(self.root)
        }
        if strangers:
            raise RuntimeError(f"A copy of the tree imports packages from elsewhere: {strangers}.")

    def environment(self) -> dict[str, str]:
        """The environment variables of a test run: temporary files go to a directory of this copy."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(mode=0o711)
        for name in (".hypothesis", ".pytest_cache"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
        return {
            **kept,
            "TMPDIR": str(self._scratch),
            "OMP_NUM_THREADS": str(self._threads),
            "VIRTUAL_ENV": str(self.root / ".venv"),
        }

    @contextlib.contextmanager
    def mutated(self, mutation: Mutation) -> Iterator[None]:
        """Change the file within the block.

        Raises:
            lists.StaleError: the mutation does not apply.
        """
        text = mutation.apply(self.root)
        path = self.root / mutation.file
        original, status = path.read_bytes(), path.stat()
        try:
            path.write_text(text, encoding="utf-8")
            # Python matches bytecode to its source by size and time in whole seconds: no two versions may share both.
            moment = int(status.st_mtime) + next(self._times)
            os.utime(path, (moment, moment))
            yield
        finally:
            path.write_bytes(original)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
