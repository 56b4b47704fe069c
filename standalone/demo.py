"""The whole way once, over real HTTP: upload, train, watch, evaluate, download, fill a mask."""

import json
import os
import pydoc_data.topics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from standalone.home import Home
from standalone.parts import package_root
from standalone.problems import ProblemError
from standalone.up import Service, announce, stop_signals
from worker.device import DeviceChoice

if TYPE_CHECKING:
    import seedbed

_LOOK_SECONDS = 0.2
STEPS = 600


def spec(dataset: str, steps: int) -> dict[str, Any]:
    """The demonstration's job: a small BERT, minutes on two cores.

    The vocabulary is small because the text is: half a megabyte shows a rare token too seldom to learn it. No dropout,
    for the same reason: in so few steps there is more to fit than to overfit.
    """
    return {
        "name": "python-docs",
        "dataset": dataset,
        "task": {"kind": "masked_lm", "mask_probability": 0.15},
        "model": {"preset": "bert-mini", "dropout": 0.0},
        "data": {"tokenizer": {"vocabulary_size": 1024}},
        "training": {
            "steps": steps,
            "batch_size": 32,
            "sequence_length": 128,
            "seed": 0,
            "precision": "auto",
            "optimizer": {"kind": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01},
            "schedule": {"kind": "cosine", "warmup_steps": min(50, steps // 2)},
            "evaluate_every": 100,
            "checkpoint_every": 200,
        },
        "resources": {"device": "auto"},
    }


def demo(
    home: Home, *, host: str, port: int, device: DeviceChoice, steps: int | None = None, stay: bool
) -> None:
    """Show everything once; with `stay`, leave the service running until Ctrl-C.

    A service that already runs on the data directory is used as it is.

    Raises:
        ProblemError: something did not go well.
    """
    console = Console(highlight=False, soft_wrap=True)
    if home.running and (known := home.client()) is not None:
        console.print(f"A service is running here already, at {known['url']}; using it.")
        _Story(console, home, known["url"], known["key"]).tell(steps or STEPS)
        return
    console.print("Starting PostgreSQL, Valkey, the API and a worker …")
    service = Service(home, host=host, port=port, device=device, quiet=True)
    with stop_signals(on_second=service.hurry) as stop, service.running() as address:
        failure = _beside(
            lambda: _Story(console, home, address.url, address.key).tell(steps or STEPS), service.look, stop
        )
        if failure is not None:
            raise failure
        if stop.is_set():
            raise ProblemError("The demonstration was stopped before its end.")
        console.print(f"\nDashboard: [bold]{address.url}[/bold]\nKey:       [bold]{address.key}[/bold]")
        if stay:
            announce(address, home)
            while not stop.wait(_LOOK_SECONDS):
                service.look()


def _beside(
    action: Callable[[], object], look: Callable[[], object], stop: threading.Event
) -> BaseException | None:
    """Run `action` in a thread while this one, whose children the processes are, looks after them."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            failure.append(error)

    thread = threading.Thread(target=run, name="demo", daemon=True)
    thread.start()
    while thread.is_alive() and not stop.is_set():
        look()
        thread.join(_LOOK_SECONDS)
    return failure[0] if failure else None


class _Story:
    """What a user would do, through the SDK."""

    def __init__(self, console: Console, home: Home, url: str, key: str) -> None:
        self._console = console
        self._home = home
        self._url = url
        self._key = key

    def tell(self, steps: int) -> None:
        try:
            import seedbed  # noqa: PLC0415 - a distribution of its own
        except ImportError as error:
            raise ProblemError(
                "The demonstration speaks to the service through its SDK; install it: pip install seedbed-client."
            ) from error
        with seedbed.Client(self._url, self._key) as client:
            try:
                dataset = self._upload(client)
                job = client.jobs.submit(spec(dataset, steps))
                self._console.print(f"Job [bold]{job.id}[/bold]: {self._url}/jobs/{job.id}\n")
                self._watch(client, job.id)
                self._evaluate(client, job.id)
                self._open(self._download(client, job.id))
            except seedbed.SeedbedError as error:
                raise ProblemError(f"The demonstration failed: {error}") from error

    def _upload(self, client: "seedbed.Client") -> str:
        text = "\f".join(content for _, content in sorted(pydoc_data.topics.topics.items()))
        dataset = client.datasets.create("python-docs")
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "python-docs.txt")
            path.write_text(text, encoding="utf-8")
            client.datasets.upload(dataset.id, path)
        ready = client.datasets.complete(dataset.id)
        self._console.print(
            f"Uploaded Python's own documentation: {len(text.encode()):,} bytes. Dataset [bold]{ready.id}[/bold]."
        )
        return ready.id

    def _watch(self, client: "seedbed.Client", job: str) -> None:
        with _Bar(self._console) as bar:
            for update in client.jobs.watch(job):
                bar.show(update)
        final = client.jobs.get(job)
        if final.state != "succeeded":
            failure = final.failure
            why = f": {failure.message} {failure.hint or ''}" if failure else ""
            raise ProblemError(f"The job has {final.state}{why}")

    def _evaluate(self, client: "seedbed.Client", job: str) -> None:
        latest = client.jobs.get(job).latest
        loss, entropy = latest.get("eval/loss"), latest.get("eval/unigram_entropy")
        if loss is None or entropy is None:
            raise ProblemError("The job ended without an evaluation.")
        accuracy = latest.get("eval/masked_accuracy") or 0.0
        self._console.print(
            f"\nOn text held out from training: masked-token loss [bold]{loss:.3f}[/bold] nats, "
            f"unigram entropy [bold]{entropy:.3f}[/bold] nats, {accuracy:.1%} of the masked tokens right."
        )
        if loss >= entropy:
            raise ProblemError(
                f"The held-out loss ({loss:.3f}) is not below the unigram entropy ({entropy:.3f}): the model knows no "
                "more than how often each token comes. Give it more --steps."
            )
        self._console.print("The loss is below the entropy: the model has learned from context.")

    def _download(self, client: "seedbed.Client", job: str) -> Path:
        newest = next(iter(client.checkpoints.list(job)))
        directory = self._home.directory / "demo" / job
        client.checkpoints.download(newest, directory, model_only=True)
        self._console.print(f"\nDownloaded the checkpoint of step {newest.step} to {directory}")
        return directory

    def _open(self, checkpoint: Path) -> None:
        result = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "standalone.fill_mask", checkpoint],
            env={**os.environ, "PYTHONPATH": str(package_root()), "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise ProblemError(f"transformers could not use the checkpoint: {result.stderr.strip()[-2000:]}")
        self._console.print("Opened by transformers in a process of its own:")
        for filled in json.loads(result.stdout.splitlines()[-1]):
            guesses = ", ".join(f"{token!r} {probability:.0%}" for token, probability in filled["guesses"])
            self._console.print(f"  {filled['sentence']}\n      → {guesses}", markup=False)


class _Bar:
    """A live progress bar on a terminal; elsewhere a line now and then."""

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
        """Take an update of the SDK's watch."""
        import seedbed  # noqa: PLC0415 - as above

        match update:
            case seedbed.MetricPoint():
                self._measured(update.values)
                self._progress.update(self._task, completed=update.step)
                self._line(f"step {update.step}")
            case seedbed.Progress():
                if update.eta_seconds is not None:
                    self._facts["eta"] = f"ETA {_minutes(update.eta_seconds)}"
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
            self._next_line = now + 10.0
            self._console.print(f"{what}: {'  '.join(self._facts.values())}")


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
