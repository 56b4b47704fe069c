"""Reads mutated files one after another in a process with a memory limit, and reports the result of each."""

import dataclasses
import io
import json
import random
import re
import resource
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.malformed.corpus import Sample, corpus
from benchmarks.malformed.mutations import mutate
from core.data.errors import DataError
from core.data.text.tokenizer import load
from core.formats import FormatError, inspect_file, read_uploaded_tokenizer
from core.formats.audio.inspection import inspect_audio_file
from core.formats.image.inspection import inspect_image_file

MEMORY_BYTES = 800 << 20
"""Memory that a case may take beyond what the imported readers take."""
_LONGEST_MESSAGE = 5000
_CASES = 500
"""Number of cases that one process tries."""
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""A NUL in JSON's notation. After an odd number of backslashes it would be six characters of text instead."""


def case(seed: int, number: int, samples: Sequence[Sample]) -> tuple[Sample, bytes]:
    """The sample and the mutated file of a case."""
    rng = random.Random(f"{seed}-{number}")
    sample = samples[number % len(samples)]
    return sample, mutate(rng, sample, samples)


def read(sample: Sample, content: bytes) -> bool:
    """Read a file as an upload is read, and a tokenizer also as the engine reads it; False if it is refused.

    Raises:
        AssertionError: the report about the file cannot be stored or shown.
        Exception: any error that a reader raises instead of refusing the file.
    """
    stream = io.BytesIO(content)
    said: Exception
    try:
        if sample.modality == "image":
            report: Any = inspect_image_file(stream, sample.name)
        elif sample.modality == "audio":
            report = inspect_audio_file(stream, sample.name)
        else:
            report = inspect_file(stream, sample.name)
        answer = dataclasses.asdict(report)
        answer.pop("examples", None)  # stored as bytes, so any text is allowed there
        _check(answer)
        if sample.name == "tokenizer.json":
            stream.seek(0)
            found = read_uploaded_tokenizer(stream, sample.name)
            assert found is not None
            load(found)
    except (FormatError, DataError) as error:
        said = error
    else:
        return True
    _check({"detail": str(said)})
    return False


def _check(answer: dict[str, Any]) -> None:
    """Check that PostgreSQL accepts the answer as JSON: no NUL, no lone surrogate, no NaN."""
    text = json.dumps(answer, ensure_ascii=False, allow_nan=False)
    text.encode()
    assert not _NUL.search(text), "a NUL is in the answer"
    if "detail" in answer:
        assert answer["detail"], "the message is empty"
        assert len(answer["detail"]) <= _LONGEST_MESSAGE, "the message is as long as the file"


def main() -> None:
    """Try the cases given by the arguments ``FIRST STEP END SEED``; print a line of JSON before and after each case."""
    first, step, end, seed = map(int, sys.argv[1:])
    samples = corpus()
    for sample in samples:
        read(sample, sample.content)  # imports everything first, so that imports count for no case
    answers = sys.stdout
    sys.stdout = sys.stderr
    _limit_memory()
    # The service reads each file in a new process; memory left over from earlier cases must not count here either.
    for number in range(first, min(end, first + _CASES * step), step):
        print(json.dumps({"begun": number}), file=answers, flush=True)
        print(json.dumps(_try(seed, number, samples)), file=answers, flush=True)


def _limit_memory() -> None:
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, mapped + MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _try(seed: int, number: int, samples: Sequence[Sample]) -> dict[str, Any]:
    sample, content = case(seed, number, samples)
    answer: dict[str, Any] = {"number": number, "name": sample.name}
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak memory
    began = time.process_time()
    try:
        answer["read"] = read(sample, content)
    except MemoryError:
        answer["memory"] = True
    except BaseException:  # noqa: BLE001 - any error is a finding; a panic in Rust is not an Exception
        answer["raised"] = traceback.format_exc()[-3000:]
    answer["seconds"] = time.process_time() - began
    answer["megabytes"] = max(0.0, _memory("VmHWM") - before)
    return answer


def _memory(name: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
