"""``seedbed job submit``, ``validate``, ``fork``."""

from typing import Annotated, Any

import typer

from seedbed import specs
from seedbed.cli import text
from seedbed.cli.errors import INVALID, print_error
from seedbed.cli.job_ids import JobId
from seedbed.cli.output import Json, fields, print_json, remark
from seedbed.cli.spec_files import (
    Assignments,
    DatasetOption,
    File,
    ScopeOption,
    SpecFile,
    StartOption,
    places,
)
from seedbed.cli.watching import follow
from seedbed.client import Client
from seedbed.models import Job

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Stay and watch.")]


def submit(
    file: File,
    dataset: DatasetOption = None,
    start: StartOption = None,
    scope: ScopeOption = None,
    assignments: Assignments = None,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Submit a job. Prints its id; with --watch, waits for its end and sets the exit code by it."""
    read = SpecFile(file, dataset, assignments, start=start, scope=scope)
    with Client() as client:
        with read.explained(as_json=as_json):
            job = client.jobs.submit(read.spec)
        _submitted(client, job, watch=watch, as_json=as_json)


def validate(
    file: File,
    dataset: DatasetOption = None,
    start: StartOption = None,
    scope: ScopeOption = None,
    assignments: Assignments = None,
    as_json: Json = False,
) -> None:
    """Validate a job file without submitting it; prints its parameters and the memory that it would need."""
    read = SpecFile(file, dataset, assignments, start=start, scope=scope)
    with Client() as client:
        answer = client.jobs.validate(read.spec)
    if as_json:
        print_json(answer)
    else:
        read.print_problems(answer.warnings, style="yellow")
        if not answer.valid:
            print_error(places(len(answer.errors)))
            read.print_problems(answer.errors)
        else:
            fields(
                [
                    ("valid", "yes"),
                    ("parameters", text.parameters(answer.parameters, answer.trainable_parameters)),
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


def fork(
    job: JobId,
    checkpoint: Annotated[
        str | None, typer.Option(help="Checkpoint to start from. Default: the newest.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            "--scope",
            metavar="all|encoder",
            help="Go on with the parent's task, or take its encoder alone, into the task set by --set. Default: all.",
        ),
    ] = None,
    assignments: Assignments = None,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Start a new job from a checkpoint of this one and its spec, changed by --set. Prints its id."""
    changes: dict[str, Any] = {} if scope is None else {"start": {"scope": scope}}
    specs.assign(changes, assignments or [])
    with Client() as client:
        forked = client.jobs.fork(job, checkpoint=checkpoint, changes=changes)
        _submitted(client, forked, watch=watch, as_json=as_json)


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
