"""What a job takes over from the spec of the checkpoint whose encoder it starts from, where its own spec leaves it out."""

from typing import Any

from pydantic import BaseModel, ValidationError

from core.spec.job import JobSpec

_NO_SIZES = frozenset({"architecture", "dropout"})
"""Fields of ``model`` that are no sizes: with these alone, the sizes are the checkpoint's."""


def completed(spec: JobSpec, before: JobSpec) -> JobSpec:
    """The spec with every field that it leaves out and that the encoder's weights decide: sizes of the network, form of
    the inputs, settings of the task. Other fields, and a spec that starts from all of a checkpoint, stay as they are.

    Where the result would not be valid, the spec itself is returned; `core.spec.start_rules.misfits` then names the fields.

    Args:
        before: The spec that the checkpoint was trained with.
    """
    if spec.start is None or spec.start.scope != "encoder" or not _fits(spec, before):
        return spec
    document = spec.model_dump(mode="json")
    if spec.model.model_fields_set <= _NO_SIZES:
        own = spec.model.model_dump(mode="json", include=set(spec.model.model_fields_set))
        document["model"] = before.model.model_dump(mode="json") | own
        document["model"] |= {"preset": before.model.base(before.task.presets), "architecture": None}
    for path in _inputs(before):
        *sections, name = path.split(".")
        given: BaseModel = spec
        source: BaseModel = before
        target = document
        for section in sections:
            given, source, target = getattr(given, section), getattr(source, section), target[section]
        if name not in given.model_fields_set:
            target[name] = source.model_dump(mode="json", include={name})[name]
    document["task"] |= _settings(spec, before)
    try:
        return JobSpec.model_validate(document)
    except ValidationError:
        return spec


def _fits(spec: JobSpec, before: JobSpec) -> bool:
    """Whether the task trains networks of this kind on data of this kind at all."""
    return (
        before.task.modality == spec.task.modality
        and before.network_size.feature_width is not None
        and before.architecture in spec.task.architectures()
        and spec.model.architecture in {None, before.architecture}
    )


def _inputs(before: JobSpec) -> tuple[str, ...]:
    """Dotted paths of the fields that give the encoder's inputs their form."""
    if before.task.modality == "image":
        return ("data.image.size", "data.image.channels")
    if before.task.modality == "audio":
        return ("data.audio.sampling_rate", "data.audio.clip_seconds")
    return ("training.sequence_length",) if before.learned_positions is not None else ()


def _settings(spec: JobSpec, before: JobSpec) -> dict[str, Any]:
    handed = before.task.hands_over(before.network_size, sequence_length=before.training.sequence_length)
    left_out = set(type(spec.task).model_fields) - spec.task.model_fields_set
    return {
        name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        for name, value in handed.items()
        if name in left_out
    }
