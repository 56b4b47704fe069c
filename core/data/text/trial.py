"""Tries an uploaded tokenizer in a process of its own, which `core.formats.text.tokenizer_trial` starts.

``python -m core.data.text.trial PARENT CPU_SECONDS MEMORY_BYTES`` reads a JSON object with ``tokenizer`` (the content of the
file) and ``texts`` from standard input, and writes one with ``vocabulary_size`` or with ``problem`` to standard output.

The regular expressions and tables of a tokenizer run in compiled code, which no exception interrupts. So the kernel ends
this process when its processor time is used up (SIGVTALRM), and limits its memory.
"""

import json
import sys

from core.data.errors import DataError
from core.data.text.encode import ids_of_texts
from core.data.text.tokenizer import load
from core.formats.text.tokenizer_trial import PATTERN_TOO_SLOW, reached_retry_limit
from core.process import die_with_parent, limit_memory, limit_processor


def main() -> None:
    """Load the tokenizer, encode the texts, and decode the ids."""
    parent, seconds, memory = (int(argument) for argument in sys.argv[1:])
    die_with_parent(parent)
    request = json.load(sys.stdin)
    limit_memory(memory)
    limit_processor(seconds)
    try:
        prepared = load(request["tokenizer"].encode("utf-8", "surrogatepass"))
        for ids in ids_of_texts(prepared.tokenizer, request["texts"]):
            prepared.tokenizer.decode(ids[:1000], skip_special_tokens=False)
        answer: dict[str, int | str] = {"vocabulary_size": prepared.vocabulary_size}
    except DataError as error:
        answer = {"problem": error.message}
    except BaseException as error:  # noqa: BLE001 - a panic of the compiled code is not derived from Exception
        if reached_retry_limit(error):
            sys.exit(PATTERN_TOO_SLOW)
        answer = {"problem": f"It cannot be used: {str(error) or type(error).__name__}"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
