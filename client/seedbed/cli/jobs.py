"""``seedbed job …``: submit, look, steer."""

import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.text import Text

from seedbed import specs
from seedbed.cli import text
from seedbed.cli.confirming import Yes, delete_for_good
from seedbed.cli.errors import INVALID, report, say, say_problems
from seedbed.cli.estimates import print_estimate
from seedbed.cli.output import Json, fields, out, print_json, print_json_line, remark, table
from seedbed.cli.previews import print_preview, save_preview
from seedbed.cli.samples import print_texts, write_samples
from seedbed.cli.short_jobs import awaited, require_success
from seedbed.cli.watching import follow
from seedbed.client import Client
from seedbed.errors import Invalid, ProblemDetail
from seedbed.models import Job

app = typer.Typer(help="Pretraining jobs.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="JOB", help="Id, as job_….")]
File = Annotated[str, typer.Option("--file", "-f", help="YAML or JSON; - for standard input.")]
DatasetOption = Annotated[str | None, typer.Option(help="In place of the file's own.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="As training.steps=2000; may be repeated."),
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Stay and watch.")]


class _SpecFile:
    """A job file as it was read, so that errors can say where in it."""

    def __init__(self, path: str, dataset: str | None, assignments: list[str] | None) -> None:
        self.name = "standard input" if path == "-" else path
        self.text = sys.stdin.read() if path == "-" else specs.read_text(path)
        self.spec = specs.parse(self.text, self.name)
        if dataset is not None:
            self.spec["dataset"] = dataset
        specs.assign(self.spec, assignments or [])
        self._assigned = {assignment.partition("=")[0].strip() for assignment in assignments or []}

    def say_problems(self, problems: Iterable[ProblemDetail], style: str = "red") -> None:
        lines = {path: line for path, line in specs.lines(self.text).items() if path not in self._assigned}
        for problem in problems:
            from_file = problem.param not in self._assigned
            say_problems([problem], source=self.name if from_file else "--set", lines=lines, style=style)


@app.command()
def submit(
    file: File,
    dataset: DatasetOption = None,
    assignments: Assignments = None,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Submit a job. Prints its id; with --watch, stays until its end and exits by it."""
    read = _SpecFile(file, dataset, assignments)
    with Client() as client:
        try:
            job = client.jobs.submit(read.spec)
        except Invalid as error:
            _refused(read, error, as_json=as_json)
            raise typer.Exit(INVALID) from None
        _submitted(client, job, watch=watch, as_json=as_json)


@app.command()
def validate(
    file: File, dataset: DatasetOption = None, assignments: Assignments = None, as_json: Json = False
) -> None:
    """Check a job file without submitting it; says what it would take."""
    read = _SpecFile(file, dataset, assignments)
    with Client() as client:
        answer = client.jobs.validate(read.spec)
    if as_json:
        print_json(answer)
    else:
        read.say_problems(answer.warnings, style="yellow")
        if not answer.valid:
            say(_places(len(answer.errors)))
            read.say_problems(answer.errors)
        else:
            fields(
                [
                    ("valid", "yes"),
                    ("parameters", f"{answer.parameters:,}" if answer.parameters is not None else None),
                    (
                        "memory",
                        f"about {text.size(answer.memory_bytes)}"
                        if answer.memory_bytes is not None
                        else None,
                    ),
                ]
            )
    if not answer.valid:
        raise typer.Exit(INVALID)


@app.command()
def estimate(
    file: File,
    dataset: DatasetOption = None,
    assignments: Assignments = None,
    largest_batch: Annotated[
        bool, typer.Option("--largest-batch", help="Find out as well how many samples fit at once.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have a worker take a few real steps of a job: throughput, memory, time, utilisation. Nothing is submitted."""
    read = _SpecFile(file, dataset, assignments)
    with Client() as client:
        try:
            asked = client.jobs.estimate(read.spec, largest_batch=largest_batch)
        except Invalid as error:
            _refused(read, error, as_json=as_json)
            raise typer.Exit(INVALID) from None
        done = awaited(
            asked,
            lambda told: client.estimates.wait(asked.id, on_progress=told),
            lambda: client.estimates.cancel(asked.id),
            what="estimating",
        )
    require_success(done, as_json=as_json)
    if as_json:
        print_json(done)
    else:
        print_estimate(done)


@app.command()
def preview(
    file: File,
    dataset: DatasetOption = None,
    assignments: Assignments = None,
    number: Annotated[
        int, typer.Option("--samples", min=1, max=16, help="Of how many samples: the first of the batch.")
    ] = 8,
    step: Annotated[int, typer.Option(min=1, help="Whose crops, masks and turns.")] = 1,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Where to. Default: a directory named by the preview's id."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Have a worker show what a job's networks would see: crops, masks, turns. Writes pictures and texts to a directory,
    prints the texts and the pictures' paths. Nothing is submitted."""
    read = _SpecFile(file, dataset, assignments)
    with Client() as client:
        try:
            asked = client.jobs.preview(read.spec, samples=number, step=step)
        except Invalid as error:
            _refused(read, error, as_json=as_json)
            raise typer.Exit(INVALID) from None
        done = awaited(
            asked,
            lambda told: client.previews.wait(asked.id, on_progress=told),
            lambda: client.previews.cancel(asked.id),
            what="previewing",
        )
        require_success(done, as_json=as_json)
        saved = save_preview(client, done, directory or Path(done.id))
    print_preview(done, saved, as_json=as_json)


@app.command()
def samples(
    job: Id,
    name: Annotated[str | None, typer.Option(help="Only these.")] = None,
    step: Annotated[
        int | None, typer.Option(min=0, help="Only of this step. Default: all are listed.")
    ] = None,
    out_directory: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write the texts and pictures there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what a job has shown; of one step, print its texts. With --out, write all to files."""
    with Client() as client:
        found = [item for item in client.jobs.samples(job, name=name) if step is None or item.step == step]
        if out_directory is not None:
            write_samples(client, found, out_directory)
        if as_json:
            print_json(found)
        elif step is not None:
            print_texts(client, found)
        else:
            table(
                ["id", "step", "name", "type", "size", "created"],
                [
                    (
                        item.id,
                        f"{item.step:,}",
                        item.name,
                        item.media_type,
                        text.size(item.bytes),
                        text.ago(item.created_at),
                    )
                    for item in found
                ],
                right=["step", "size"],
            )


@app.command()
def watch(job: Id, as_json: Json = False) -> None:
    """Watch a job live until its end. Exits with 0 if it succeeded; Ctrl-C leaves it running."""
    with Client() as client:
        raise typer.Exit(follow(client, job, as_json=as_json))


@app.command("list")
def list_(
    state: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Only jobs on this one.")] = None,
    name: Annotated[str | None, typer.Option(help="Only jobs of this name.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""
    with Client() as client:
        listing = client.jobs.list(state=state, dataset=dataset, name=name, page_size=min(limit, 100))
        found = list(islice(listing, limit))
    if as_json:
        print_json(found)
        return
    table(
        ["id", "name", "state", "step", "loss", "created"],
        [
            (
                job.id,
                job.name,
                f"{job.state}, {job.intent} asked for" if job.intent else job.state,
                f"{job.progress.step:,}/{job.progress.steps:,}",
                text.number(job.latest["train/loss"]) if "train/loss" in job.latest else "",
                text.ago(job.created_at),
            )
            for job in found
        ],
        right=["step", "loss"],
    )


@app.command()
def show(job: Id, as_json: Json = False) -> None:
    """Show a job: how it stands, its newest measurements, its spec."""
    with Client() as client:
        found = client.jobs.get(job)
    if as_json:
        print_json(found)
    else:
        _show(found)


@app.command()
def cancel(job: Id, as_json: Json = False) -> None:
    """End a job; one that runs writes a checkpoint first."""
    _act(lambda client: client.jobs.cancel(job), as_json=as_json)


@app.command()
def pause(job: Id, as_json: Json = False) -> None:
    """Have a job write a checkpoint and wait."""
    _act(lambda client: client.jobs.pause(job), as_json=as_json)


@app.command()
def resume(job: Id, as_json: Json = False) -> None:
    """Let a paused job go on."""
    _act(lambda client: client.jobs.resume(job), as_json=as_json)


@app.command()
def retry(
    job: Id,
    max_seconds: Annotated[
        float | None,
        typer.Option(min=1, help="In place of the spec's resources.max_seconds. Default: as it is."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Queue a failed or cancelled job again; it goes on from its last checkpoint."""
    changes = {} if max_seconds is None else {"max_seconds": max_seconds}
    _act(lambda client: client.jobs.retry(job, **changes), as_json=as_json)


@app.command()
def delete(job: Id, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a job that is over, with its checkpoints, exports, samples, logs and measurements."""
    with Client() as client:

        def describe() -> str:
            found = client.jobs.get(job)
            stored = text.size(sum(checkpoint.bytes for checkpoint in client.checkpoints.list(job)))
            return f"{found.name!r} ({found.state}, {found.checkpoints} checkpoints of {stored} in all)"

        delete_for_good(job, describe, lambda: client.jobs.delete(job), yes=yes, as_json=as_json)


@app.command()
def fork(
    job: Id,
    checkpoint: Annotated[str | None, typer.Option(help="To begin with. Default: the newest.")] = None,
    assignments: Assignments = None,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Begin a new job with a checkpoint of this one and its spec, changed by --set. Prints its id."""
    changes: dict[str, Any] = {}
    specs.assign(changes, assignments or [])
    with Client() as client:
        forked = client.jobs.fork(job, checkpoint=checkpoint, changes=changes)
        _submitted(client, forked, watch=watch, as_json=as_json)


@app.command()
def lineage(job: Id, as_json: Json = False) -> None:
    """Show the jobs that this one came from, and those that came from it."""
    with Client() as client:
        found = client.jobs.lineage(job)
    if as_json:
        print_json(found)
        return
    table(
        ["relation", "id", "name", "state", "from"],
        [
            (relation, node.id, node.name, node.state, node.parent.checkpoint if node.parent else "")
            for relation, nodes in (("ancestor", found.ancestors), ("descendant", found.descendants))
            for node in nodes
        ],
    )


@app.command()
def logs(
    job: Id,
    attempt: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    full: Annotated[bool, typer.Option("--full", help="From its first line.")] = False,
    as_json: Json = False,
) -> None:
    """Print what a job's engine printed: its last lines, or all."""
    with Client() as client:
        if not full:
            log = client.jobs.logs(job, attempt=attempt)
            print_json(log) if as_json else print(log.text, end="" if log.text.endswith("\n") else "\n")
        elif as_json:
            print_json({"job": job, "text": "".join(client.jobs.full_log(job, attempt=attempt))})
        else:
            for piece in client.jobs.full_log(job, attempt=attempt):
                print(piece, end="")


@app.command()
def events(
    job: Id,
    after: Annotated[int, typer.Option(min=0, help="Only what came after the event with this id.")] = 0,
    as_json: Json = False,
) -> None:
    """Print a job's diary, oldest first; with --json, one event a line."""
    with Client() as client:
        for event in client.jobs.events(job, after=after):
            if as_json:
                print_json_line(event)
            else:
                moment = event.time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
                out().print(Text.assemble((f"{moment}  ", "dim"), event.message))


@app.command()
def metrics(
    job: Id,
    names: Annotated[list[str] | None, typer.Option("--name", help="As train/loss; may be repeated.")] = None,
    max_points: Annotated[int, typer.Option(min=3, help="Longer series are bucketed.")] = 1000,
    from_step: Annotated[int | None, typer.Option(min=0)] = None,
    to_step: Annotated[int | None, typer.Option(min=0)] = None,
    as_json: Json = False,
) -> None:
    """Print what was measured, as tab-separated lines: metric, step, value."""
    with Client() as client:
        found = client.jobs.metrics(job, names, max_points=max_points, from_step=from_step, to_step=to_step)
    if as_json:
        print_json(found)
        return
    for name, series in found.series.items():
        for step, value in zip(series.steps, series.values, strict=True):
            print(name, step, series.not_finite.get(str(step)) if value is None else value, sep="\t")


def _refused(read: _SpecFile, error: Invalid, *, as_json: bool) -> None:
    if as_json or not error.errors:
        report(error, as_json=as_json)
        return
    say(f"this is no job that the service can run; {_places(len(error.errors))}")
    read.say_problems(error.errors)


def _act(verb: Callable[[Client], Job], *, as_json: bool) -> None:
    with Client() as client:
        job = verb(client)
    if as_json:
        print_json(job)
    else:
        remark(f"{job.id} is {job.state}" + (f"; {job.intent} was asked for." if job.intent else "."))


def _submitted(client: Client, job: Job, *, watch: bool, as_json: bool) -> None:
    if not watch and as_json:
        print_json(job)
    elif not as_json:
        waiting = f": {job.waiting_reason}" if job.waiting_reason else ""
        remark(f"{job.name!r} is {job.state}{waiting}.")
        for event in client.jobs.events(job.id):
            if event.type == "warning":
                remark(f"Warning: {event.message}")
        print(job.id, flush=True)
    if watch:
        raise typer.Exit(follow(client, job.id, as_json=as_json))


def _show(job: Job) -> None:
    progress = job.progress
    step = f"{progress.step:,} of {progress.steps:,} ({progress.fraction:.0%})"
    if progress.eta_seconds is not None:
        step += f", {text.duration(progress.eta_seconds)} left"
    failure = job.failure
    fields(
        [
            ("id", job.id),
            ("name", job.name),
            ("state", f"{job.state}, {job.intent} asked for" if job.intent else job.state),
            ("waits", job.waiting_reason),
            ("failure", f"{failure.message} ({failure.code})" if failure else None),
            ("what to do", failure.hint if failure else None),
            ("paused for", f"{job.pause.message} ({job.pause.code})" if job.pause else None),
            ("what to do", job.pause.hint if job.pause else None),
            ("phase", progress.phase),
            ("step", step),
            *((name, text.number(value)) for name, value in sorted(job.latest.items())),
            ("dataset", job.dataset),
            ("attempt", f"{job.attempt}" + (f" on {job.worker}" if job.worker else "")),
            ("checkpoints", str(job.checkpoints)),
            ("parent", f"{job.parent.job}, {job.parent.checkpoint}" if job.parent else None),
            ("priority", str(job.priority)),
            ("created", _moment(job.created_at)),
            ("started", _moment(job.started_at)),
            ("finished", _moment(job.finished_at)),
        ]
    )
    print()
    print(yaml.safe_dump(job.spec, sort_keys=False, allow_unicode=True), end="")


def _moment(moment: datetime | None) -> str | None:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S} ({text.ago(moment)})" if moment else None


def _places(count: int) -> str:
    return "one thing is wrong:" if count == 1 else f"{count} things are wrong:"
