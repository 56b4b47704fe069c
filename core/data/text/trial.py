"""An uploaded tokenizer is tried in a process of its own, as `core.formats.text.tokenizer_trial` starts it.

``python -m core.data.text.trial PARENT CPU_SECONDS MEMORY_BYTES``: from standard input a JSON object with ``tokenizer`` (the file's
text) and ``texts``; to standard output one with ``vocabulary_size``, or with ``problem``.

What a tokenizer's own regular expressions and tables do happens inside compiled code, which no exception interrupts: so the
kernel ends this process when it has used its processor time (SIGVTALRM), and refuses it more memory.
"""

import json
import sys

from core.data.errors import DataError
from core.data.text.encode import ids_of_texts
from core.data.text.tokenizer import load
from core.formats.text.tokenizer_trial import PATTERN_TOO_SLOW, reached_retry_limit
from core.process import die_with_parent, limit_memory, limit_processor


def main() -> None:
    """Load, tokenize, and make text of the tokens again."""
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
    except BaseException as error:  # noqa: BLE001 - a panic of the compiled code is no Exception
        if reached_retry_limit(error):
            sys.exit(PATTERN_TOO_SLOW)
        answer = {"problem": f"It cannot be used: {str(error) or type(error).__name__}"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
