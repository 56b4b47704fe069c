"""What a teacher decides in the spec of its student, and which teachers a job can learn from."""

from typing import Any

from pydantic import ValidationError

from core.spec.adaptation import Adapters, Full
from core.spec.architectures.resnet import ResNetSize
from core.spec.architectures.transformer import Transformer
from core.spec.data import LEAST_VOCABULARY
from core.spec.distillation import CAUSAL, Distillation, has_attention
from core.spec.job import JobSpec
from core.spec.problems import validate
from core.spec.start import StartSpec
from core.spec.start_rules import Misfit
from core.spec.start_rules import misfits as start_misfits

_NO_SIZES = frozenset({"dropout"})
_SOME_ENCODER = "ckpt_" + "0" * 26


def teaching_job(student: JobSpec, teacher: JobSpec) -> JobSpec:
    """The job of the student's task, on the student's inputs, with the teacher's network: what the teacher is created from.

    Raises:
        SpecError: the student's task does not train such a network.
    """
    before = teacher.model_dump(mode="json")
    document = student.model_dump(mode="json", exclude_unset=True)
    for name in ("start", "distillation", "continual", "adaptation"):
        document.pop(name, None)
    document["model"] = {
        **{name: value for name, value in before["model"].items() if value is not None},
        "preset": teacher.model.base(teacher.task.presets),
    }
    document["model"].pop("architecture", None)
    document["task"] = dict(document["task"]) | _network_settings(student, teacher)
    document["task"].pop("class_weights", None)  # of the student's classes
    if teacher.learned_positions is not None:
        document["training"] = dict(document["training"]) | {
            "sequence_length": teacher.training.sequence_length
        }
    if student.data.tokenizer.kind == "checkpoint":
        document["start"] = {"scope": "tokenizer"}
    if teacher.task.kind == student.task.kind and not isinstance(teacher.adaptation, Full):
        document["adaptation"] = before["adaptation"]
    return validate(document)


def _network_settings(student: JobSpec, teacher: JobSpec) -> dict[str, Any]:
    """The settings of the student's task that the shapes of the teacher's network follow from."""
    task = teacher.task
    handed = dict(task.hands_over(teacher.network_size, sequence_length=teacher.training.sequence_length))
    own = type(student.task).model_fields
    document = task.model_dump(mode="json", include={name for name in handed if name in own})
    if task.kind == student.task.kind:
        document |= task.model_dump(mode="json", include=set(task.weight_fields))
    return document


def completed(spec: JobSpec, teacher: JobSpec, *, vocabulary_size: int | None = None) -> JobSpec:
    """The spec with what it leaves out and its teacher decides: the tokenizer of text, and the network of half the teacher's
    blocks where the student is one.

    Args:
        teacher: The spec that the teacher was trained with.
        vocabulary_size: Of the tokenizer that was uploaded with its dataset.

    Raises:
        SpecError: what is filled in does not fit what the spec sets.
    """
    wanted = spec.distillation
    if wanted is None or spec.task.modality != teacher.task.modality:
        return spec
    document = spec.model_dump(mode="json", exclude_unset=True)
    if spec.task.modality == "text" and spec.start is None and "tokenizer" not in spec.data.model_fields_set:
        size = vocabulary_size or teacher.data.tokenizer.largest_vocabulary
        tokenizer: dict[str, Any] = {"kind": "checkpoint", "vocabulary_size": max(size, LEAST_VOCABULARY)}
        if teacher.data.tokenizer.add_tokens:
            tokenizer["add_tokens"] = list(teacher.data.tokenizer.add_tokens)
        document["data"] = document.get("data", {}) | {"tokenizer": tokenizer}
    elif _leaves_vocabulary_out(spec):
        size = vocabulary_size or teacher.data.tokenizer.largest_vocabulary
        document["data"]["tokenizer"] |= {"vocabulary_size": max(size, LEAST_VOCABULARY)}
    if wanted.student == "every_other":
        document |= _halved(spec, teacher, document)
    return validate(document)


def _leaves_vocabulary_out(spec: JobSpec) -> bool:
    tokenizer = spec.data.tokenizer
    of_teacher = spec.task.modality == "text" and spec.start is None and tokenizer.kind == "checkpoint"
    return of_teacher and "vocabulary_size" not in tokenizer.model_fields_set


