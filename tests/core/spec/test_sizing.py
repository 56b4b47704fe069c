"""The default sizing of a task: that of its network."""

from dataclasses import replace
from typing import ClassVar, Literal

import pytest

from core.spec.architectures import ARCHITECTURES, PRESETS
from core.spec.architectures.base import SETTINGS, Size
from core.spec.metrics import LANGUAGE
from core.spec.model import ModelSpec
from core.spec.problems import SpecError, validate
from core.spec.task import MODALITIES, Modality, TaskSpec
from core.spec.tasks import task_specs
from tests.core.spec.network_inputs import network_inputs


class Silent(TaskSpec):
    """A task of another package with only the required fields."""

    modality: ClassVar[Modality] = "text"
    presets: ClassVar[tuple[str, ...]] = tuple(PRESETS)
    kind: Literal["silent"] = "silent"


@pytest.mark.parametrize("preset", PRESETS)
def test_by_default_the_size_of_a_task_is_that_of_its_network(preset: str) -> None:
    network, inputs = PRESETS[preset], network_inputs()
    assert Silent().parameters(network, inputs) == network.parameters(inputs) > 0
    assert Silent().activation_bytes(network, inputs) == network.activation_bytes(inputs) > 0


@pytest.mark.parametrize("preset", PRESETS)
def test_activations_grow_with_the_micro_batch_and_shrink_in_half_precision(preset: str) -> None:
    network, inputs = PRESETS[preset], network_inputs()
    base = network.activation_bytes(inputs)
    assert network.activation_bytes(replace(inputs, samples=2 * inputs.samples)) == 2 * base
    assert network.activation_bytes(replace(inputs, half=True)) < base


def test_activations_count_every_view() -> None:
    class Twice(Silent):
        views: ClassVar[int] = 2

    network, inputs = PRESETS["resnet-mini"], network_inputs()
    assert Twice().activation_bytes(network, inputs) == 2 * network.activation_bytes(inputs)


def test_heads_count_in_addition_to_the_network() -> None:
    class Headed(Silent):
        def head_parameters(self, network: Size, inputs: object) -> int:
            return 7

    network, inputs = PRESETS["vit-micro"], network_inputs()
    assert Headed().parameters(network, inputs) == network.parameters(inputs) + 7


@pytest.mark.parametrize("task", [Silent(), *(task.model_construct() for task in task_specs())])
@pytest.mark.parametrize("length", [8, 9, 128])
def test_as_many_tokens_as_rows_need_give_so_many_rows_and_one_less_does_not(
    task: TaskSpec, length: int
) -> None:
    for rows in (1, 2, 33):
        needed = task.tokens_for(rows, length)
        assert task.rows_of(needed, length) == rows
        assert task.rows_of(needed - 1, length) == rows - 1
    assert task.rows_of(0, length) == 0


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_whole(name: str) -> None:
    size = ARCHITECTURES[name]
    assert size.architecture == name
    assert set(size.settings) <= set(SETTINGS) < set(ModelSpec.model_fields)
    assert size.presets()
    for preset, chosen in size.presets().items():
        assert preset.startswith(f"{name}-")
        assert PRESETS[preset] == chosen
        assert isinstance(chosen, size)
        assert chosen.changed({}) == chosen


def test_every_architecture_is_trained_by_a_task() -> None:
    trained = {PRESETS[preset].architecture for task in task_specs() for preset in task.presets}
    assert trained == set(ARCHITECTURES)


def test_only_tasks_on_text_pack_documents_and_predict_tokens() -> None:
    for task in task_specs():
        assert task.modality in MODALITIES
        if task.packs_documents or task.evaluations == LANGUAGE:
            assert task.modality == "text"


@pytest.mark.parametrize("task", task_specs(), ids=lambda task: task.__name__)
def test_best_fit_is_for_the_tasks_that_pack_documents(task: type[TaskSpec]) -> None:
    kind = task.model_fields["kind"].default
    document = {
        "name": "x",
        "task": {"kind": kind},
        "training": {"steps": 1},
        "data": {"packing": "best_fit"},
    }
    if task.packs_documents:
        assert validate(document).data.packing == "best_fit"
        return
    with pytest.raises(SpecError) as refused:
        validate(document)
    [problem] = refused.value.problems
    able = ", ".join(other.model_fields["kind"].default for other in task_specs() if other.packs_documents)
    reads = "reads its text as a stream" if task.modality == "text" else "reads no text"
    assert (problem.param, problem.message) == ("data.packing", f"'best_fit' is for {able}; {kind} {reads}")
