"""Masked language modelling on rows of whole documents."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data import data_files
from core.data.text import BestFitSequences, PreparedText, prepare
from core.spec.job import JobSpec
from core.spec.problems import SpecError, validate
from core.tasks.objectives import create_objective


def test_rows_are_packed_as_the_spec_says_and_padding_is_never_predicted(
    corpus: Path, cache: Path, spec: dict[str, Any]
) -> None:
    stream = prepare(data_files([corpus]), JobSpec.model_validate(spec).data, cache)
    spec["data"]["packing"] = "best_fit"
    spec["training"]["sequence_length"] = 512
    job = JobSpec.model_validate(spec)
    data: PreparedText = prepare(data_files([corpus]), job.data, cache)
    assert (data.cached, data.directory) == (True, stream.directory)  # the tokens are the same either way
    objective = create_objective(job, data)
    samples = objective.samples("train")
    assert isinstance(samples, BestFitSequences)
    ids = np.arange(len(samples))
    rows = samples.rows(ids)
    batch = objective.collate(rows, ids, 3)
    assert (rows == data.special_ids.pad).any()
    assert not np.isin(batch.tensors["targets"].numpy()[: batch.count], data.special_ids.all).any()


def test_a_task_that_reads_a_token_stream_refuses_best_fit(spec: dict[str, Any]) -> None:
    spec["task"]["kind"] = "causal_lm"
    spec["data"]["packing"] = "best_fit"
    with pytest.raises(SpecError) as caught:
        validate(spec)
    assert [problem.param for problem in caught.value.problems] == ["data.packing"]