def _halved(spec: JobSpec, teacher: JobSpec, document: dict[str, Any]) -> dict[str, Any]:
    """The sections ``model``, ``task`` and ``training`` of a student of half the teacher's blocks."""
    size = teacher.network_size
    found: dict[str, Any] = {"task": _network_settings(spec, teacher) | dict(document["task"])}
    if spec.model.model_fields_set <= _NO_SIZES and isinstance(size, Transformer | ResNetSize):
        model = teacher.model.model_dump(mode="json", exclude_none=True, exclude={"architecture"})
        model |= {"preset": teacher.model.base(teacher.task.presets)}
        if isinstance(size, ResNetSize):
            model["depths"] = [_half(depth) for depth in size.depths]
        else:
            model["layers"] = _half(size.layers)
        found["model"] = model | spec.model.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    if teacher.learned_positions is not None and "sequence_length" not in spec.training.model_fields_set:
        found["training"] = document["training"] | {"sequence_length": teacher.training.sequence_length}
    return found


def kept_blocks(student: JobSpec, teacher: JobSpec) -> list[int] | None:
    """Which of the teacher's blocks become the student's, in order, evenly spaced from the first to the last (of 12 blocks 0, 2,
    4, 7, 9 and 11, as DistilBERT); None where the student is not of half the teacher's blocks."""
    mine, theirs = student.network_size, teacher.network_size
    if isinstance(mine, ResNetSize) and isinstance(theirs, ResNetSize):
        kept: list[int] = []
        begin = 0
        for own, whole in zip(mine.depths, theirs.depths, strict=False):
            kept += [begin + place for place in _spaced(own, whole)]
            begin += whole
        halves = tuple(_half(depth) for depth in theirs.depths)
        return kept if mine == theirs.changed({"depths": halves}) else None
    if isinstance(mine, Transformer) and isinstance(theirs, Transformer):
        same = mine == theirs.model_copy(update={"layers": _half(theirs.layers)})
        return _spaced(mine.layers, theirs.layers) if same else None
    return None


