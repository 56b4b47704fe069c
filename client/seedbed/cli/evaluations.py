"""``seedbed evaluation …``"""

from typing import Annotated

import typer

from seedbed.cli import text
from seedbed.cli.confirming import Yes, delete_for_good
from seedbed.cli.newest import of_job_or_itself
from seedbed.cli.output import Json, print_json, remark, table
from seedbed.cli.short_jobs import succeeded
from seedbed.client import Client
from seedbed.short_jobs.evaluation import Estimated, Evaluation, Measure, Section

app = typer.Typer(help="Checkpoints measured on datasets, and compared.", no_args_is_help=True)

EvaluationArgument = Annotated[str, typer.Argument(metavar="EVALUATION", help="Id, as eval_….")]


@app.command()
def create(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT", help="Id of a checkpoint (ckpt_…), or of a job, for its newest checkpoint."
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(metavar="DATASET", help="Id of a dataset. Default: the one that the job learned from."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="CHECKPOINT", help="Compare with this checkpoint, or a job's newest, on the same samples."
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="SPLIT", help="Samples to measure on: held_out, train or all.")
    ] = "held_out",
    probes: Annotated[
        bool, typer.Option("--probes/--no-probes", help="Linear probe and k-NN, where there are labels.")
    ] = True,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the result, or print the evaluation's id.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Have a worker measure a checkpoint on a dataset, and print each measure with its 95 % confidence interval."""
    with Client() as client:
        asked = client.evaluations.create(
            of_job_or_itself(client, checkpoint),
            dataset=dataset,
            against=None if against is None else of_job_or_itself(client, against),
            split=split,
            probes=probes,
        )
        if wait:
            asked = succeeded(client.evaluations, asked, what="evaluating", as_json=as_json)
    if as_json:
        print_json(asked)
    elif wait:
        _print(asked)
    else:
        print(asked.id)


@app.command()
def show(evaluation: EvaluationArgument, as_json: Json = False) -> None:
    """Print an evaluation: its measures, or its state until it is over."""
    with Client() as client:
        found = client.evaluations.get(evaluation)
    if as_json:
        print_json(found)
    else:
        _print(found)


@app.command("list")
def list_(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Id, as job_….")], as_json: Json = False
) -> None:
    """List the evaluations of a job's checkpoints, newest first."""
    with Client() as client:
        found = client.evaluations.list(job)
    if as_json:
        print_json(found)
        return
    table(
        ["id", "state", "step", "dataset", "split", "against", "created"],
        [
            (
                one.id,
                one.state,
                f"{one.step:,}",
                one.dataset,
                one.split,
                one.against or "",
                text.ago(one.created_at),
            )
            for one in found
        ],
        right=["step"],
    )


@app.command()
def cancel(evaluation: EvaluationArgument, as_json: Json = False) -> None:
    """Stop an evaluation, or remove it from the queue."""
    with Client() as client:
        found = client.evaluations.cancel(evaluation)
    if as_json:
        print_json(found)
    else:
        remark(f"{found.id} is {found.state}.")


@app.command()
def delete(evaluation: EvaluationArgument, yes: Yes = False, as_json: Json = False) -> None:
    """Delete an evaluation that is over."""
    with Client() as client:
        delete_for_good(
            evaluation,
            lambda: f"the evaluation of step {client.evaluations.get(evaluation).step:,}",
            lambda: client.evaluations.delete(evaluation),
            yes=yes,
            as_json=as_json,
        )


def _print(evaluation: Evaluation) -> None:
    result = evaluation.result
    if result is None:
        failure = f": {evaluation.failure.message}" if evaluation.failure else ""
        remark(f"{evaluation.id} is {evaluation.state}{failure}.".replace("..", "."))
        return
    for section in result.sections:
        remark(section.counted)
        _table(section)
    level = f"{100 * result.resampling.level:g} %"
    remark(f"Intervals: {level} bootstrap, {result.resampling.resamples:,} resamples.")


def _table(section: Section) -> None:
    compared = section.paired is not None
    headings = ["measure", "value", "interval"]
    headings += ["against", "difference", "interval of the difference"] if compared else []
    table(
        headings,
        [_row(measure, compared=compared) for measure in section.measures],
        right=[heading for heading in headings if heading != "measure"],
    )


def _row(measure: Measure, *, compared: bool) -> tuple[str, ...]:
    name = f"{measure.title} ({measure.unit})" if measure.unit else measure.title
    row = (name, text.number(measure.value), _interval(measure))
    if not compared:
        return row
    against, difference = measure.against or Estimated(), measure.difference or Estimated()
    if measure.against is None:
        return (*row, "", "", "")
    return (*row, text.number(against.value), text.number(difference.value), _interval(difference))


def _interval(of: Estimated) -> str:
    if of.low is None or of.high is None:
        return ""
    return f"{text.number(of.low)} to {text.number(of.high)}"
