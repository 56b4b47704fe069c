"""The text of a model card, section by section. What people named is escaped wherever it stands."""

import inspect
from collections.abc import Collection, Iterable, Sequence

import yaml

from control.model_cards.escaping import fenced, plain
from control.model_cards.facts import Ancestor, Data, Evaluation, Facts, Score
from core.spec.estimate import estimate
from core.spec.opening import FOLDER, Opening

_HERE = "."
_SCOPES = {
    "all": "all of",
    "weights": "the weights of",
    "encoder": "the encoder of",
    "tokenizer": "fresh weights and the tokenizer of",
}
_ENGINE = {"device_name": "Device", "precision": "Precision", "threads": "Threads", "torch": "PyTorch"}


def body(facts: Facts) -> str:
    """All sections below the metadata."""
    sections = (
        _head(facts),
        loading(facts.spec.task.opening if facts.known else Opening(), facts.files),
        _data(facts),
        _scores(facts),
        _curves(facts),
        _lineage(facts),
        _training(facts),
    )
    return "\n\n".join(section for section in sections if section)


def _head(facts: Facts) -> str:
    model = facts.spec.model
    task = _task(facts)
    if facts.uploaded:
        made = f"A model that was uploaded to Seedbed ({plain(str(model.architecture))}; jobs go on with it by: {task})."
    else:
        sizes = _sizes(facts)
        made = f"{task}, step {facts.step:,} of {_steps(facts)}, trained with Seedbed{f': {sizes}' if sizes else ''}."
        if facts.known:
            about, _, _ = (inspect.getdoc(type(facts.spec.task)) or "").partition("\n\n")
            made += "\n\n" + plain(about.replace("``", ""))
    identity = (
        ("Checkpoint", facts.id),
        ("Job", facts.job),
        ("SHA-256 of its manifest", facts.manifest_sha256),
    )
    return f"# {plain(facts.name)}\n\n{made}\n\n" + _list((k, v) for k, v in identity if v is not None)


def loading(opening: Opening, files: Collection[str]) -> str:
    """How to open a checkpoint with these files."""
    code = opening.code
    if "trust_remote_code" not in code and any(file.endswith(".py") and "/" not in file for file in files):
        code = "# The network's class lies in the folder, since transformers has none for it.\n" + code
        code = code.replace(f'"{FOLDER}"', f'"{FOLDER}", trust_remote_code=True')
    return (
        "## How to load it\n\n"
        f"`{opening.loader}.from_pretrained` takes the folder of this file as it is. Run this in the folder, or put its path in place "
        f'of `"{_HERE}"`:\n\n{fenced(code.replace(FOLDER, _HERE), "python")}'
    )


def _data(facts: Facts) -> str:
    if facts.data is None:
        return ""
    lines = [
        ("Dataset", plain(facts.data.name) + (" (deleted)" if facts.data.deleted else "")),
        ("Id", facts.data.id),
        *_version(facts.data),
        ("Modality", facts.data.modality),
        ("SHA-256 of its files", facts.data.sha256 or "unknown"),
    ]
    if facts.data_key:
        lines.append(("Key of the prepared data", facts.data_key))
    return "## Data\n\n" + _list(lines)


def _version(data: Data) -> list[tuple[str, str]]:
    if data.parent is None:
        return []
    read = "those that this version added" if data.only_new else "all of this version"
    return [("Version", f"{data.version}, of {data.parent}"), ("Files that were read", read)]


def _scores(facts: Facts) -> str:
    parts = []
    if facts.scores:
        parts.append(
            "On the held-out split of its own data, by the last evaluation before the checkpoint:\n\n"
            + _table(("Measure", "Value"), [(plain(s.title), _number(s.value)) for s in facts.scores])
        )
    parts += [_evaluation(evaluation) for evaluation in facts.evaluations]
    return "## Scores\n\n" + "\n\n".join(parts) if parts else ""


def _evaluation(evaluation: Evaluation) -> str:
    level = f"{evaluation.level:.3g}"
    where = f"On {_named(evaluation.data)}, split {evaluation.split} (evaluation {evaluation.id}):"
    rows = [(plain(score.title), _number(score.value), _interval(score)) for score in evaluation.scores]
    return f"{where}\n\n" + _table(("Measure", "Value", f"Interval ({level})"), rows)


def _curves(facts: Facts) -> str:
    steps = sorted({step for curve in facts.curves.values() for step in curve})
    if not steps:
        return ""
    rows = [
        (f"{step:,}", *(_number(curve[step]) if step in curve else "" for curve in facts.curves.values()))
        for step in steps
    ]
    return "## Curves\n\n" + _table(("Step", *map(plain, facts.curves)), rows)


def _lineage(facts: Facts) -> str:
    if facts.uploaded:
        return ""
    if not facts.ancestors:
        return "## Lineage\n\nTrained from fresh weights."
    lines = [f"{place}. {_ancestor(ancestor)}" for place, ancestor in enumerate(facts.ancestors, 1)]
    return "## Lineage\n\nIt started from, the nearest first:\n\n" + "\n".join(lines)


def _ancestor(ancestor: Ancestor) -> str:
    taken = f"{_SCOPES.get(ancestor.scope, ancestor.scope)} {ancestor.checkpoint}"
    if ancestor.name is None:
        return f"{taken}, whose job was deleted"
    if ancestor.job is None:
        return f"{taken}, the uploaded model {plain(ancestor.name)}"
    return f"{taken}, step {ancestor.step:,} of the job {plain(ancestor.name)} ({ancestor.job}; {plain(ancestor.task or '')})"


def _training(facts: Facts) -> str:
    spec = facts.spec
    rows = [("Task", _task(facts)), ("Network", _sizes(facts) or plain(str(spec.model.preset)))]
    if not facts.uploaded:
        training = spec.training
        rows += [
            ("Adaptation", spec.adaptation.method),
            ("Steps", _steps(facts)),
            ("Batch size", f"{training.batch_size:,}"),
            ("Seed", str(training.seed)),
            *(
                (title, plain(str(facts.engine[key])))
                for key, title in _ENGINE.items()
                if key in facts.engine
            ),
        ]
    whole = yaml.safe_dump(dict(facts.document), sort_keys=False, allow_unicode=True, width=120)
    heading = "Spec of a job that could have written it" if facts.uploaded else "Training"
    return f"## {heading}\n\n{_table(('', ''), rows)}\n\nThe whole spec:\n\n{fenced(whole, 'yaml')}"


def _task(facts: Facts) -> str:
    return plain(facts.spec.task.title if facts.known else facts.spec.task.kind)


def _steps(facts: Facts) -> str:
    training = facts.spec.training
    return f"{training.steps:,}" if training.steps is not None else f"{training.epochs:g} epochs"


def _sizes(facts: Facts) -> str:
    if not facts.known:
        return ""
    spec = facts.spec
    return f"{spec.network_size.architecture}, about {_rounded(estimate(spec).parameters)} parameters"


def _rounded(number: int) -> str:
    for size, word in ((10**9, "billion"), (10**6, "million"), (10**3, "thousand")):
        if number >= size:
            return f"{number / size:.3g} {word}"
    return str(number)


def _named(data: Data | None) -> str:
    return "a dataset that was deleted" if data is None else f"{plain(data.name)} ({data.id})"


def _interval(score: Score) -> str:
    if score.low is None or score.high is None:
        return ""
    return f"{_number(score.low)} to {_number(score.high)}"


def _number(value: float) -> str:
    return f"{value:.5g}"


def _list(lines: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
