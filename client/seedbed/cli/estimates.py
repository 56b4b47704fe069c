"""An estimate, as people read it."""

from seedbed.cli import text
from seedbed.cli.output import fields
from seedbed.models import Estimate, EstimateResult

_MAGNITUDES = ("", "k", "M", "G", "T", "P", "E")


def print_estimate(estimate: Estimate) -> None:
    """Name and value, one a line, on standard output."""
    result = estimate.result
    assert result is not None
    pace, eta = result.step_seconds, result.eta
    fields(
        [
            (
                "device",
                f"{result.device_name} ({result.device}, {result.precision}, {result.threads} threads)",
            ),
            ("parameters", f"{result.parameters:,}"),
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
