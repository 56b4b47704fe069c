"""The log for people: lines on standard error, with a live progress bar on a terminal."""

import contextlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from core.events import Event, Sink


def terminal_sink(*, live: bool) -> Sink:
    """A sink that prints events as sentences.

    Args:
        live: draw a progress bar; otherwise print one line for each event.
    """
    return _LiveSink() if live else _print_line


def describe(event: Event) -> str | None:  # noqa: C901, PLR0911, PLR0912 - one case, and one return, an event
    """An event as a line for people, or None for events that are not printed."""
    match event["event"]:
        case "started":
            resumed = (
                f", continuing from step {event['resumed_from_step']}" if event["resumed_from_step"] else ""
            )
            return f"{event['device_name']} ({event['device']}, {event['precision']}, {event['threads']} threads){resumed}"
        case "prepared":
            return f"{_amounts(event)}; {event['parameters']:,} parameters"
        case "metrics":
            return f"step {event['step']}  {_numbers(event['values'])}"
        case "checkpoint":
            return f"checkpoint {event['path']} ({event['bytes'] / 1e6:.1f} MB)"
        case "estimate":
            return json.dumps(
                {name: value for name, value in event.items() if name not in {"event", "time"}}, indent=1
            )
        case "exported":
            return (
                f"exported to {event['path']}, largest difference {event['check']['largest_difference']:.2g}"
            )
        case "previewed":
            return "\n".join(f"{event['path']}/{one['file']}" for one in event["shown"])
        case "decision":
            if event["name"] == "steps":
                return f"{event['choice']:,} steps: {event['reason']}"
            return f"{event['name']} auto: {event['choice']}. {event['reason']}"
        case "stopped_early":
            return f"{event['metric']} has not improved for {event['patience']} evaluations; best at step {event['best_step']}"
        case "warning":
            return f"warning: {event['message']}"
        case "finished":
            return f"{event['reason']} at step {event['step']}"
        case "failed":
            return f"error: {event['message']} {event['hint']}"
    return None


def _amounts(event: Event) -> str:
    """The amount of training and held-out data: documents and tokens, images, or recordings and hours."""
    if "documents" in event:
        return (
            f"{event['documents']:,} documents, {event['tokens']:,} tokens to learn from, "
            f"{event['tokens_held_out']:,} held out"
        )
    kind = "recordings" if "recordings" in event else "images"
    hours = f" ({event['hours']:.2f} hours)" if "hours" in event else ""
    bad = f", {event['bad']:,} that cannot be used left out" if event["bad"] else ""
    return f"{event[kind]:,} {kind}{hours} to learn from, {event[f'{kind}_held_out']:,} held out{bad}"


def _numbers(values: Mapping[str, float]) -> str:
    shown = {"learning_rate": "lr", "gradient_norm": "norm"}
    parts = []
    for name, value in values.items():
        group, _, short = name.partition("/")
        label = name if group == "eval" else shown.get(short, short)
        parts.append(f"{label} {value:,.0f}" if abs(value) >= 1000 else f"{label} {value:.4g}")
    return "  ".join(parts)


def _print_line(event: Event) -> None:
    line = describe(event)
    if line is not None:
        # The run continues when the log cannot be written (a full disk), because nothing but people reads it.
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)


class _LiveSink:
    """A progress bar for the current activity in the last line; other events scroll above it."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._task: TaskID | None = None
        self._phase = ""
        self._steps: int | None = None
        self._steps_per_epoch: float | None = None

    def __call__(self, event: Event) -> None:
        kind: str = event["event"]
        if kind == "progress":
            self._show(event["phase"].replace("_", " "), event["done"], event["total"], "")
            return
        if kind == "metrics" and "train/loss" in event["values"]:
            epoch = f"epoch {event['step'] / self._steps_per_epoch:.3g}  " if self._steps_per_epoch else ""
            note = f"{epoch}loss {event['values']['train/loss']:.3f}  {event['values']['train/tokens_per_s']:,.0f} tokens/s"
            self._show("training", event["step"], self._steps, note)
            return
        if kind == "started":
            self._steps = event["steps"]
        if kind == "prepared" and "steps" in event:
            self._steps, self._steps_per_epoch = event["steps"], event["steps_per_epoch"]
        line = describe(event)
        if line is not None:
            self._progress.console.print(line, highlight=False, markup=False)
        if kind in {"finished", "failed"}:
            self._progress.stop()

    def _show(self, phase: str, done: int, total: int | None, note: str) -> None:
        fields: dict[str, Any] = {"completed": done, "total": total, "note": note}
        if phase != self._phase:
            self._phase = phase
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(phase, start=True, **fields)
            self._progress.start()
        else:
            assert self._task is not None
            self._progress.update(self._task, **fields)
