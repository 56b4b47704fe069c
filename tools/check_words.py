"""Search every tracked file for content that must not be committed.

    python -m tools.check_words

Searched are: paths of one developer's machine, hosts of package registries, notes to finish something, keys, and
files over one megabyte. Each finding is a line ``file:line: what``.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 2**20

# Each pattern is written so that it does not match its own source.
RULES = {
    "a path of one machine": r"(?<![\w.~$}\]])/(?:home|Users)/[a-z]\w*/|(?<![\w.~$}\]])/(?:root|work)/\w|\.\./shared\b",
    "a registry's host": r"\b(?:pypi|files\.pythonhosted|registry\.npmjs|download\.pytorch|deb\.debian)\.org\b",
    "an unfinished note": r"\b(?:TO[D]O|FIX[M]E)\b",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "an access key": r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{36}|hf_[A-Za-z]{34}|xox[abprs]-[\w-]{20,}|sk-[A-Za-z0-9]{32,})\b",
    "an API key of Seedbed": r"\bsb_[\w-]{43}(?![\w-])",
}


def main() -> int:
    """1 if anything was found."""
    found = [line for name, content in tracked() for line in findings(name, content)]
    if found:
        print(*found, sep="\n")
    return bool(found)


def tracked() -> Iterator[tuple[str, bytes]]:
    """Name and content of each file that git tracks and that exists."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            yield name, (ROOT / name).read_bytes()


def findings(name: str, content: bytes) -> Iterator[str]:
    """A line for each text in this file that must not be committed."""
    if len(content) > LARGEST:
        yield f"{name}: {len(content):,} bytes, which is over {LARGEST:,}"
    if b"\0" in content:
        return
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        for what, pattern in RULES.items():
            if re.search(pattern, line):
                yield f"{name}:{number}: {what}: {line.strip()[:120]}"


if __name__ == "__main__":
    sys.exit(main())
