"""MLflow: a run with the job's id as a tag, which every attempt continues."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from worker.tracking.sink import Opening

_TAG = "seedbed_job"
_STATUS = {"completed": "FINISHED", "failed": "FAILED", "stopped": "KILLED", "paused": "KILLED"}
_PARAMS_AT_ONCE = 100
_LONGEST_PARAM = 500


class Mlflow:
    """Of each metric, points up to the last step that the server has are left out."""

    def __init__(self, opening: Opening) -> None:
        self._client = MlflowClient(tracking_uri=opening.options["tracking_uri"])
        name = opening.options["experiment"]
        found = self._client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else self._client.create_experiment(name)
        runs = self._client.search_runs([experiment], f"tags.`{_TAG}` = '{opening.job}'", max_results=1)
        self._last: dict[str, int] = {}
        if runs:
            self._run = runs[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            for metric in runs[0].data.metrics:
                history = self._client.get_metric_history(self._run, metric)
                self._last[metric] = max(point.step for point in history)
        else:
            made = self._client.create_run(experiment, tags={_TAG: opening.job}, run_name=opening.name)
            self._run = made.info.run_id
            params = [Param(key, value[:_LONGEST_PARAM]) for key, value in _flat(opening.spec)]
            for begin in range(0, len(params), _PARAMS_AT_ONCE):
                self._client.log_batch(self._run, params=params[begin : begin + _PARAMS_AT_ONCE])

    def points(self, step: int, moment: float, values: Mapping[str, float]) -> None:
        milliseconds = int(moment * 1000)
        new = [
            Metric(name, value, milliseconds, step)
            for name, value in values.items()
            if step > self._last.get(name, -1)
        ]
        if new:
            self._client.log_batch(self._run, metrics=new)

    def close(self, ending: str) -> None:
        self._client.set_terminated(self._run, _STATUS[ending])


def _flat(spec: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in spec.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def open_sink(opening: Opening) -> Any:
    """The sink of `worker.tracking.child`."""
    return Mlflow(opening)
