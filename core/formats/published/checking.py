"""Checks the files of an uploaded checkpoint against each other, and derives the spec that its weights are made for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.formats.errors import FormatError
from core.formats.published.audio_families import AST, WAV2VEC2
from core.formats.published.characters import has_characters, transcripts_section
from core.formats.published.family import Family, Settings
from core.formats.published.heads import check_classes, head_of, names_of_classes
from core.formats.published.image_families import RESNET, VIT, VIT_MAE
from core.formats.published.names import CONFIG, PREPROCESSOR, PROCESSOR
from core.formats.published.reports import Report, missing_file
from core.formats.published.tensors import check_shapes, tensors_of
from core.formats.published.text_families import BERT, GPT2, LLAMA, MODERNBERT, T5
from core.formats.published.tokenizers import tokenizer_section
from core.spec.architectures import ARCHITECTURES
from core.spec.task import TaskSpec
from core.spec.tasks import task_specs

FAMILIES: Mapping[str, Family] = {
    family.model_type: family
    for family in (BERT, GPT2, LLAMA, MODERNBERT, T5, VIT, VIT_MAE, RESNET, AST, WAV2VEC2)
}
"""Family by ``model_type``."""

_NOT_KEPT = frozenset(
    {
        "_attn_implementation",
        "_name_or_path",
        "architectures",
        "attn_implementation",
        "dtype",
        "id2label",
        "label2id",
        "model_type",
        "num_labels",
        "problem_type",
        "torch_dtype",
        "transformers_version",
    }
)
"""Settings that say how the file was made, or that a run decides itself."""
_LONGEST_ROW = 512


@dataclass(frozen=True)
class Published:
    """A checkpoint whose files fit each other."""

    document: dict[str, Any]
    """A spec, without its name, of a job that could have written it: task, model, tokenizer."""
    parameters: int
    """Numbers in its tensors."""
    classes: tuple[str, ...] = ()
    """Names of the classes that its head tells apart, in the order of its outputs; () without such a head."""


def check_checkpoint(reports: Mapping[str, Report]) -> Published:
    """Check that the files are one whole checkpoint of a known family.

    Args:
        reports: By file name.

    Raises:
        FormatError: ``checkpoint_incomplete``, ``checkpoint_misfit`` or ``checkpoint_unsupported``.
    """
    settings, family = _configuration(reports)
    name, head = head_of(settings, family.model_type)
    if head is not None and not head.has_classes and not has_characters(reports):
        # Nothing says what its outputs mean, so that its encoder alone can be used.
        name, head = "", None
    task = _task_of(name, family)
    classes = check_classes(settings)
    tensors = tensors_of(reports)
    check_shapes(family, settings, tensors, None if head is None else head.shapes(settings, classes))
    size = ARCHITECTURES[family.architecture]
    sizes = {ours: _size(family, settings, theirs, ours) for theirs, ours in size.published_sizes.items()}
    elsewhere = {*_NOT_KEPT, *size.published_sizes, *size.decided_settings, *family.elsewhere}
    kept = {name: value for name, value in settings.document.items() if name not in elsewhere}
    model: dict[str, Any] = {"architecture": family.architecture, **sizes, "config": kept}
    own: dict[str, Any] = {"kind": task.model_fields["kind"].default}
    if head is not None:
        own |= head.task(settings, classes)
        if not head.has_classes:
            own |= transcripts_section(reports, settings)
    document: dict[str, Any] = {"task": own, "model": model, "training": {"steps": 1}}
    if family.inputs is None:
        positions = settings.number(family.positions) if family.positions else _LONGEST_ROW
        document["training"]["sequence_length"] = min(positions, _LONGEST_ROW)
        document["data"] = {"tokenizer": tokenizer_section(reports, family, settings)}
    else:
        preprocessor = _preprocessor(reports)
        given = family.inputs(settings, preprocessor)
        own |= {name: value for name, value in given.get("task", {}).items() if name in task.model_fields}
        model |= given.get("model", {}) | {"preprocessor": preprocessor}
        document["data"] = given["data"]
    return Published(
        document,
        sum(number for _, _, number in tensors.values()),
        () if head is None or not head.has_classes else names_of_classes(settings, classes),
    )


def _task_of(name: str, family: Family) -> type[TaskSpec]:
    """The task that goes on with all weights of a model: that of its class ``name``, or of all models of its family."""
    return next(task for one in (name, family.model_type) for task in task_specs() if one in task.continues)


def _configuration(reports: Mapping[str, Report]) -> tuple[Settings, Family]:
    if CONFIG not in reports:
        raise missing_file(CONFIG)
    document: dict[str, Any] = reports[CONFIG]["document"]
    kind = document.get("model_type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        shown, known = str(kind)[:60], ", ".join(FAMILIES)
        raise FormatError(
            "checkpoint_unsupported",
            f"model_type is {shown!r}; known here are {known}",
            CONFIG,
            case="model_type",
            shown=shown,
            known=known,
        )
    if document.get("quantization_config"):
        raise FormatError(
            "checkpoint_unsupported",
            "the weights are quantised; upload them as they were before, in floating point",
            CONFIG,
            case="quantized",
        )
    settings = Settings(
        {
            **family.defaults,
            **{k: v for k, v in document.items() if v is not None or k not in family.defaults},
        }
    )
    for name, (allowed, default) in family.supported.items():
        settings.require(name, allowed, default)
    return settings, family


def _size(family: Family, settings: Settings, theirs: str, ours: str) -> int | list[int]:
    if ours in {"depths", "widths"}:
        return settings.numbers(theirs)
    return settings.number(theirs, _inner(family, settings, ours))


def _preprocessor(reports: Mapping[str, Report]) -> dict[str, Any]:
    """The settings of the preprocessor; newer versions of `transformers` write that of a recogniser inside another file."""
    if PREPROCESSOR in reports:
        found: dict[str, Any] = reports[PREPROCESSOR]["document"]
        return found
    whole = reports.get(PROCESSOR, {}).get("document", {})
    for name in ("feature_extractor", "image_processor"):
        if isinstance(inner := whole.get(name), dict):
            return inner
    raise missing_file(PREPROCESSOR)


def _inner(family: Family, settings: Settings, ours: str) -> int | None:
    """The width of the feed-forward layer that GPT-2 leaves out: four times the hidden size."""
    return (
        4 * settings.number("n_embd") if family.model_type == "gpt2" and ours == "intermediate_size" else None
    )
