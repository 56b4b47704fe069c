"""Content that must not be committed is found; similar harmless content is not."""

import pytest

from tools.check_words import LARGEST, findings

BAD = {
    "path": "see /" + "home/ada/notes",
    "root": "open('/" + "root/x')",
    "note": "# TO" + "DO: later",
    "note to mend": "// FIX" + "ME",
    "key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "cloud key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "token": "ghp_" + "a1" * 18,
    "seedbed key": "sb_" + "a1-" * 14 + "x",
    "registry": "https://files.python" + "hosted.org/packages/x",
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD.keys())
def test_a_forbidden_text_is_found_with_its_line(line: str):
    (found,) = findings("a.py", f"first\n{line}\n".encode())
    assert found.startswith("a.py:2: ")


@pytest.mark.parametrize(
    "line",
    [
        "/var/lib/seedbed",
        "~/work/x",
        "${HOME}/work/x",
        "api/home/page",
        "method",
        "sb_…",
        "--mount=target=/root/.npm",
    ],
)
def test_a_harmless_text_passes(line: str):
    assert list(findings("a.py", line.encode())) == []


def test_a_large_file_is_found_and_a_binary_one_is_not_read():
    assert list(findings("a.bin", b"\0" * LARGEST + b"TO" + b"DO")) == [
        f"a.bin: {LARGEST + 4:,} bytes, which is over {LARGEST:,}"
    ]
