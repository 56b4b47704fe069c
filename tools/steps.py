"""One step of an installation: run it, tell of it, remember that it is done.

Standard library only, for this runs before anything is installed.
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
"""How pip takes a lock file: these files alone, byte for byte, and no code run to build any."""


class StepFailed(Exception):
    """A step failed; the message says which, and what to do."""


def execute(
    command: list[str | Path], what: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> None:
    """Run a step with its output in the log.

    Raises:
        StepFailed: it failed; the message ends with the last lines of its output.
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
        raise StepFailed("\n".join([*tail, f"{what} failed (exit {status}); all it said is in {LOG}"]))


def pip(*arguments: str | Path) -> None:
    """``pip install`` into the environment, its output to the log."""
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    execute([PYTHON, "-m", "pip", "install", *quiet, *arguments], "pip")


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Say what begins, and how long it took."""
    begun = time.monotonic()
    say(what)
    yield
    elapsed = time.monotonic() - begun
    if elapsed > 5:
        say(f"  {elapsed:.0f} s")


def say(text: str) -> None:
    """A line for the person who waits."""
    print(f"· {text}", file=sys.stderr, flush=True)


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the checkout's installation lock; the system lets go of it however this process ends."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "install.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start is installing; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(files: Iterable[Path], extra: Iterable[str] = ()) -> str:
    """Hash of the files' names and contents, and of the extra words."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.relative_to(ROOT)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    for word in extra:
        whole.update(f"{word}\0".encode())
    return whole.hexdigest()


def read_stamp(stamp: Path) -> str | None:
    """What the stamp holds; None where there is none."""
    try:
        return stamp.read_text()
    except FileNotFoundError:
        return None


def write_stamp(stamp: Path, text: str) -> None:
    """Put the stamp there, whole or not at all."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    fresh = stamp.with_name(stamp.name + ".new")
    fresh.write_text(text)
    fresh.replace(stamp)
