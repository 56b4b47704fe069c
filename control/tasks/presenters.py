"""Specs of tasks → schemas for HTTP."""

import inspect
from functools import cache

from control.errors import NotFound
from control.tasks.schemas import (
    ExportFormatOut,
    MetricOut,
    NetworkOut,
    OpeningOut,
    PredictionKindOut,
    RecipeOut,
    TaskOut,
)
from core.spec.architectures import PRESETS
from core.spec.exports import FORMATS
from core.spec.task import TaskSpec
from core.spec.tasks import task_faults, task_packages, tasks_by_kind


@cache
def all_tasks() -> tuple[TaskOut, ...]:
    """Every installed task, in display order."""
    packages = task_packages()
    return tuple(_task_out(kind, spec, packages.get(kind)) for kind, spec in tasks_by_kind().items())


def task_of(kind: str) -> TaskOut:
    """
    Raises:
        NotFound: ``task_not_found``, with the reason where a package brings it that cannot be used.
    """
    for task in all_tasks():
        if task.kind == kind:
            return task
    for fault in task_faults():
        if fault.kind == kind:
            params = {"case": "package", "task": kind, "error": fault}
            raise NotFound("task_not_found", str(fault), param="kind", params=params)
    raise NotFound(
        "task_not_found",
        f"There is no task {kind[:100]!r} here; there are {', '.join(tasks_by_kind())}.",
        param="kind",
        params={"task": kind},
    )


def _task_out(kind: str, spec: type[TaskSpec], package: str | None) -> TaskOut:
    return TaskOut(
        kind=kind,
        title=spec.title,
        choose_if=spec.choose_if,
        description=inspect.getdoc(spec) or "",
        modality=spec.modality,
        needs_labels=spec.needs_labels,
        networks=[NetworkOut(preset=name, architecture=PRESETS[name].architecture) for name in spec.presets],
        metrics=[MetricOut.model_validate(metric) for metric in spec.all_metrics()],
        recipes=[
            RecipeOut(
                name=recipe.name,
                title=recipe.title,
                description=recipe.description,
                spec=recipe.spec(kind),
            )
            for recipe in spec.recipes
        ],
        fields=list(spec.fields()),
        main_fields=[f"task.{name}" for name in spec.main_fields],
        predictions=[
            PredictionKindOut(
                kind=prediction.kind,
                title=prediction.title,
                hint=prediction.hint,
                input=prediction.input,
                options_schema=prediction.options.model_json_schema(),
                streams=prediction.streams,
                example=prediction.example,
            )
            for prediction in spec.all_predictions()
        ],
        exports=_exports(spec),
        opening=OpeningOut.model_validate(spec.opening),
        documentation=spec.documentation or (None if package else f"docs/tasks/{kind}.md"),
        package=package,
    )


def _exports(spec: type[TaskSpec]) -> list[ExportFormatOut]:
    """The formats that are for at least one of the task's networks."""
    architectures = sorted(spec.architectures())
    found = [
        ExportFormatOut(
            format=name,
            title=one.title,
            summary=one.summary,
            file=one.file,
            library=one.library,
            architectures=[each for each in architectures if one.is_for(spec, each)],
        )
        for name, one in FORMATS.items()
    ]
    return [one for one in found if one.architectures]
