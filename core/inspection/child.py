"""One inspection, in a child process: ``main([REQUEST])``, with the file as descriptor 3.

REQUEST is a JSON object with ``limits`` (the arguments of `core.inspection.limits.apply_limits`), ``task``, and what the task needs:

- ``inspect``: ``name``, ``modality``, ``reading`` (the result of `ReadingOptions.facts`), ``bytes`` → ``{"report": …, "examples": …}``
- ``examples``: the same, for text only → ``{"examples": …}``
- ``checkpoint_file``: ``name`` → ``{"report": …}``, as `core.formats.published.inspection` has it
- ``sheet``: ``modality``, ``columns``; the file is a JSON list of thumbnails → ``{"png": base64}``

Other answers: ``{"code", "detail", "params"}`` where no samples can be read from the file; ``{"over": "memory" | "temporary"}`` where
the budget is exceeded; ``{"full": true}`` where the disk is full; ``{"crash": traceback}`` for a bug in a reader.
Over its budget of processor time, the process is ended by SIGXCPU, without an answer.
"""

import base64
import errno
import json
import os
from typing import Any, BinaryIO

from core.formats.errors import FormatError
from core.formats.tables.reading import ReadingOptions
from core.inspection.input_file import open_input
from core.inspection.limits import apply_limits
from core.inspection.readers import draw_sheet, read, read_checkpoint_file, text_examples
from core.tracebacks import describe

FILE_FD = 3
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def main(argv: list[str]) -> int:
    """Answer one request.

    Returns:
        The exit code: 0, whatever the answer.
    """
    request = json.loads(argv[0])
    apply_limits(**request["limits"])
    answer = json.dumps(_answer(request)).encode()
    written = 0
    while written < len(answer):
        written += os.write(1, answer[written:])
    return 0


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        with open_input(FILE_FD, request.get("bytes")) as stream:
            return _perform(request, stream)
    except FormatError as error:
        return {"code": error.code, "detail": f"{error}.", "params": error.facts}
    except (MemoryError, OSError) as error:
        return _exhausted(error) or {"crash": describe(error)}
    except Exception as error:  # noqa: BLE001 - the service logs it and reports an internal error
        return {"crash": describe(error)}


def _exhausted(error: MemoryError | OSError) -> dict[str, Any] | None:
    """The answer for an error that means a lack of memory or of disk space; None for every other error."""
    if isinstance(error, MemoryError) or error.errno == errno.ENOMEM:
        return {"over": "memory"}
    if error.errno == errno.EFBIG:
        return {"over": "temporary"}
    return {"full": True} if error.errno in _DISK_FULL else None


def _perform(request: dict[str, Any], stream: BinaryIO) -> dict[str, Any]:
    match request["task"]:
        case "inspect":
            options = ReadingOptions.of(request["reading"])
            report, examples = read(stream, request["name"], request["modality"], options)
            return {"report": report, "examples": examples}
        case "examples":
            return {"examples": text_examples(stream, request["name"], ReadingOptions.of(request["reading"]))}
        case "checkpoint_file":
            return {"report": read_checkpoint_file(stream, request["name"])}
        case "sheet":
            sheet = draw_sheet(request["modality"], json.load(stream), request["columns"])
            return {"png": base64.b64encode(sheet).decode()}
        case task:
            raise ValueError(f"unknown task {task!r}")
