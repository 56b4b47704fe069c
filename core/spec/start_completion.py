"""What a job that starts from a checkpoint takes from it where its spec leaves it out: network and tokenizer."""

from collections.abc import Sequence
from typing import Any

from core.spec.added_tokens import all_added, is_longer
from core.spec.data import LEAST_VOCABULARY
from core.spec.job import JobSpec
from core.spec.problems import SpecError, SpecProblem, validate

_INPUTS = {
    "image": ("size", "channels"),
    "audio": ("sampling_rate", "clip_seconds", "normalization"),
}
"""Fields of ``data`` that give the inputs of a network as somebody else made it their form, by modality."""


def completed(spec: JobSpec, before: JobSpec, *, vocabulary_size: int | None = None) -> JobSpec:
    """The spec with what it leaves out and the checkpoint decides.

    Args:
        before: The spec of the job that wrote the checkpoint; of an uploaded one, of a job that could have written it.
        vocabulary_size: Of the tokenizer that was uploaded with that job's dataset.

    Raises:
        SpecError: what is filled in does not fit what the spec sets.
    """
    changes = {
        "model": _model(spec, before),
        "data": _data(spec, before, vocabulary_size),
        "task": _task(spec, before),
    }
    changes = {name: section for name, section in changes.items() if section is not None}
    if not changes:
        return spec
    return validate(spec.model_dump(mode="json", exclude_unset=True) | changes)


def _model(spec: JobSpec, before: JobSpec) -> dict[str, Any] | None:
    """The section ``model``; None if nothing is filled in."""
    if before.architecture not in spec.task.architectures() or before.task.modality != spec.task.modality:
        return None
    if spec.start is not None and spec.start.scope == "tokenizer":
        return None
    theirs = before.model.model_dump(mode="json", exclude_none=True, exclude={"dropout"})
    config = theirs.get("config")
    if "model" not in spec.model_fields_set:
        # Without further settings, `core.spec.inheritance` fills in an encoder's sizes.
        of_encoder = spec.start is not None and spec.start.scope == "encoder"
        return None if config is None and of_encoder else theirs or None
    if config is None or spec.model.config is not None or spec.architecture != before.architecture:
        return None
    filled = {name: theirs[name] for name in ("config", "preprocessor") if name in theirs}
    return filled | spec.model.model_dump(mode="json", exclude_unset=True, exclude_none=True)


def _task(spec: JobSpec, before: JobSpec) -> dict[str, Any] | None:
    """The section ``task`` of a job that goes on with all weights; None if nothing is filled in."""
    if spec.start is None or spec.start.scope == "encoder" or spec.task.kind != before.task.kind:
        return None
    left_out = [name for name in spec.task.weight_fields if name not in spec.task.model_fields_set]
    if not left_out:
        return None
    theirs = before.task.model_dump(mode="json", include=set(left_out))
    return spec.task.model_dump(mode="json", exclude_unset=True) | theirs


def _data(spec: JobSpec, before: JobSpec, vocabulary_size: int | None) -> dict[str, Any] | None:
    """The section ``data`` with the checkpoint's tokenizer; None if the spec has another one, or no text."""
    data = spec.data
    if spec.task.modality != before.task.modality:
        return None
    if spec.task.modality != "text":
        return _inputs(spec, before)
    if "tokenizer" in data.model_fields_set and data.tokenizer.kind != "checkpoint":
        return None
    known = before.data.tokenizer.add_tokens
    words = all_added(_new_or_all(data.tokenizer.add_tokens, known), known)
    size = (vocabulary_size or before.data.tokenizer.largest_vocabulary) + len(words) - len(known)
    tokenizer: dict[str, Any] = {"kind": "checkpoint", "vocabulary_size": max(size, LEAST_VOCABULARY)}
    if words:
        tokenizer["add_tokens"] = list(words)
    return data.model_dump(mode="json", exclude_unset=True) | {"tokenizer": tokenizer}


def _new_or_all(asked: Sequence[str], known: Sequence[str]) -> Sequence[str]:
    """
    Raises:
        SpecError: a word that is asked for was added by the checkpoint's job.
    """
    there = [word for word in asked if word in known]
    if there and not is_longer(asked, known):
        message = f"{there[0]!r} was added to the checkpoint's vocabulary already; leave it out"
        params = {"case": "known", "token": there[0]}
        raise SpecError([SpecProblem("data.tokenizer.add_tokens", "added_token", message, params=params)])
    return asked


def _inputs(spec: JobSpec, before: JobSpec) -> dict[str, Any] | None:
    """The section ``data`` with the form of the inputs that a network as somebody else made it is for: of images their size and
    channels, of audio the sampling rate, the length and the level of a clip."""
    name = spec.task.modality
    if before.model.config is None or before.architecture not in spec.task.architectures():
        return None
    given = spec.data.model_dump(mode="json", exclude_unset=True)
    theirs = before.data.model_dump(mode="json")[name]
    return given | {name: {field: theirs[field] for field in _INPUTS[name]} | given.get(name, {})}
