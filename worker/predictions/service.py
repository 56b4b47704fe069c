"""Takes predictions from this worker's line, has them computed, and passes the answers back.

One thread owns all state. It gets everything as messages in an inbox: requests from the thread that listens to Redis, files from
the thread that fetches them, and answers from the process that computes.
"""

import contextlib
import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from control.predictions.channel import BEAT_SECONDS
from control.predictions.request import PredictionRequest
from worker.engine import EngineUnavailableError
from worker.predictions.line import Line
from worker.predictions.models import ModelFiles, StagingFailure
from worker.predictions.process import PredictionProcess
from worker.resources import WorkerResources

log = logging.getLogger(__name__)

_STUCK_SECONDS = 5.0
"""Seconds after a cancellation without a sign of the process, after which it is killed."""
_OVER = frozenset({"result", "failed", "cancelled", "lost"})

Message = Mapping[str, Any]


@dataclass
class _Asked:
    """A request that was not answered yet."""

    request: PredictionRequest
    deadline: float
    sent: bool = False
    """Whether the process has it."""
    stopped: float | None = None
    """When its process was told to end it."""
    timed_out: bool = False


@dataclass(frozen=True)
class _Staged:
    request_id: str
    fields: Mapping[str, Any] | StagingFailure


@dataclass(frozen=True)
class _Told:
    process: PredictionProcess
    message: Message | None


