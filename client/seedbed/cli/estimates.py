"""``seedbed job estimate``"""

from typing import Annotated

import typer

from seedbed.cli import text
from seedbed.cli.output import Json, fields, print_json
from seedbed.cli.short_jobs import succeeded
from seedbed.cli.spec_files import (
    Assignments,
    DatasetOption,
    File,
    ScopeOption,
    SpecFile,
    StartOption,
)
from seedbed.client import Client
from seedbed.models import Estimate, EstimateResult

_MAGNITUDES = ("", "k", "M", "G", "T", "P", "E")


def estimate(
    file: File,
    dataset: DatasetOption = None,
    start: StartOption = None,
    scope: ScopeOption = None,
    assignments: Assignments = None,
    largest_batch: Annotated[
        bool,
        typer.Option("--largest-batch", help="Also find the largest batch size that fits on the device."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Have a worker run a few real steps of a job: throughput, memory, time, utilisation. Nothing is submitted."""
    read = SpecFile(file, dataset, assignments, start=start, scope=scope)
    with Client() as client:
        with read.explained(as_json=as_json):
            asked = client.jobs.estimate(read.spec, largest_batch=largest_batch)
        done = succeeded(client.estimates, asked, what="estimating", as_json=as_json)
    if as_json:
        print_json(done)
    else:
        _print(done)


def _print(estimate: Estimate) -> None:
    """Print one name and value on each line of standard output."""
    result = estimate.result
    assert result is not None
    pace, eta = result.step_seconds, result.eta
    fields(
        [
            (
                "device",
                f"{result.device_name} ({result.device}, {result.precision}, {result.threads} threads)",
            ),
            ("parameters", text.parameters(result.parameters, result.trainable_parameters)),
            ("time", f"{_duration(eta.seconds)}, between {_duration(eta.low)} and {_duration(eta.high)}"),
            (
                "a step",
                f"{_seconds(pace.median)} ({_seconds(pace.low)} to {_seconds(pace.high)}, {_steps(result)})",
            ),
            ("samples/s", text.number(result.samples_per_s)),
            ("tokens/s", None if result.tokens_per_s is None else text.number(result.tokens_per_s)),
            ("peak memory", text.size(result.peak_memory_bytes)),
            ("largest batch", _largest(result)),
            ("FLOPs a step", _magnitude(result.flops_per_step)),
            ("utilisation", f"{result.utilization:.1%} of {_magnitude(result.peak.flops_per_s)}FLOP/s"),
            ("", result.peak.how),
            ("data", "a part of it was prepared" if result.data_sampled else None),
        ]
    )


def _steps(result: EstimateResult) -> str:
    return f"{result.steps_timed} steps timed"


def _largest(result: EstimateResult) -> str | None:
    largest = result.largest_batch
    if largest is None:
        return None
    return f"{largest.samples:,} samples at once in {text.size(largest.limit_bytes)} ({largest.how})"


def _duration(seconds: float | None) -> str:
    return "?" if seconds is None else text.duration(seconds)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def _magnitude(value: float) -> str:
    """``86.0 G``"""
    for unit in _MAGNITUDES:
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} Z"
