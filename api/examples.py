"""Examples of requests, for the OpenAPI document."""

from typing import Any

from core.spec.tasks import tasks_by_kind

_KIND, _TASK = next(iter(tasks_by_kind().items()))

FIRST_KIND = _KIND
"""The task that people are shown first."""
JOB: dict[str, Any] = {
    "name": "first-try",
    "dataset": "ds_01kb3c4d5e6f7g8h9jakbmcnpq",
    **next(recipe for recipe in _TASK.recipes if recipe.name == "mini").spec(_KIND),
}
"""That task in its small recipe."""
LINEAGE: dict[str, Any] = {
    "name": "three-subjects",
    "spec": {name: value for name, value in JOB.items() if name not in {"dataset", "name"}}
    | {"name": "subjects", "continual": {}},
    "datasets": ["ds_01kb3c4d5e6f7g8h9jakbmcnpq", "ds_01kb3c4d5e6f7g8h9jakbmcnpr"],
}
"""The same job as a sequence of two stages, of which forgetting is measured."""
