"""A job's progress on a terminal."""

import time
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

_LINE_SECONDS = 10.0


class ProgressBar:
    """A live progress bar on a terminal; elsewhere a line at most every 10 s."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID = self._progress.add_task("queued", total=1, facts="")
        self._facts: dict[str, str] = {}
        self._next_line = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, update: object) -> None:
        """Show an update that the SDK's ``jobs.watch`` returned."""
        import seedbed  # noqa: PLC0415 - a separate distribution

        match update:
            case seedbed.MetricPoint():
                self._measured(update.values)
                self._progress.update(self._task, completed=update.step)
                self._line(f"step {update.step}")
            case seedbed.Progress():
                if update.eta_seconds is not None:
                    self._facts["eta"] = f"ETA {minutes(update.eta_seconds)}"
                self._progress.update(
                    self._task,
                    description=update.phase or "waiting",
                    total=update.steps,
                    completed=update.step,
                )
            case seedbed.Event():
                self._console.print(f"[dim]{update.message}[/dim]")
            case seedbed.End():
                self._facts.pop("eta", None)
                self._progress.update(self._task, description=update.state)
        self._progress.update(self._task, facts="  ".join(self._facts.values()))

    def _measured(self, values: dict[str, Any]) -> None:
        for name, words in (
            ("train/loss", "loss {:.3f}"),
            ("train/tokens_per_s", "{:,.0f} tokens/s"),
            ("eval/loss", "held out {:.3f}"),
        ):
            if isinstance(value := values.get(name), float | int):
                self._facts[name] = words.format(value)

    def _line(self, what: str) -> None:
        now = time.monotonic()
        if not self._console.is_terminal and now >= self._next_line:
            self._next_line = now + _LINE_SECONDS
            self._console.print(f"{what}: {'  '.join(self._facts.values())}")


def minutes(seconds: float) -> str:
    """Seconds as minutes and seconds, such as ``2:05``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
