"""Which checkpoints a job can start from: what of its spec the weights in a checkpoint decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.spec.adaptation import Adapters
from core.spec.added_tokens import is_longer
from core.spec.architectures.resnet import ResNetSize
from core.spec.data import TokenizerSpec
from core.spec.job import JobSpec
from core.spec.start import Scope

_FROM_DATA = frozenset({"bpe", "wordpiece", "unigram", "character"})
"""Tokenizers whose vocabulary is made from the dataset."""


@dataclass(frozen=True)
class Misfit:
    """One thing in a spec that the checkpoint's weights cannot become."""

    param: str
    """Dotted path of the field."""
    code: str
    message: str
    params: Mapping[str, object] = field(default_factory=dict)
    """What `message` is made of."""


def misfits(
    spec: JobSpec, before: JobSpec, *, scope: Scope, step: int, uploaded: bool = False
) -> list[Misfit]:
    """Everything that speaks against starting ``spec`` from a checkpoint.

    Args:
        before: the spec that the checkpoint was trained with.
        step: of the checkpoint.
        uploaded: whether no job wrote the checkpoint, so that it has no state of an optimiser.
    """
    if scope == "tokenizer":
        return _tokenizer_alone(spec, before) or _added_before(spec, before)
    if scope == "encoder":
        return _encoder(spec, before) or _added_before(spec, before)
    return [*_all(spec, before, scope, step), *_added(spec, before, grows=uploaded or scope == "weights")]


def _tokenizer_alone(spec: JobSpec, before: JobSpec) -> list[Misfit]:
    of_text = {spec.task.modality, before.task.modality} == {"text"}
    if of_text and spec.data.tokenizer.kind == "checkpoint":
        return []
    if of_text:
        return [
            Misfit(
                "data.tokenizer.kind",
                "fixed_by_checkpoint",
                "the job takes the checkpoint's tokenizer alone; leave data.tokenizer out, or leave start out",
                {"case": "tokenizer_alone"},
            )
        ]
    return [
        Misfit(
            "start.scope",
            "fixed_by_checkpoint",
            "a tokenizer is only there where job and checkpoint are of text; leave start out",
            {"case": "no_tokenizer", "task": spec.task.kind, "checkpoint_task": before.task.kind},
        )
    ]


def _all(spec: JobSpec, before: JobSpec, scope: Scope, step: int) -> list[Misfit]:
    found = []
    if scope == "all" and spec.training.steps is not None and spec.training.steps <= step:
        found.append(
            Misfit(
                "training.steps",
                "steps_done",
                f"the checkpoint is at step {step} already; ask for more steps",
                {"step": step, "steps": spec.training.steps},
            )
        )
    fixed: dict[str, tuple[object, object]] = {
        "task.kind": (spec.task.kind, before.task.kind),
        "model": (_shape(spec), _shape(before)),
        "adaptation": (_adaptation(spec, before), before.adaptation),
        "data.tokenizer": (_tokenizer(spec, before), before.data.tokenizer),
        "training.sequence_length": (spec.learned_positions, before.learned_positions),
    }
    if spec.task.kind == before.task.kind:
        length, then = spec.training.sequence_length, before.training.sequence_length
        fixed["task"] = (spec.task.fixed_by_weights(length), before.task.fixed_by_weights(then))
    return (
        found
        + [
            Misfit(
                param,
                "fixed_by_checkpoint",
                "the checkpoint's weights are made for the parent's; start a new job instead"
                + (
                    "; to take the encoder alone into another task, set start.scope to encoder"
                    if param == "task.kind"
                    else ""
                ),
                {"case": "all", "param": param},
            )
            for param, (now, was) in fixed.items()
            if now != was
        ]
        + _vocabulary(spec, before)
    )


def _tokenizer(spec: JobSpec, before: JobSpec) -> TokenizerSpec:
    """A job's tokenizer; that of the checkpoint itself where the job takes it over."""
    now = spec.data.tokenizer
    return before.data.tokenizer if now.kind == "checkpoint" else now


def _added(spec: JobSpec, before: JobSpec, *, grows: bool) -> list[Misfit]:
    """What speaks against the words that a job adds, where it takes all weights of a checkpoint.

    Args:
        grows: whether the network may be larger than the checkpoint's, because the job begins with a new optimiser.
    """
    now, then = spec.data.tokenizer.add_tokens, before.data.tokenizer.add_tokens
    if grows or now == then or spec.data.tokenizer.kind != "checkpoint":
        return _added_before(spec, before)
    return _added_before(spec, before) or [
        Misfit(
            "data.tokenizer.add_tokens",
            "fixed_by_checkpoint",
            "the state of the checkpoint's optimiser has no rows for further words; set start.scope to weights, with which a job "
            "begins with a new optimiser, or leave the new words out",
            {"case": "added_tokens_optimizer"},
        )
    ]


def _added_before(spec: JobSpec, before: JobSpec) -> list[Misfit]:
    """A job with the checkpoint's tokenizer that lacks words which the checkpoint's job added to it."""
    now, then = spec.data.tokenizer, before.data.tokenizer.add_tokens
    if spec.task.modality != "text" or now.kind != "checkpoint" or is_longer(now.add_tokens, then):
        return []
    return [
        Misfit(
            "data.tokenizer.add_tokens",
            "fixed_by_checkpoint",
            f"the checkpoint's vocabulary has the added words {_said(then[:5])}{' …' if len(then) > 5 else ''}; name all of "
            "them first, in the same order",
            {"case": "added_tokens", "tokens": list(then)},
        )
    ]


def _shape(spec: JobSpec) -> tuple[object, ...]:
    """What a network's weights are made for."""
    return spec.architecture, spec.network_size, spec.model.patch_size, spec.model.config


