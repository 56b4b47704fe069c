"""``seedbed checkpoint …``"""

from pathlib import Path
from typing import Annotated

import typer

from seedbed.cli import text
from seedbed.cli.confirming import Yes, delete_for_good
from seedbed.cli.newest import newest, of_job_or_itself
from seedbed.cli.output import Json, print_json, remark, table
from seedbed.cli.short_jobs import succeeded
from seedbed.cli.transfers import bar
from seedbed.client import Client
from seedbed.resources.checkpoints import wanted_files
from seedbed.uploads import model_files

app = typer.Typer(help="What training made, and models to start from.", no_args_is_help=True)


@app.command("list")
def list_(
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="[JOB]", help="Id, as job_…. Default: the uploaded checkpoints of the project."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List a job's checkpoints, newest step first, or those that were uploaded."""
    with Client() as client:
        found = list(client.checkpoints.list(job) if job else client.checkpoints.uploaded())
    if as_json:
        print_json(found)
        return
    if job is None:
        table(
            ["id", "name", "network", "size", "created"],
            [
                (
                    one.id,
                    one.name or "",
                    (one.spec or {}).get("model", {}).get("architecture", ""),
                    text.size(one.bytes),
                    text.ago(one.created_at),
                )
                for one in found
            ],
            right=["size"],
        )
        return
    table(
        ["id", "step", "attempt", "size", "evaluation", "created"],
        [
            (
                checkpoint.id,
                f"{checkpoint.step:,}",
                str(checkpoint.attempt),
                text.size(checkpoint.bytes),
                ", ".join(f"{text.metric(n)} {text.number(v)}" for n, v in checkpoint.metrics.items()),
                text.ago(checkpoint.created_at),
            )
            for checkpoint in found
        ],
        right=["step", "attempt", "size"],
    )


@app.command()
def download(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT", help="Id of a checkpoint (ckpt_…), or of a job, for its newest checkpoint."
        ),
    ],
    directory: Annotated[
        Path | None,
        typer.Argument(help="Target directory. Default: a directory named by the checkpoint's id."),
    ] = None,
    model_only: Annotated[
        bool, typer.Option("--model-only", help="Leave out the trainer's state, which only a resume needs.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace existing files with other content.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download a checkpoint, or continue an aborted download. Prints the directory."""
    with Client() as client:
        found = (
            newest(client, checkpoint)
            if checkpoint.startswith("job_")
            else client.checkpoints.get(checkpoint)
        )
        place = directory or Path(found.id)
        files = wanted_files(found, model_only=model_only)
        with bar("downloading", sum(file.bytes for file in files)) as progress:
            client.checkpoints.download(
                found, place, model_only=model_only, overwrite=force, progress=progress
            )
    if as_json:
        print_json({"checkpoint": found, "directory": str(place), "files": [file.path for file in files]})
        return
    remark(f"Step {found.step:,}, {len(files)} files, every one as its manifest says.")
    print(place)


@app.command()
def card(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT", help="Id of a checkpoint (ckpt_…), or of a job, for its newest checkpoint."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Print a checkpoint's model card: Markdown with metadata, in the format of the Hugging Face Hub."""
    with Client() as client:
        wanted = of_job_or_itself(client, checkpoint)
        found = client.checkpoints.card(wanted)
    if as_json:
        print_json({"checkpoint": wanted, "card": found})
        return
    print(found, end="")


@app.command()
def upload(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A model that save_pretrained of transformers wrote.")
    ],
    name: Annotated[
        str | None, typer.Option(help="A name for people. Default: that of the directory.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Upload a model in the layout of transformers, for jobs to start from. Prints the checkpoint's id."""
    with Client() as client:
        files = model_files(directory)
        with bar("uploading", sum(file.bytes for file in files)) as progress:
            found = client.checkpoints.upload(directory, name=name, progress=progress)
    if as_json:
        print_json(found)
        return
    spec = found.spec or {}
    remark(
        f"A {spec['model']['architecture']}, {len(found.files)} files. Start from it: "
        f"seedbed job submit -f SPEC --start {found.id} (all of it, by {spec['task']['kind']}), or with --scope encoder."
    )
    print(found.id)


@app.command()
def delete(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="Id, as ckpt_….")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete a checkpoint. Refused while its job would resume from it, and while a fork, an export or an evaluation uses it."""
    with Client() as client:

        def describe() -> str:
            found = client.checkpoints.get(checkpoint)
            what = f"step {found.step:,} of {found.job}" if found.job else f"the uploaded {found.name}"
            return f"the checkpoint of {what} ({text.size(found.bytes)})"

        delete_for_good(
            checkpoint, describe, lambda: client.checkpoints.delete(checkpoint), yes=yes, as_json=as_json
        )


@app.command()
def export(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT", help="Id of a checkpoint (ckpt_…), or of a job, for its newest checkpoint."
        ),
    ],
    directory: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Target directory. Default: a directory named by the export's id."
        ),
    ] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="onnx, onnx_int8, torch_export or gguf; `seedbed task show` lists those of a task.",
        ),
    ] = "onnx",
    force: Annotated[
        bool, typer.Option("--force", help="Replace existing files with other content.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have a checkpoint written in another format, checked, and download it. Prints the directory."""
    with Client() as client:
        wanted = of_job_or_itself(client, checkpoint)
        asked = client.checkpoints.export(wanted, format=format_)
        done = succeeded(client.exports, asked, what="exporting", as_json=as_json)
        place = directory or Path(done.id)
        with bar("downloading", done.bytes) as progress:
            client.exports.download(done, place, overwrite=force, progress=progress)
    if as_json:
        print_json({"export": done, "directory": str(place)})
        return
    if done.result is not None:
        check = done.result.check
        same = "computes the same to" if check.tolerance is not None else "differs by"
        remark(
            f"{done.result.architecture} at step {done.step:,}; {check.runtime} {same} "
            f"{check.largest_difference:.1g} ({check.inputs} batches compared)."
        )
        for cost in done.result.costs:
            remark(f"{cost.name}: {text.number(cost.original)} before, {text.number(cost.exported)} after.")
    print(place)
