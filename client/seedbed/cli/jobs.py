"""``seedbed job …``: list, show, pause, resume, cancel, retry, delete; and the group of all commands about jobs."""

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Annotated

import typer
import yaml

from seedbed.cli import history, submission, text
from seedbed.cli.confirming import Yes, delete_for_good
from seedbed.cli.estimates import estimate
from seedbed.cli.job_ids import JobId
from seedbed.cli.output import Json, fields, print_json, remark, table
from seedbed.cli.previews import preview
from seedbed.cli.watching import follow
from seedbed.client import Client
from seedbed.models import Job, Parent

app = typer.Typer(help="Pretraining jobs.", no_args_is_help=True)

# In the order in which --help lists them.
app.command()(submission.submit)
app.command()(submission.validate)
app.command()(estimate)
app.command()(preview)
app.command()(history.samples)


@app.command()
def watch(job: JobId, as_json: Json = False) -> None:
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
                f"{job.progress.step:,}/{text.total(job.progress.steps)}",
                text.number(job.latest["train/loss"]) if "train/loss" in job.latest else "",
                text.ago(job.created_at),
            )
            for job in found
        ],
        right=["step", "loss"],
    )


@app.command()
def show(job: JobId, as_json: Json = False) -> None:
    """Show a job: its state, its newest metrics, its spec."""
    with Client() as client:
        found = client.jobs.get(job)
    if as_json:
        print_json(found)
    else:
        _show(found)


@app.command()
def cancel(job: JobId, as_json: Json = False) -> None:
    """Cancel a job; one that runs writes a checkpoint first."""
    _act(lambda client: client.jobs.cancel(job), as_json=as_json)


@app.command()
def pause(job: JobId, as_json: Json = False) -> None:
    """Pause a job; one that runs writes a checkpoint first."""
    _act(lambda client: client.jobs.pause(job), as_json=as_json)


@app.command()
def resume(job: JobId, as_json: Json = False) -> None:
    """Resume a paused job."""
    _act(lambda client: client.jobs.resume(job), as_json=as_json)


@app.command()
def retry(
    job: JobId,
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
def delete(job: JobId, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a job that is over, with its checkpoints, exports, samples, logs and measurements."""
    with Client() as client:

        def describe() -> str:
            found = client.jobs.get(job)
            stored = text.size(sum(checkpoint.bytes for checkpoint in client.checkpoints.list(job)))
            return f"{found.name!r} ({found.state}, {found.checkpoints} checkpoints of {stored} in all)"

        delete_for_good(job, describe, lambda: client.jobs.delete(job), yes=yes, as_json=as_json)


app.command()(submission.fork)


@app.command()
def lineage(job: JobId, as_json: Json = False) -> None:
    """Show the jobs that this one came from, and those that came from it."""
    with Client() as client:
        found = client.jobs.lineage(job)
    if as_json:
        print_json(found)
        return
    table(
        ["relation", "id", "name", "state", "from"],
        [
            (relation, node.id, node.name, node.state, _taken(node.parent) if node.parent else "")
            for relation, nodes in (("ancestor", found.ancestors), ("descendant", found.descendants))
            for node in nodes
        ],
    )


app.command()(history.logs)
app.command()(history.events)
app.command()(history.metrics)
app.command()(history.tensorboard)


def _taken(parent: Parent) -> str:
    """Which part of the parent's checkpoint a job started with."""
    return parent.checkpoint if parent.scope == "all" else f"{parent.scope} of {parent.checkpoint}"


def _act(verb: Callable[[Client], Job], *, as_json: bool) -> None:
    with Client() as client:
        job = verb(client)
    if as_json:
        print_json(job)
    else:
        remark(f"{job.id} is {job.state}" + (f"; {job.intent} was asked for." if job.intent else "."))


def _show(job: Job) -> None:
    progress = job.progress
    step = f"{progress.step:,} of {text.total(progress.steps)} ({progress.fraction:.0%})"
    if progress.epoch is not None and progress.epochs is not None:
        step += f", epoch {progress.epoch:.3g} of {progress.epochs:.3g}"
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
            ("parent", f"{job.parent.job or 'uploaded'}, {_taken(job.parent)}" if job.parent else None),
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