def _adaptation(spec: JobSpec, before: JobSpec) -> object:
    """That of a job, as far as a checkpoint has to have the same: an adapter for each stage is new in each, and the network below
    may be that of any job whose weights have none, or adapters by stage too."""
    asked = None if spec.continual is None else spec.continual.adapters
    by_stage = before.continual is not None and before.continual.adapters is not None
    if asked is None or (isinstance(before.adaptation, Adapters) and not by_stage):
        return spec.adaptation
    return spec.adaptation if by_stage else before.adaptation


def _encoder(spec: JobSpec, before: JobSpec) -> list[Misfit]:
    if before.network_size.feature_width is None:
        return [
            Misfit(
                "start.checkpoint",
                "no_encoder",
                f"the checkpoint is of {before.task.kind}, which learns no encoder; choose a checkpoint of another task",
                {"task": before.task.kind},
            )
        ]
    if isinstance(before.adaptation, Adapters):
        return [
            Misfit(
                "start.checkpoint",
                "has_adapters",
                "the checkpoint's encoder has adapters, which cannot be merged into its weights; start from the checkpoint "
                "that it was started from, or train it with adaptation.method lora",
            )
        ]
    if before.task.modality != spec.task.modality:
        return [
            Misfit(
                "task.kind",
                "fixed_by_checkpoint",
                f"{spec.task.kind} learns from {spec.task.modality}, and the checkpoint's encoder from "
                f"{before.task.modality}; choose another task or another checkpoint",
                {
                    "case": "modality",
                    "task": spec.task.kind,
                    "modality": spec.task.modality,
                    "checkpoint_modality": before.task.modality,
                },
            )
        ]
    if spec.architecture != before.architecture:
        return [_other_architecture(spec, before)]
    now, then = encoder_form(spec), encoder_form(before)
    if "data.tokenizer" in now:
        now["data.tokenizer"] = _tokenizer(spec, before)
    return [
        Misfit(
            param,
            "fixed_by_checkpoint",
            f"the checkpoint's encoder is made for {_said(then.get(param))}, and this job's for {_said(now.get(param))}; "
            "give the checkpoint's, or start from another one",
            {"case": "encoder", "checkpoint": _said(then.get(param)), "job": _said(now.get(param))},
        )
        for param in dict.fromkeys([*then, *now])
        if now.get(param) != then.get(param)
    ] + _vocabulary(spec, before)


def _other_architecture(spec: JobSpec, before: JobSpec) -> Misfit:
    params = {
        "task": spec.task.kind,
        "architecture": spec.architecture,
        "checkpoint_architecture": before.architecture,
    }
    if before.architecture not in spec.task.architectures():
        return Misfit(
            "model.architecture",
            "fixed_by_checkpoint",
            f"the checkpoint's encoder is a {before.architecture}, which {spec.task.kind} does not train; "
            "choose another task or another checkpoint",
            params | {"case": "untrained_architecture"},
        )
    return Misfit(
        "model.architecture",
        "fixed_by_checkpoint",
        f"the checkpoint's encoder is a {before.architecture}, and this job trains a {spec.architecture}; "
        f"set it to {before.architecture}, with the checkpoint's sizes",
        params | {"case": "architecture"},
    )


def encoder_form(spec: JobSpec) -> dict[str, object]:
    """What an encoder's weights are made for, beside its architecture, by the field of the spec that says it.

    Positions that are weights (BERT's, GPT-2's, a ViT's, an AST's) are of one number; rotary and relative ones, and those
    that a convolution makes, are of any.
    """
    form: dict[str, object] = {}
    size = spec.network_size
    for name, value in size.model_dump().items():
        form[f"model.{'preset' if name == 'block' else name}"] = value
    if spec.model.config is not None:
        form["model.config"] = spec.model.config
    training, data = spec.training, spec.data
    if spec.task.modality == "text":
        form["data.tokenizer"] = data.tokenizer
        if (positions := spec.learned_positions) is not None:
            form["training.sequence_length"] = positions
    elif spec.task.modality == "image":
        form["data.image.channels"] = data.image.channels
        if isinstance(size, ResNetSize):
            small = spec.has_small_stem
            form["data.image.size"] = "small images (a 3x3 stem)" if small else "large images (a 7x7 stem)"
        else:
            form |= {"data.image.size": data.image.size, "model.patch_size": spec.patch_size}
    else:
        form["data.audio.sampling_rate"] = data.audio.sampling_rate
    own = spec.task.network_form(
        size, sequence_length=training.sequence_length, clip_samples=spec.clip_samples
    )
    return {**form, **own}


def _vocabulary(spec: JobSpec, before: JobSpec) -> list[Misfit]:
    """A tokenizer that is made from the data is another one for other data, and its ids mean other tokens."""
    tokenizer = spec.data.tokenizer
    same_data = (
        spec.dataset is None
        or before.dataset is None
        or (spec.dataset, spec.data.files) == (before.dataset, before.data.files)
    )
    if spec.task.modality != "text" or same_data or tokenizer.kind not in _FROM_DATA:
        return []
    return [
        Misfit(
            "dataset",
            "fixed_by_checkpoint",
            f"the checkpoint's tokenizer was made from {before.dataset}, and the one of this dataset would have other tokens; "
            "set data.tokenizer.kind to checkpoint to take the checkpoint's, or choose the same dataset",
            {"case": "tokenizer", "dataset": before.dataset},
        )
    ]


def _said(value: object) -> str:
    if value is None:
        return "none"
    document = value.model_dump() if hasattr(value, "model_dump") else value
    if isinstance(document, dict):
        return ", ".join(f"{name} {_said(part)}" for name, part in document.items() if part is not None)
    if isinstance(document, tuple | list):
        return " ".join(str(part) for part in document)
    return str(document)
