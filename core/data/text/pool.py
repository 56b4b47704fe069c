"""Tokenizes in several processes.

Each is a new interpreter that loads only the tokenizer; a fork of the engine would lose the engine's threads. A process
gets a batch of texts and answers with their ids. Batches are returned in order, and the ids of each text depend on that
text alone, so that the number of processes changes only the time.

Processes are used instead of the threads of `tokenizers`: for 20 MB with byte-level BPE of 8,192 both take the same
processor time (within 10 %), and with processes the lists of ids are converted to arrays in parallel too.
"""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

import numpy as np
from tokenizers import Tokenizer

from core.data.errors import DataError
from core.data.text.encode import Ids
from core.data.text.frames import read_frame, write_frame
from core.formats.text.tokenizer_trial import MEMORY_BYTES, TABLES_FACTOR, error_of_exit

LARGEST = 8
"""Maximum number of processes; each takes about 70 MB."""
BATCH_CPU_SECONDS = 120
"""Processor time that a batch may take with an uploaded tokenizer, s: about fifty times what the slowest tokenizers need."""
WORTHWHILE_CHARACTERS = 4_000_000
"""Characters of text that take one process longer than the start of another."""

_SOURCES = Path(__file__).parents[3]


def process_count(characters: int) -> int:
    """The number of processes that is worth its start-up time for so much text. 1: only this one."""
    cores = len(os.sched_getaffinity(0))
    return max(1, min(cores, LARGEST, characters // WORTHWHILE_CHARACTERS))


class WorkerError(RuntimeError):
    """A tokenizing process ended before it was done."""


class _Worker:
    """A tokenizing process. Create it in the main thread, because it is killed when the thread that created it ends."""

    def __init__(self, tokenizer: bytes, dtype: np.dtype[Any], *, guarded: bool, spans: bool) -> None:
        self._dtype = dtype
        self._memory = MEMORY_BYTES + TABLES_FACTOR * len(tokenizer) if guarded else 0
        environment = {**os.environ, "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        # The process does no linear algebra, so that its BLAS needs no threads.
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        limits = [str(self._memory), str(BATCH_CPU_SECONDS), str(int(spans))]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "core.data.text.worker", str(os.getpid()), dtype.name, *limits],
            cwd=_SOURCES,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._to, self._from = self._process.stdin, self._process.stdout
        write_frame(self._to, [tokenizer])

    def encode(self, texts: list[str]) -> Ids:
        """
        Raises:
            WorkerError: The process has ended.
            DataError: The process has ended because of an uploaded tokenizer.
        """
        try:
            write_frame(self._to, [text.encode() for text in texts])
            answer = read_frame(self._from)
        except (BrokenPipeError, EOFError):
            raise self._ended() from None
        return [np.frombuffer(ids, self._dtype) for ids in answer]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        with suppress(BrokenPipeError):  # the process has ended without reading the rest
            self._to.close()
        self._from.close()

    def _ended(self) -> Exception:
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return MemoryError(
                "A tokenizing process was killed, probably because the machine ran out of memory"
            )
        if self._memory:
            end = error_of_exit(code, BATCH_CPU_SECONDS, self._memory)
            return DataError(
                end.code,
                f"{end.message}.",
                "Correct the tokenizer, or choose a tokenizer that is trained on the data.",
                **end.params,
            )
        return WorkerError(f"A tokenizing process ended with code {code}; see the log for its output")


class EncoderPool:
    """A pool of ``processes`` tokenizing processes. Each works on one batch, and one more batch for each waits.

    Args:
        guarded: Limit the memory of each process and the processor time of a batch, because the tokenizer is uploaded and
            not trusted.
        spans: Answer with `encode.spans_of` instead of ids.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        dtype: np.dtype[Any],
        processes: int,
        *,
        guarded: bool = False,
        spans: bool = False,
    ) -> None:
        content = tokenizer.to_str().encode()
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        self._workers: list[_Worker] = []
        self._threads = ThreadPoolExecutor(processes, "tokenizing")
        self._processes = processes
        for _ in range(processes):
            worker = _Worker(content, dtype, guarded=guarded, spans=spans)
            self._workers.append(worker)
            self._free.put(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown(cancel_futures=True)  # their reads and writes end with the processes
        for worker in self._workers:
            worker.close()

    def __call__(self, batches: Iterable[list[str]]) -> Iterator[Ids]:
        """An `Encoder`."""
        waiting: deque[Future[Ids]] = deque()
        for batch in batches:
            waiting.append(self._threads.submit(self._encode, batch))
            if len(waiting) > 2 * self._processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _encode(self, texts: list[str]) -> Ids:
        worker = self._free.get()
        try:
            return worker.encode(texts)
        finally:
            self._free.put(worker)
