"""The catalogue of events: each code with its type and the sentence that is made of its parameters.

An event has a `type`, the kind of thing that happened, for programs, and a `code`, which selects its sentence: one type
may have several codes. `sentence` is the only function that makes an event's ``message``, so a program that knows a code and its parameters can say
the same in another language. Codes are never renamed and never change their parameters; docs/http.md lists them.

Where a sentence contains another one (why an attempt failed, what the engine warns of), that parameter is an object with a ``code``, a ``message`` and
``params`` of its own.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

OTHER = "other"
"""Code of events that were stored before codes existed: they have only a ``message``."""


@dataclass(frozen=True)
class EventCode:
    """One entry."""

    type: str
    says: str | Callable[[Mapping[str, Any]], str]
    """The sentence: a template of the parameters, or a function of them."""


def sentence(code: str, params: Mapping[str, Any]) -> str:
    """The message of an event.

    Raises:
        KeyError: the code is not in the catalogue, or a parameter is missing.
    """
    says = CATALOGUE[code].says
    return _Sentences().vformat(says, (), params) if isinstance(says, str) else says(params)


def nested(code: str, message: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A sentence with its code and parameters, for use as a parameter of another sentence."""
    return {"code": code, "message": message, "params": dict(params or {})}


class _Sentences(Formatter):
    """Format specifications of our own: ``words`` (a name with spaces for its underscores) and ``json``."""

    def format_field(self, value: Any, format_spec: str) -> str:
        match format_spec:
            case "words":
                return str(value).replace("_", " ")
            case "json":
                return json.dumps(value)
            case _:
                return str(super().format_field(value, format_spec))


def describe_prepared(params: Mapping[str, Any]) -> str:
    """What is counted depends on the modality; each count of the training split is followed by that of the held-out split."""
    source = "Found prepared" if params["cached"] else "Prepared"
    counted = [name for name in params if f"{name}_held_out" in params]
    # Groups, such as speakers, are counted only if the spec says how to find them in file names.
    counted = [name for name in counted if params[name] or params[f"{name}_held_out"]]
    learned = " and ".join(f"{_amount(params[name])} {name}" for name in counted)
    held_out = " and ".join(_amount(params[f"{name}_held_out"]) for name in counted)
    bad = f", {params['bad']:,} that cannot be used left out" if params.get("bad") else ""
    count, trained = params["parameters"], params.get("trainable_parameters", params["parameters"])
    share = "" if trained == count else f", {trained:,} of them trained ({100 * trained / count:.3g} %)"
    return f"{source}: {learned} to learn from, {held_out} held out{bad}; {count:,} parameters{share}."