def _half(count: int) -> int:
    return max(1, count // 2)


def _spaced(count: int, whole: int) -> list[int]:
    return [0] if count == 1 else [round(place * (whole - 1) / (count - 1)) for place in range(count)]


def misfits(spec: JobSpec, teacher: JobSpec) -> list[Misfit]:
    """Everything that speaks against learning from a teacher.

    Args:
        spec: The student's, `completed`.
        teacher: The spec that the teacher was trained with.
    """
    wanted = spec.distillation
    assert wanted is not None
    if teacher.task.modality != spec.task.modality:
        return [
            Misfit(
                "distillation.teacher",
                "teacher_unfit",
                f"it learned from {teacher.task.modality}, and {spec.task.kind} learns from {spec.task.modality}; choose a teacher "
                f"of {spec.task.modality}",
                {
                    "case": "modality",
                    "task": spec.task.kind,
                    "modality": spec.task.modality,
                    "teacher_modality": teacher.task.modality,
                },
            )
        ]
    if found := _outputs(spec, teacher, wanted):
        return found
    try:
        teaching = teaching_job(spec, teacher)
    except (ValueError, ValidationError) as error:
        reason = str(error)
        return [
            Misfit(
                "distillation.teacher",
                "teacher_unfit",
                f"{spec.task.kind} cannot be learned from a network as the teacher's ({reason}); choose another teacher",
                {"case": "network", "task": spec.task.kind, "reason": reason},
            )
        ]
    found = [*_text(spec, teacher), *_inputs(teaching, teacher)]
    if wanted.observes or spec.task.modality == "audio":
        found += _tokens(spec, teacher)
    if wanted.hidden is not None:
        found += _widths(spec, teacher)
    if wanted.relations is not None:
        found += _relations(spec, teaching, wanted)
    if wanted.student == "every_other":
        found += _half_student(spec, teacher)
    return found


def _outputs(spec: JobSpec, teacher: JobSpec, wanted: Distillation) -> list[Misfit]:
    same = teacher.task.kind == spec.task.kind
    if wanted.logits and not (same and teacher.task.gives_logits):
        return [
            Misfit(
                "distillation.logits",
                "teacher_unfit",
                f"the teacher is of {teacher.task.kind} and has no outputs as {spec.task.kind} has; set it to 0 and match features, "
                f"hidden or relations, or choose a teacher of {spec.task.kind}",
                {"case": "logits", "task": spec.task.kind, "teacher_task": teacher.task.kind},
            )
        ]
    if teacher.network_size.feature_width is None:
        return [
            Misfit(
                "distillation.teacher",
                "teacher_unfit",
                f"it is of {teacher.task.kind}, which learns no encoder; choose a checkpoint of another task",
                {"case": "no_encoder", "teacher_task": teacher.task.kind},
            )
        ]
    if isinstance(teacher.adaptation, Adapters) and not same:
        return [
            Misfit(
                "distillation.teacher",
                "teacher_unfit",
                "its encoder has adapters, which cannot be merged into its weights; choose a teacher of the student's task, or one "
                "without adapters",
                {"case": "adapters"},
            )
        ]
    return []


def _text(spec: JobSpec, teacher: JobSpec) -> list[Misfit]:
    if spec.task.modality != "text":
        return []
    found = []
    own, theirs = spec.data.tokenizer, teacher.data.tokenizer
    same_data = spec.dataset == teacher.dataset and spec.data == teacher.data.model_copy(
        update={"tokenizer": own}
    )
    taken = own.kind == "checkpoint" and own.add_tokens == theirs.add_tokens
    if not taken and not (own == theirs and same_data):
        found.append(
            Misfit(
                "data.tokenizer.kind",
                "teacher_unfit",
                "the teacher's outputs are of its own vocabulary, and this tokenizer would have another one; leave data.tokenizer "
                "out to take the teacher's",
                {"case": "vocabulary"},
            )
        )
    positions, length = teacher.learned_positions, spec.training.sequence_length
    if positions is not None and length > positions:
        found.append(
            Misfit(
                "training.sequence_length",
                "teacher_unfit",
                f"the teacher has {positions} positions, so a row has {positions} tokens at most",
                {"case": "positions", "positions": positions, "sequence_length": length},
            )
        )
    if _framing(spec.architecture) != _framing(teacher.architecture):
        found.append(
            Misfit(
                "model.architecture",
                "teacher_unfit",
                f"a {spec.architecture} reads other special tokens around a text than the teacher, a {teacher.architecture}, so "
                "that they cannot read the same rows; choose a network of the teacher's kind",
                {
                    "case": "framing",
                    "architecture": spec.architecture,
                    "teacher_architecture": teacher.architecture,
                },
            )
        )
    return found


def _framing(architecture: str) -> str:
    """Architectures with the same one have the same special tokens around a text."""
    return "causal" if architecture in CAUSAL else architecture if architecture == "t5" else "both sides"


def _inputs(teaching: JobSpec, teacher: JobSpec) -> list[Misfit]:
    """Images and sound that the teacher's network is not made for."""
    if teaching.task.modality == "text":
        return []
    start = teaching.model_copy(update={"start": StartSpec(checkpoint=_SOME_ENCODER, scope="encoder")})
    found = [
        Misfit(
            one.param,
            "teacher_unfit",
            f"the teacher is made for {one.params['checkpoint']}, and the student for {one.params['job']}; give the teacher's, or "
            "choose another teacher",
            {"case": "inputs", "teacher": one.params["checkpoint"], "student": one.params["job"]},
        )
        for one in start_misfits(start, teacher, scope="encoder", step=0)
        if "checkpoint" in one.params and "job" in one.params
    ]
    now, then = teaching.data.image, teacher.data.image
    sizes_given = any(one.param == "data.image.size" for one in found)
    if teaching.task.modality == "image" and now.size != then.size and not sizes_given:
        found.append(
            Misfit(
                "data.image.size",
                "teacher_unfit",
                f"the teacher learned images of {then.size} pixels, and the student reads {now.size}; give the teacher's",
                {"case": "image_size", "teacher": then.size, "student": now.size},
            )
        )
    return found


def _tokens(spec: JobSpec, teacher: JobSpec) -> list[Misfit]:
    """Networks of recordings read a sample's tokens in ways of their own; for other networks see `_grid`."""
    if spec.task.modality != "audio" or spec.architecture == teacher.architecture:
        return []
    return [
        Misfit(
            "model.architecture",
            "teacher_unfit",
            f"a {spec.architecture} reads sound in another form than the teacher, a {teacher.architecture}; choose a network of "
            "the teacher's kind",
            {
                "case": "audio",
                "architecture": spec.architecture,
                "teacher_architecture": teacher.architecture,
            },
        )
    ]


def _widths(spec: JobSpec, teacher: JobSpec) -> list[Misfit]:
    mine, theirs = spec.network_size, teacher.network_size
    same = _block_widths(mine) == _block_widths(theirs) and (
        spec.task.modality != "image"
        or (spec.architecture == teacher.architecture and _grid(spec) == _grid(teacher))
    )
    if same:
        return []
    return [
        Misfit(
            "distillation.hidden",
            "teacher_unfit",
            f"hidden states of student ({_said(mine)}) and teacher ({_said(theirs)}) differ in shape; match relations or features, "
            "which are for networks of any widths, or give the student the teacher's widths",
            {"case": "widths", "student": _said(mine), "teacher": _said(theirs)},
        )
    ]


def _block_widths(size: object) -> tuple[int, ...]:
    if isinstance(size, ResNetSize):
        return size.widths
    return (size.hidden_size,) if isinstance(size, Transformer) else ()


def _grid(spec: JobSpec) -> tuple[object, ...]:
    """How an image is cut into tokens."""
    return (spec.has_small_stem,) if isinstance(spec.network_size, ResNetSize) else (spec.patch_size,)


def _said(size: object) -> str:
    return " ".join(map(str, _block_widths(size)))


def _relations(spec: JobSpec, teaching: JobSpec, wanted: Distillation) -> list[Misfit]:
    if not has_attention(teaching.network_size):
        return [
            Misfit(
                "distillation.relations",
                "teacher_unfit",
                f"the teacher is a {teaching.architecture}, which has no attention; match features instead",
                {"case": "no_attention", "architecture": teaching.architecture},
            )
        ]
    assert wanted.relations is not None
    if spec.task.modality == "image" and _grid(spec) != _grid(teaching):
        return [
            Misfit(
                "model.patch_size",
                "teacher_unfit",
                f"relations are of the same patches, and the teacher's have {teaching.patch_size} pixels on a side; give the "
                "teacher's patch size, or match features",
                {"case": "patches", "patch_size": teaching.patch_size},
            )
        ]
    heads = relation_heads(spec)
    for whose, size in (("student", spec.size), ("teacher", teaching.size)):
        if size.hidden_size % heads:
            return [
                Misfit(
                    "distillation.relations.heads",
                    "teacher_unfit",
                    f"{heads} relation heads do not divide the {whose}'s width of {size.hidden_size}; set a number that divides both "
                    "widths",
                    {"case": "relation_heads", "heads": heads, "whose": whose, "width": size.hidden_size},
                )
            ]
    return []


def relation_heads(spec: JobSpec) -> int:
    """Relation heads of a student."""
    assert spec.distillation is not None
    assert spec.distillation.relations is not None
    return spec.distillation.relations.heads or spec.size.heads


def _half_student(spec: JobSpec, teacher: JobSpec) -> list[Misfit]:
    if teacher.task.kind != spec.task.kind:
        return [
            Misfit(
                "distillation.student",
                "teacher_unfit",
                f"the student takes all of the teacher's network but half of its blocks, and the teacher is of {teacher.task.kind}; "
                "describe the student in model, or choose a teacher of the same task",
                {"case": "half_of_other_task", "task": spec.task.kind, "teacher_task": teacher.task.kind},
            )
        ]
    if not isinstance(teacher.adaptation, Full):
        return [
            Misfit(
                "distillation.student",
                "teacher_unfit",
                f"the teacher was adapted by {teacher.adaptation.method}, so that its blocks are no plain ones; describe the "
                "student in model",
                {"case": "half_of_adapted", "method": teacher.adaptation.method},
            )
        ]
    form = _positions(spec) == _positions(teacher)
    if kept_blocks(spec, teacher) is None or not form or spec.model.config != teacher.model.config:
        return [
            Misfit(
                "model",
                "teacher_unfit",
                "the student is to have half of the teacher's blocks and all else as the teacher; leave model and "
                "training.sequence_length out",
                {"case": "half"},
            )
        ]
    return []


def _positions(spec: JobSpec) -> tuple[object, ...]:
    return spec.architecture, spec.learned_positions, spec.patch_size if spec.task.modality == "image" else 0


def larger(spec: JobSpec, teacher: JobSpec) -> tuple[int, int] | None:
    """The parameters of student and teacher, where the student has more; otherwise None."""
    mine = spec.task.parameters(spec.network_size, spec.inputs())
    # Both have one vocabulary, whose size a teacher's spec does not know where its tokenizer was uploaded.
    inputs = teacher.inputs(spec.data.tokenizer.largest_vocabulary)
    theirs = teacher.task.parameters(teacher.network_size, inputs)
    return (mine, theirs) if mine > theirs else None
