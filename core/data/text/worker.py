"""A tokenizing process, started by `pool.py`: ``python -m core.data.text.worker PARENT TOKEN_TYPE MEMORY_BYTES CPU_SECONDS SPANS``.

Memory 0 means no limits; the seconds are those of one batch; with SPANS 1 the answer is `spans_of`, else `ids_of`. Standard input has frames, first the tokenizer, then texts.
Standard output has frames of ids.
"""

import signal
import sys
from itertools import count

import numpy as np
from tokenizers import Tokenizer

from core.data.memory import return_memory
from core.data.text.encode import TRIM_BATCHES, ids_of, spans_of
from core.data.text.frames import read_frame, write_frame
from core.formats.text.tokenizer_trial import PATTERN_TOO_SLOW, reached_retry_limit
from core.process import die_with_parent, limit_memory, limit_processor


def main() -> None:
    """Serve until the input ends or the parent exits."""
    die_with_parent(int(sys.argv[1]))
    # Ctrl-C in a terminal sends SIGINT to the whole process group; the parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    dtype, memory = np.dtype(sys.argv[2]), int(sys.argv[3])
    seconds = int(sys.argv[4])
    encode = spans_of if int(sys.argv[5]) else ids_of
    if memory:
        limit_memory(memory)
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    try:
        (content,) = read_frame(stdin)
        tokenizer = Tokenizer.from_str(content.decode())
        for number in count(1):
            texts = [text.decode() for text in read_frame(stdin)]
            if memory:
                limit_processor(seconds)
            write_frame(stdout, [ids.tobytes() for ids in encode(tokenizer, texts, dtype)])
            if number % TRIM_BATCHES == 0:
                return_memory()
    except (EOFError, BrokenPipeError):
        return
    except BaseException as error:  # a panic of the compiled code is not derived from Exception
        if reached_retry_limit(error):
            sys.exit(PATTERN_TOO_SLOW)
        raise


if __name__ == "__main__":
    main()