class PredictionService:
    """Runs from its creation until `stop`.

    Args:
        worker_id: This worker's id; None while it has none.
    """

    def __init__(self, resources: WorkerResources, worker_id: Callable[[], str | None]) -> None:
        self._resources = resources
        self._settings = resources.settings
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._staging: queue.SimpleQueue[PredictionRequest | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._waiting: deque[_Asked] = deque()
        self._active: dict[str, _Asked] = {}
        self._process: PredictionProcess | None = None
        self._loaded: list[str] = []
        self._told_places = 0.0
        """When waiting requests were last told their places (`time.monotonic`)."""
        self._line = Line(self._settings.redis_url, worker_id, self._inbox.put, lambda: self._loaded)
        self._files: ModelFiles | None = None
        self._thread = threading.Thread(target=self._run, name="prediction service", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the process; requests that are not answered are answered as lost."""
        self._stopped.set()
        self._line.stop()
        self._staging.put(None)
        self._inbox.put(None)
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        with self._resources.cache.run(f"predictions-{self._line.incarnation}") as directory:
            models = directory / "models"
            models.mkdir()
            self._files = ModelFiles(self._resources, models, self._check_stopped)
            self._directory = directory
            threading.Thread(target=self._stage_all, name="prediction files", daemon=True).start()
            while not self._stopped.is_set():
                with contextlib.suppress(queue.Empty):
                    self._take(self._inbox.get(timeout=BEAT_SECONDS))
                self._check_deadlines()
                self._advance()
            for asked in [*self._active.values(), *self._waiting]:
                self._answer(asked, {"event": "lost"})
            if self._process is not None:
                self._process.kill()

    def _take(self, item: object) -> None:
        match item:
            case PredictionRequest():
                asked = _Asked(item, time.monotonic() + item.seconds)
                self._waiting.append(asked)
            case str():
                self._cancel(item)
            case _Staged():
                self._send(item)
            case _Told(process, message) if process is self._process:
                self._hear(message)

    def _advance(self) -> None:
        """Begin requests that wait, while there are free places."""
        assert self._files is not None
        while self._waiting and len(self._active) < self._settings.predict_at_once:
            asked = self._next()
            self._active[asked.request.id] = asked
            fields = self._files.staged(asked.request)
            if fields is None:
                self._staging.put(asked.request)
            else:
                self._send(_Staged(asked.request.id, fields))
        # Not at each change: requests for a loaded model take milliseconds.
        if self._waiting and time.monotonic() > self._told_places + BEAT_SECONDS:
            self._told_places = time.monotonic()
            self._tell_places()

    def _next(self) -> _Asked:
        """The request that has waited longest, of the projects with the fewest that are computed."""
        busy = Counter(asked.request.project_id for asked in self._active.values())
        chosen = min(self._waiting, key=lambda asked: busy[asked.request.project_id])
        self._waiting.remove(chosen)
        return chosen

    def _tell_places(self) -> None:
        for ahead, asked in enumerate(self._waiting):
            self._line.tell(asked.request.id, {"event": "place", "ahead": ahead + len(self._active)})

    def _stage_all(self) -> None:
        """Fetch the files of one request after another."""
        assert self._files is not None
        while (request := self._staging.get()) is not None:
            try:
                fields: Mapping[str, Any] | StagingFailure = self._files.stage(request)
            except StagingFailure as failure:
                fields = failure
            except _StoppedError:
                return
            except Exception:
                log.exception("the files of a prediction could not be fetched")
                fields = StagingFailure("internal", "Its files could not be fetched.")
            self._inbox.put(_Staged(request.id, fields))

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise _StoppedError

    def _send(self, staged: _Staged) -> None:
        asked = self._active.get(staged.request_id)
        if asked is None:
            return
        if isinstance(staged.fields, StagingFailure):
            self._answer(asked, _failed(staged.fields.code, staged.fields.message))
            return
        try:
            process = self._started()
        except (EngineUnavailableError, OSError) as error:
            log.warning("the process for predictions cannot be started: %s", error)
            self._answer(asked, {"event": "lost"})
            return
        request = asked.request
        asked.sent = True
        process.send(
            {
                "id": request.id,
                "checkpoint": request.checkpoint_id,
                "kind": request.kind,
                "options": dict(request.options),
                "text": request.text,
                "content": request.content,
                **staged.fields,
            }
        )

    def _started(self) -> PredictionProcess:
        if self._process is None:
            self._process = PredictionProcess(
                self._resources.engines,
                self._directory,
                memory_bytes=self._settings.predict_memory_bytes,
                # Half of the cores, so that a training on this machine keeps the others.
                threads=max(1, self._resources.machine.threads // 2),
                told=lambda process, message: self._inbox.put(_Told(process, message)),
            )
        return self._process

    def _hear(self, message: Message | None) -> None:
        if message is None:
            self._process = None
            self._loaded = []
            for asked in [asked for asked in self._active.values() if asked.sent]:
                self._answer(asked, _timed_out(asked) if asked.timed_out else {"event": "lost"})
            return
        if "loaded" in message:
            self._loaded = list(message["loaded"])
            assert self._files is not None
            wanted = {asked.request.checkpoint_id for asked in (*self._active.values(), *self._waiting)}
            self._files.keep({*self._loaded, *wanted})
            return
        about = self._active.get(message["id"])
        if about is None:
            return
        if message["event"] in _OVER:
            self._answer(about, _timed_out(about) if about.timed_out else message)
        elif not about.timed_out:
            self._line.tell(about.request.id, {key: value for key, value in message.items() if key != "id"})

    def _cancel(self, request_id: str) -> None:
        for asked in self._waiting:
            if asked.request.id == request_id:
                self._answer(asked, {"event": "cancelled"})
                return
        if (active := self._active.get(request_id)) is not None:
            self._stop_computing(active)

    def _stop_computing(self, asked: _Asked) -> None:
        if not asked.sent:
            self._answer(asked, _timed_out(asked) if asked.timed_out else {"event": "cancelled"})
        elif asked.stopped is None and self._process is not None:
            asked.stopped = time.monotonic()
            self._process.send({"cancel": asked.request.id})

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        for asked in [*self._active.values(), *self._waiting]:
            if now > asked.deadline and not asked.timed_out:
                asked.timed_out = True
                if asked in self._waiting:
                    self._answer(asked, _timed_out(asked))
                else:
                    self._stop_computing(asked)
            if (
                asked.stopped is not None
                and now > asked.stopped + _STUCK_SECONDS
                and self._process is not None
            ):
                log.warning("a prediction does not end; its process %s is killed", self._process.pid)
                self._process.kill()

    def _answer(self, asked: _Asked, message: Message) -> None:
        """The last message of a request."""
        request_id = asked.request.id
        self._active.pop(request_id, None)
        with contextlib.suppress(ValueError):
            self._waiting.remove(asked)
        self._line.finish(request_id, {key: value for key, value in message.items() if key != "id"})


class _StoppedError(Exception):
    """The service stops."""


def _failed(code: str, message: str) -> Message:
    return {"event": "failed", "code": code, "message": message, "params": {}}


def _timed_out(asked: _Asked) -> Message:
    seconds = asked.request.seconds
    return {
        "event": "failed",
        "code": "timed_out",
        "message": "It took too long.",
        "params": {"seconds": seconds},
    }
