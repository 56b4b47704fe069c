"""One step of an installation: run it, report it, record that it is done.

Imports the standard library only, because this runs before anything is installed.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
LOG = CACHE / "install.log"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
DASHBOARD = ROOT / "dashboard"

LOCKED = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "-r")
"""Options of pip for a lock file: only the listed files, checked by hash, and no source builds."""


class StepFailed(Exception):
    """A step failed; the message says which one, and what to do."""


def execute(
    command: list[str | Path], what: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> None:
    """Run a command with its output in the log file.

    Raises:
        StepFailed: the command failed; the message holds the last 25 lines of its output.
    """
    LOG.parent.mkdir(exist_ok=True)
    env = {**(env or os.environ), "NO_COLOR": "1"}
    with LOG.open("ab") as log:
        log.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        log.flush()
        start = log.tell()
        status = subprocess.run(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
        ).returncode
    if status:
        with LOG.open("rb") as log:
            log.seek(start)
            tail = log.read().decode(errors="replace").rstrip().splitlines()[-25:]
        raise StepFailed("\n".join([*tail, f"{what} failed (exit {status}); its whole output is in {LOG}"]))


def pip(*arguments: str | Path) -> None:
    """Run ``pip install`` in the environment; its output goes to the log."""
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    execute([PYTHON, "-m", "pip", "install", *quiet, *arguments], "pip")


@contextmanager
def timed_step(what: str) -> Iterator[None]:
    """Print what begins, and afterwards its duration if it took more than 5 s."""
    begun = time.monotonic()
    say(what)
    yield
    elapsed = time.monotonic() - begun
    if elapsed > 5:
        say(f"  {elapsed:.0f} s")


def say(text: str) -> None:
    """Print a line of progress to standard error."""
    print(f"· {text}", file=sys.stderr, flush=True)


@contextmanager
def installation_lock() -> Iterator[None]:
    """Hold the checkout's installation lock. The system releases it when this process ends, in whatever way."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "install.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command is installing; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(files: Iterable[Path], extra: Iterable[str] = ()) -> str:
    """SHA-256 of the files' names and contents, and of the extra strings, as hexadecimal."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.relative_to(ROOT)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    for word in extra:
        whole.update(f"{word}\0".encode())
    return whole.hexdigest()


def read_stamp(stamp: Path) -> str | None:
    """The content of a stamp file; None if there is none."""
    try:
        return stamp.read_text()
    except FileNotFoundError:
        return None


def write_stamp(stamp: Path, text: str) -> None:
    """Write a stamp file atomically."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    fresh = stamp.with_name(stamp.name + ".new")
    fresh.write_text(text)
    fresh.replace(stamp)
