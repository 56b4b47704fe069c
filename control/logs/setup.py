"""Sets up a process's log: structlog, through the standard library's loggers, to standard error."""

import logging
import sys
import threading
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import Processor

from control.logs.entries import bounded

log = structlog.stdlib.get_logger("seedbed")

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.ExtraAdder(),
]
_UNFINISHED = "ASGI callable returned without completing response."
"""uvicorn's message about an incomplete response; the request's own entry gives the reason."""


def configure(log_format: str, *, level: int = logging.INFO) -> None:
    """Write all entries to standard error as ``console`` or ``json``, uncaught exceptions of any thread included."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, bounded, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # each request has its own line already
    server = logging.getLogger("uvicorn.error")
    server.setLevel(logging.WARNING)  # its steps of starting and stopping
    server.addFilter(_finished)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    through_logging()


def through_logging() -> None:
    """Pass structlog's entries to the standard library's loggers, as dictionaries."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class _Handler(logging.StreamHandler[TextIO]):
    """An entry that cannot be written is replaced by one sentence; logging itself would show all its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        kind = sys.exc_info()[0]
        try:
            self.stream.write(
                f"An entry of the logger {record.name[:100]} could not be written "
                f"({kind.__name__ if kind else 'unknown'}; {record.pathname[-200:]}:{record.lineno}).\n"
            )
            self.flush()
        except (OSError, ValueError):
            pass  # standard error is closed: there is no place left to say it


def _finished(record: logging.LogRecord) -> bool:
    return record.msg != _UNFINISHED


def _uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("the process ends by an error that nobody caught", exc_info=(kind, error, traceback))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        log.error(
            "a thread ended by an error that nobody caught",
            thread=args.thread.name if args.thread else None,
            exc_info=args.exc_value,
        )


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    if args.exc_value is not None:
        log.error("an error where none can be raised", exc_info=args.exc_value)
