"""``seedbed job samples``, ``logs``, ``events``, ``metrics``, ``tensorboard``: the history of a job."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from seedbed.cli import text
from seedbed.cli.job_ids import JobId
from seedbed.cli.output import Json, out, print_json, print_json_line, remark, table
from seedbed.cli.samples import print_texts, write_samples
from seedbed.client import Client


def samples(
    job: JobId,
    name: Annotated[str | None, typer.Option(help="Only these.")] = None,
    step: Annotated[
        int | None, typer.Option(min=0, help="Only of this step. Default: all are listed.")
    ] = None,
    out_directory: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write the texts and pictures there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List a job's samples; of one step, print its texts. With --out, write all to files."""
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


def logs(
    job: JobId,
    attempt: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    full: Annotated[bool, typer.Option("--full", help="The whole log, not only its last lines.")] = False,
    as_json: Json = False,
) -> None:
    """Print the log of a job's engine: its last lines, or all."""
    with Client() as client:
        if not full:
            log = client.jobs.logs(job, attempt=attempt)
            print_json(log) if as_json else print(log.text, end="" if log.text.endswith("\n") else "\n")
        elif as_json:
            print_json({"job": job, "text": "".join(client.jobs.full_log(job, attempt=attempt))})
        else:
            for piece in client.jobs.full_log(job, attempt=attempt):
                print(piece, end="")


def events(
    job: JobId,
    after: Annotated[int, typer.Option(min=0, help="Only events after the one with this id.")] = 0,
    as_json: Json = False,
) -> None:
    """Print a job's events, oldest first; with --json, one event on each line."""
    with Client() as client:
        for event in client.jobs.events(job, after=after):
            if as_json:
                print_json_line(event)
            else:
                moment = event.time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
                out().print(Text.assemble((f"{moment}  ", "dim"), event.message))


def metrics(
    job: JobId,
    names: Annotated[list[str] | None, typer.Option("--name", help="As train/loss; may be repeated.")] = None,
    max_points: Annotated[int, typer.Option(min=3, help="Longer series are bucketed.")] = 1000,
    from_step: Annotated[int | None, typer.Option(min=0)] = None,
    to_step: Annotated[int | None, typer.Option(min=0)] = None,
    as_json: Json = False,
) -> None:
    """Print a job's metrics as tab-separated lines: metric, step, value."""
    with Client() as client:
        found = client.jobs.metrics(job, names, max_points=max_points, from_step=from_step, to_step=to_step)
    if as_json:
        print_json(found)
        return
    for name, series in found.series.items():
        for step, value in zip(series.steps, series.values, strict=True):
            print(name, step, series.not_finite.get(str(step)) if value is None else value, sep="\t")


def tensorboard(
    job: JobId,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where to write the folder of the job.")
    ] = Path(),
    as_json: Json = False,
) -> None:
    """Download a job's metrics as an event file of TensorBoard, in a folder named after the job; print its path."""
    with Client() as client:
        file = client.jobs.tensorboard(job, output)
    if as_json:
        print_json({"job": job, "file": str(file)})
    else:
        print(file)
        remark(f"Show it with `tensorboard --logdir {output}`.")
