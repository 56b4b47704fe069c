"""Shows a job's progress on standard error: a progress bar on a terminal, else a line every some seconds."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text

from seedbed import models
from seedbed.cli import text
from seedbed.cli.errors import ENDED, REFUSED, print_error
from seedbed.cli.output import STATE_STYLES, err, print_json_line
from seedbed.client import Client
from seedbed.errors import SeedbedError
from seedbed.models import Checkpoint, End, Event, Job, MetricPoint
from seedbed.watch import KINDS, Update

LINE_SECONDS = 10.0
"""Seconds between two lines about a training job, if there is no progress bar."""

_NAMES = {kind: name for name, kind in KINDS.items()}


def follow(client: Client, job: str, *, as_json: bool) -> int:
    """Show a job until it is over, and return the exit code for its final state.

    Ctrl-C stops the watching, never the job.
    """
    console = err()
    view = _View(console)
    try:
        with view.live():
            updates = client.jobs.watch(job, on_interruption=view.interrupted)
            return _json_lines(updates) if as_json else _show(view, updates)
    except KeyboardInterrupt:
        console.print(Text(f"Detached; the job runs on. `seedbed job watch {job}` comes back to it."))
        raise


def _json_lines(updates: Iterator[Update]) -> int:
    for update in updates:
        print_json_line({"event": _NAMES[type(update)], "data": update})
        if isinstance(update, End):
            return ENDED.get(update.state, REFUSED)
    return REFUSED


def _show(view: "_View", updates: Iterator[Update]) -> int:
    for update in updates:
        view.show(update)
        if isinstance(update, End):
            return ENDED.get(update.state, REFUSED)
    return REFUSED


class _View:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._job: Job | None = None
        self._latest: dict[str, float | str | None] = {}
        self._last_line = 0.0
        self._interrupted = False

    def live(self) -> AbstractContextManager[object]:
        """A context manager that shows the bar."""
        if not self._console.is_terminal:
            return nullcontext()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            TextColumn("{task.fields[numbers]}"),
            console=self._console,
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task("connecting", total=1, numbers="")
        return self._bar

    def interrupted(self, error: SeedbedError) -> None:
        """Report that the connection broke; once until it is restored."""
        if not self._interrupted:
            self._line(f"Connection lost, coming back. ({error.detail})", "yellow")
        self._interrupted = True

    def show(self, update: Update) -> None:
        self._interrupted = False
        match update:
            case Job():
                self._job = update
                self._move(update.progress)
            case models.Progress():
                self._move(update)
            case MetricPoint():
                self._measured(update)
            case Event() if update.type not in {"checkpoint", "sample"}:  # one comes as itself, one too often
                self._line(update.message, "dim")
            case Checkpoint():
                self._line(
                    f"checkpoint at step {update.step:,}: {update.id} ({text.size(update.bytes)})", "dim"
                )
            case End():
                self._ended(update)

    def _measured(self, point: MetricPoint) -> None:
        self._latest.update(point.values)
        evaluation = {n: v for n, v in point.values.items() if n.startswith("eval/")}
        if evaluation:
            said = "  ".join(f"{text.metric(n)} {text.number(v)}" for n, v in evaluation.items())
            self._line(f"evaluation at step {point.step:,}: {said}")
        if self._bar is None and time.monotonic() - self._last_line >= LINE_SECONDS:
            self._last_line = time.monotonic()
            self._line(f"step {point.step:,}{self._totals(point.step)}  {self._numbers(None)}")
        if self._bar is not None:
            self._bar.update(self._task, completed=point.step, numbers=self._numbers(self._eta()))

    def _totals(self, step: int) -> str:
        """The total of steps, and the epoch, after the number of a step."""
        progress = self._job.progress if self._job else None
        if progress is None or not progress.steps:
            return ""
        epoch = f" (epoch {progress.epochs * step / progress.steps:.3g})" if progress.epochs else ""
        return f"/{progress.steps:,}{epoch}"

    def _move(self, progress: models.Progress) -> None:
        if self._job is not None:
            self._job.progress = progress
        if self._bar is None:
            return
        job = self._job
        what = (job.intent or job.state) if job else ""
        if job and job.state == "running" and progress.phase not in {None, "training"}:
            what = str(progress.phase)
            if progress.phase_fraction is not None:
                what += f" {progress.phase_fraction:.0%}"
        elif job and job.state == "queued" and job.waiting_reason:
            what = f"queued: {job.waiting_reason}"
        self._bar.update(
            self._task,
            description=Text(what).markup,
            completed=progress.step,
            total=progress.steps,
            numbers=self._numbers(self._eta()),
        )

    def _eta(self) -> float | None:
        return self._job.progress.eta_seconds if self._job and self._job.state == "running" else None

    def _numbers(self, eta: float | None) -> str:
        parts = []
        if "train/loss" in self._latest:
            parts.append(f"loss {text.number(self._latest['train/loss'])}")
        if "train/tokens_per_s" in self._latest:
            parts.append(f"{text.number(self._latest['train/tokens_per_s'])} tokens/s")
        if "eval/loss" in self._latest:
            parts.append(f"eval {text.number(self._latest['eval/loss'])}")
        if eta is not None:
            parts.append(f"{text.duration(eta)} left")
        return "  ".join(parts)

    def _ended(self, end: End) -> None:
        job = self._job
        if job and job.failure:
            print_error(f"{job.failure.message} ({job.failure.code})")
            if job.failure.hint:
                self._line(job.failure.hint)
        took = ""
        if job and job.started_at and job.finished_at:
            took = f" after {text.duration((job.finished_at - job.started_at).total_seconds())}"
        self._line(f"{end.state}{took}  {self._numbers(None)}".rstrip(), STATE_STYLES.get(end.state, ""))

    def _line(self, message: str, style: str = "") -> None:
        (self._bar.console if self._bar else self._console).print(Text(message, style=style))