def _amount(value: float) -> str:
    """A count as an integer; a measurement, such as hours, with three digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"


_CHECKPOINT_FIRST = "the engine finishes its step, writes a checkpoint and"

CATALOGUE: dict[str, EventCode] = {
    # Submission
    "accepted": EventCode("queued", "Accepted."),
    "accepted_from_checkpoint": EventCode("queued", "Accepted; starts from step {step} of {job}."),
    "accepted_from_encoder": EventCode(
        "queued", "Accepted; starts with the encoder of step {step} of {job}."
    ),
    "accepted_with_weights": EventCode(
        "queued", "Accepted; starts at step 0 with all weights of step {step} of {job}."
    ),
    "accepted_with_tokenizer": EventCode(
        "queued", "Accepted; starts with new weights and the tokenizer of step {step} of {job}."
    ),
    "spec_warning": EventCode("warning", "{param}: {warning[message]}."),
    # An attempt and its engine
    "claimed": EventCode("claimed", "Attempt {attempt} is on worker {worker}."),
    "engine_started": EventCode("started", "The engine runs on {device}."),
    "engine_resumed": EventCode("started", "The engine runs on {device}, from step {step} on."),
    "prepared": EventCode("prepared", describe_prepared),
    "decision": EventCode("decision", "{name}: auto is {choice:json}. {reason}"),
    # `decision` is that of events of earlier versions, whose reason is a sentence without a code.
    "decided": EventCode("decision", "{name}: auto is {choice:json}. {reason[message]}"),
    "early_stopping": EventCode(
        "early_stopping",
        "{metric} has not improved for {patience} evaluations; the best one, {best}, was at step {best_step}.",
    ),
    "steps_decided": EventCode("decision", "training.epochs gives {choice:,} steps: {reason[message]}"),
    "engine_warning": EventCode("warning", "{warning[message]}"),
    "checkpoint": EventCode("checkpoint", "Checkpoint at step {step}."),
    "checkpoint_deleted": EventCode("checkpoint_deleted", "The checkpoint of step {step} was deleted."),
    "checkpoint_damaged": EventCode(
        "warning",
        "The checkpoint of step {step} is damaged ({error}); continuing from one before it.",
    ),
    "checkpoint_refused": EventCode(
        "warning", "The checkpoint of step {step} was not stored. {error[message]}"
    ),
    "checkpoint_not_stored": EventCode(
        "warning", "The checkpoint of step {step} did not reach storage: {error[message]}"
    ),
    "result_refused": EventCode("warning", "What was made was not stored. {error[message]}"),
    "result_not_stored": EventCode("warning", "What was made did not reach storage: {error[message]}"),
    "sample": EventCode("sample", "Sample at step {step}: {name:words}."),
    "samples_left_out": EventCode("warning", "Samples from step {step} on are left out. {error[message]}"),
    "sink_failed": EventCode("warning", "{sink} gets no more metrics of this attempt: {error}"),
    "sink_ended": EventCode("warning", "{sink} gets no more metrics of this attempt: {error}."),
    "sink_too_slow": EventCode("warning", "{sink} gets no more metrics of this attempt: {error}."),
    # Requested stops
    "cancel_requested": EventCode("cancel_requested", f"Cancel was asked for: {_CHECKPOINT_FIRST} stops."),
    "pause_requested": EventCode("pause_requested", f"Pause was asked for: {_CHECKPOINT_FIRST} stops."),
    "pause_withdrawn": EventCode("pause_withdrawn", "The pause was called off before it took hold."),
    "preempt_requested": EventCode(
        "preempt_requested", f"{{job}} has a higher priority: {_CHECKPOINT_FIRST} makes room."
    ),
    "cancelled_before_run": EventCode("cancelled", "Cancelled while it was {state}."),
    "paused_before_run": EventCode("paused", "Paused while it was {state}."),
    "cancelled_at_step": EventCode("cancelled", "Cancelled at step {step}."),
    "paused_at_step": EventCode("paused", "Paused at step {step}."),
    "preempted_at_step": EventCode(
        "preempted", "Made room at step {step} for a job of higher priority; continues later."
    ),
    "resumed": EventCode("resumed", "Resumed; waits for a worker."),
    "retry_requested": EventCode("retry_requested", "A retry was asked for."),
    # Ends of an attempt without a request
    "worker_shut_down": EventCode(
        "worker_stopped", "Its worker was shut down at step {step}; continues on the next that is free."
    ),
    "worker_shut_down_storing": EventCode(
        "worker_stopped",
        "Its worker was stopped before all that was made was in storage at step {step}; continues on the next that is free.",
    ),
    "database_unreachable": EventCode(
        "worker_stopped",
        "Its worker could not reach the database for {seconds:g} s and stopped it at step {step}; continues on the next that is "
        "free.",
    ),
    "paused_collapsed": EventCode(
        "paused",
        "Its representation collapsed (training.on_collapse is pause): paused at step {step}. When it is resumed it goes on "
        "from its last checkpoint.",
    ),
    "paused_without_room": EventCode(
        "paused",
        "There is no room for what it writes: paused at step {step}. When it is resumed it goes on from its last checkpoint.",
    ),
    "retrying": EventCode("retrying", "{failure[message]} Retry {retry} of {retries}."),
    "paused_after_failure": EventCode(
        "paused", "Paused, to continue from its last checkpoint. {failure[message]}"
    ),
    "cancelled_after_failure": EventCode("cancelled", "Cancelled. {failure[message]}"),
    # Ends of a job
    "steps_done": EventCode("succeeded", "All {steps} steps are done."),
    "stopped_early": EventCode(
        "succeeded", "Early stopping ended it after {step} of {steps} steps, as its measure did not improve."
    ),
    "stopped_early_before_stop": EventCode(
        "succeeded",
        "Early stopping ended it after {step} of {steps} steps, before it could be stopped to {intent} it.",
    ),
    "steps_done_before_stop": EventCode(
        "succeeded",
        "All {steps} steps are done. They were done before the job could be stopped to {intent} it.",
    ),
    "result_made": EventCode("succeeded", "Done."),
    "result_made_before_stop": EventCode(
        "succeeded", "Done. It was done before the job could be stopped to {intent} it."
    ),
    "failed": EventCode("failed", "{failure[message]}"),
    "failed_without_retries": EventCode("failed", "{failure[message]} All {retries} retries are used up."),
}
