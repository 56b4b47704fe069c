"""Tries an uploaded tokenizer before it is used: whether it loads, and whether its regular expressions terminate.

This module does not load `tokenizers`. A child process does, with limits on its processor time and memory.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from core.parameters import plain

CPU_SECONDS = 20
"""Processor time for loading the tokenizer and for some kilobytes of text, s. The largest tokenizers in use take 3 s."""
MEMORY_BYTES = 1 << 30
"""Memory beside the tokenizer's own tables."""
TABLES_FACTOR = 20
"""Memory for the tokenizer's tables, in bytes for each byte of its file, at most."""

PATTERN_TOO_SLOW = 3
"""Exit code of a process whose tokenizer's regular expression reached the limit on backtracking."""

_SOURCES = Path(__file__).parents[2]
_RUN = 600
_ENDINGS = ("", "!", " ", "\n")
SAMPLES = (
    "The quick brown fox jumps over the lazy dog. 0123456789\n\n\tÄrger, 日本語 한국어 नमस्ते عربى 😀!\n",
    *(
        run * _RUN + end
        for run in ("a", "A", "0", " ", "-", "_", ".", "é", "中", "ab ", "\n", "a1")
        for end in _ENDINGS
    ),
)
"""Text in many scripts, and long runs of one character with another at the end, which make a regular expression backtrack."""


class TokenizerTrialError(Exception):
    """A tokenizer that no job can use. ``params`` is what the message is made of."""

    def __init__(
        self, code: Literal["tokenizer_invalid", "pattern_too_slow"], message: str, **params: Any
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.params = plain(params)


def try_tokenizer(content: bytes, texts: Sequence[str] = SAMPLES) -> int:
    """The vocabulary size of a tokenizer that is prepared for a job: its largest id plus one.

    Args:
        content: The content of ``tokenizer.json``, UTF-8.
        texts: Texts that are encoded and decoded as a trial.

    Raises:
        TokenizerTrialError: No job can use the tokenizer.
    """
    limit = MEMORY_BYTES + TABLES_FACTOR * len(content)
    arguments = [str(os.getpid()), str(CPU_SECONDS), str(limit)]
    request = {"tokenizer": content.decode("utf-8", "surrogatepass"), "texts": list(texts)}
    quiet = {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    # The child process does no linear algebra, so that its BLAS needs no threads.
    quiet |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    child = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "core.data.text.trial", *arguments],
        cwd=_SOURCES,
        env={name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | quiet,
        input=json.dumps(request).encode(),
        capture_output=True,
        check=False,
    )
    if child.returncode:
        raise error_of_exit(child.returncode, CPU_SECONDS, limit)
    answer = json.loads(child.stdout)
    if "problem" in answer:
        raise TokenizerTrialError(
            "tokenizer_invalid", answer["problem"], case="trial", reason=answer["problem"]
        )
    size: int = answer["vocabulary_size"]
    return size


def error_of_exit(code: int, seconds: float, memory: int) -> TokenizerTrialError:
    """The error for a process that ended while it used a tokenizer.

    Args:
        code: The exit code, as `subprocess` gives it.
        seconds: The limit on its processor time, s.
        memory: The limit on its memory, bytes.
    """
    if code in {-signal.SIGVTALRM, -signal.SIGXCPU, PATTERN_TOO_SLOW}:
        limit = f" within {seconds:g} s of processor time" if code < 0 else ""
        return TokenizerTrialError(
            "pattern_too_slow",
            f"The tokenizer did not terminate{limit} on some text: a regular expression of its normalizer or "
            "pre-tokenizer backtracks without end, as (a+)+$ does. Write it without nested repetition",
            seconds=seconds if code < 0 else None,
        )
    return TokenizerTrialError(
        "tokenizer_invalid",
        f"The tokenizer ended the process that used it (code {code}): it is damaged, or takes more than {memory >> 20:,} MiB of "
        "memory, as a normalizer does that expands text very much",
        case="ended",
        exit_code=code,
        memory_bytes=memory,
    )


def reached_retry_limit(error: BaseException) -> bool:
    """Whether an error of `tokenizers` is a regular expression over the limit on backtracking (Oniguruma's retry limit)."""
    return "retry-limit-in-match" in str(error)
