"""The demonstration, over real HTTP: upload, train, watch, evaluate, download, fill a mask."""

import contextlib
import json
import os
import pydoc_data.topics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from standalone.demo_sizes import BUDGET_SECONDS, SIZES, Pace, Precision, describe, fitting, spec
from standalone.home import Home
from standalone.laps import Laps
from standalone.parts import package_root
from standalone.problems import ProblemError
from standalone.progress_bar import ProgressBar, minutes
from standalone.up import Service, announce, stop_signals
from worker.device import DeviceChoice

if TYPE_CHECKING:
    import seedbed

_CHECK_SECONDS = 0.2
INSTALLATION = "SEEDBED_INSTALLATION_SECONDS"
"""The environment variable in which ``./run`` passes the seconds that installing took."""


def demo(
    home: Home,
    *,
    host: str,
    port: int,
    device: DeviceChoice,
    steps: int | None = None,
    precision: Precision = "auto",
    budget_seconds: float = BUDGET_SECONDS,
    stay: bool,
) -> None:
    """Run the demonstration; with `stay`, leave the service running until Ctrl-C.

    A service that already runs on the data directory is used as it is.

    Args:
        steps: Steps of the largest size, however long they take. Default: as many as fit `budget_seconds` of training.
        precision: The precision that the job asks for.

    Raises:
        ProblemError: a step of the demonstration failed.
    """
    console = Console(highlight=False, soft_wrap=True)
    laps = Laps(os.environ.pop(INSTALLATION, None))
    if home.running and (known := home.client()) is not None:
        console.print(f"A service is running here already, at {known['url']}; using it.")
        walkthrough = _Walkthrough(console, home, known["url"], known["key"], laps)
        walkthrough.run(steps, precision, budget_seconds)
        return
    console.print("Starting PostgreSQL, Valkey, the API and a worker …")
    service = Service(home, host=host, port=port, device=device, quiet=True)
    with stop_signals(on_second=service.cut_short) as stop, service.running() as address:
        laps.lap("starting the service")
        walkthrough = _Walkthrough(console, home, address.url, address.key, laps)
        failure = _run_while_supervising(
            lambda: walkthrough.run(steps, precision, budget_seconds), service.restart_dead, stop
        )
        if failure is not None:
            raise failure
        if stop.is_set():
            raise ProblemError("The demonstration was stopped before its end.")
        console.print(f"\nDashboard: [bold]{address.url}[/bold]\nKey:       [bold]{address.key}[/bold]")
        if stay:
            announce(address, home)
            while not stop.wait(_CHECK_SECONDS):
                service.restart_dead()


def _run_while_supervising(
    action: Callable[[], object], supervise: Callable[[], object], stop: threading.Event
) -> BaseException | None:
    """Run `action` in another thread, and call `supervise` in this one, which is the parent of the service's processes.

    Returns:
        The exception that ended `action`; None if there was none, or if `stop` was set first.
    """
    failure: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            failure.append(error)

    thread = threading.Thread(target=run, name="demo", daemon=True)
    thread.start()
    while thread.is_alive() and not stop.is_set():
        supervise()
        thread.join(_CHECK_SECONDS)
    return failure[0] if failure else None


class _Walkthrough:
    """The steps of the demonstration, done through the SDK as a user would."""

    def __init__(self, console: Console, home: Home, url: str, key: str, laps: Laps) -> None:
        self._console = console
        self._home = home
        self._url = url
        self._key = key
        self._laps = laps

    def run(self, steps: int | None, precision: Precision, budget_seconds: float) -> None:
        try:
            import seedbed  # noqa: PLC0415 - a separate distribution, which may not be installed
        except ImportError as error:
            raise ProblemError(
                "The demonstration uses the service's Python SDK; install it: pip install seedbed-client."
            ) from error
        with seedbed.Client(self._url, self._key) as client:
            try:
                dataset = self._upload(client)
                self._laps.lap("uploading")
                job, summary = self._train(client, dataset, steps, precision, budget_seconds)
                self._laps.lap(f"training ({summary})")
                self._evaluate(client, job)
                self._open(self._download(client, job))
                self._laps.lap("using the checkpoint")
                self._console.print(f"\n{self._laps}")
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

    def _train(
        self,
        client: "seedbed.Client",
        dataset: str,
        steps: int | None,
        precision: Precision,
        budget_seconds: float,
    ) -> tuple[str, str]:
        """Train the largest size that fits the time budget, as measured over the first steps.

        Returns:
            The job's id, and a description of what was trained.
        """
        number, size, measure = 0, SIZES[0], steps is None
        if steps is not None:
            size = replace(size, steps=steps)
        deadline = time.monotonic() + budget_seconds
        while True:
            job = client.jobs.submit(spec(dataset, size, precision))
            self._console.print(f"Job [bold]{job.id}[/bold]: {self._url}/jobs/{job.id}\n")
            seconds = max(budget_seconds / 2, deadline - time.monotonic())
            pace = self._watch(client, job.id, least_pace=size.steps / seconds if measure else 0.0)
            if pace is None:
                return job.id, f"{describe(size)}, precision {precision}"
            needed = minutes(size.steps / pace)
            seconds = max(budget_seconds / 2, deadline - time.monotonic())
            number, size, measure = fitting(number, pace, seconds, SIZES)
            self._console.print(
                f"\nAt {pace:.2g} steps a second that takes {needed} minutes on this machine. Training instead: "
                f"{describe(size)}. (--steps {SIZES[0].steps} trains the large one, however long it takes.)"
            )

    def _watch(self, client: "seedbed.Client", job: str, *, least_pace: float) -> float | None:
        """Watch the job until its end; cancel it if its first steps are slower than `least_pace`, in steps a second.

        Returns:
            The measured steps a second if the job was cancelled for them; None if it succeeded.
        """
        import seedbed  # noqa: PLC0415 - see `run`

        pace = Pace()
        measured: float | None = None
        with ProgressBar(self._console) as bar:
            for update in client.jobs.watch(job):
                bar.show(update)
                if (
                    measured is None
                    and isinstance(update, seedbed.MetricPoint)
                    and "train/loss" in update.values
                ):
                    measured = pace.measure(update.step, update.time)
                    if measured is not None and measured < least_pace:
                        with contextlib.suppress(seedbed.Conflict):  # the job has just ended
                            client.jobs.cancel(job)
        final = client.jobs.get(job)
        if final.state == "succeeded":
            return None
        if final.state == "cancelled" and measured is not None and measured < least_pace:
            return measured
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
                f"The held-out loss ({loss:.3f}) is not below the unigram entropy ({entropy:.3f}): the model has learned "
                "no more than how frequent each token is. Train longer, with --steps."
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
        self._console.print("Opened by transformers in a separate process:")
        for filled in json.loads(result.stdout.splitlines()[-1]):
            guesses = ", ".join(f"{token!r} {probability:.0%}" for token, probability in filled["guesses"])
            self._console.print(f"  {filled['sentence']}\n      → {guesses}", markup=False)
