"""An uploaded tokenizer, tried before anything depends on it: whether it opens, and whether its patterns come to an end.

`tokenizers` is not loaded here; a process of its own does, within limits of processor time and memory.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

CPU_SECONDS = 20
"""Of processor time, for loading and for some kilobytes of text; the largest tokenizers in use take 3."""
MEMORY_BYTES = 1 << 30
"""Beside what the tokenizer's own tables take."""
TABLES_FACTOR = 20
"""Bytes of memory a byte of the file at most, for those."""

PATTERN_TOO_SLOW = 3
"""Exit code of a process that uses a tokenizer whose regular expression gave up."""

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
"""Text of many scripts, and long runs of one kind with something else at their end, where patterns that backtrack do so."""


class TokenizerTrialError(Exception):
    """A tokenizer that no job can use."""

    def __init__(self, code: Literal["tokenizer_invalid", "pattern_too_slow"], message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def try_tokenizer(content: bytes, texts: Sequence[str] = SAMPLES) -> int:
    """How many ids a tokenizer has once it is made ready for a job: one more than the largest.

    Args:
        content: Its file, UTF-8.
        texts: What is tokenized, and made text again.

    Raises:
        TokenizerTrialError: it cannot be used.
    """
    limit = MEMORY_BYTES + TABLES_FACTOR * len(content)
    arguments = [str(os.getpid()), str(CPU_SECONDS), str(limit)]
    request = {"tokenizer": content.decode("utf-8", "surrogatepass"), "texts": list(texts)}
    quiet = {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    # Its BLAS is never asked for anything.
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
        raise judge_end(child.returncode, CPU_SECONDS, limit)
    answer = json.loads(child.stdout)
    if "problem" in answer:
        raise TokenizerTrialError("tokenizer_invalid", answer["problem"])
    size: int = answer["vocabulary_size"]
    return size


def judge_end(code: int, seconds: float, memory: int) -> TokenizerTrialError:
    """What it means that a process which uses a tokenizer was ended.

    Args:
        code: As `subprocess` gives it.
        seconds: Of processor time that it had.
        memory: Bytes that it might take.
    """
    if code in {-signal.SIGVTALRM, -signal.SIGXCPU, PATTERN_TOO_SLOW}:
        limit = f" within {seconds:g} s of processor time" if code < 0 else ""
        return TokenizerTrialError(
            "pattern_too_slow",
            f"The tokenizer did not come to an end{limit} on some text: a regular expression of its normalizer or "
            "pre-tokenizer backtracks without end, as (a+)+$ does. Write it without nested repetition",
        )
    return TokenizerTrialError(
        "tokenizer_invalid",
        f"The tokenizer ended the process that used it (code {code}): it is damaged, or takes more than {memory >> 20:,} MiB of "
        "memory, as where its normalizer makes much of little text",
    )


def gave_up(error: BaseException) -> bool:
    """Whether an error of `tokenizers` is that of a regular expression that backtracked too often (Oniguruma's own limit)."""
    return "retry-limit-in-match" in str(error)
