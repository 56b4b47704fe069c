"""`JobSpec.adaptation`: its fields, the maps that it names, and which jobs it fits."""

from typing import Any, ClassVar, Literal

import pytest

from core.spec.adaptation import Adapters, Frozen, Full, Gradual, Ia3, Lora
from core.spec.adaptation_rules import require_fit
from core.spec.adaptation_targets import targets_of
from core.spec.architectures import PRESETS
from core.spec.architectures.base import Size
from core.spec.faults import SpecFault
from core.spec.optimizers import Muon
from core.spec.problems import SpecError, validate
from core.spec.task import TaskSpec
from core.spec.training import TrainingSpec
from tests.core.spec.test_start_rules import job

BERT, RESNET = PRESETS["bert-tiny"], PRESETS["resnet-mini"]
TRAINING = TrainingSpec(steps=100)


class _FineTuning(TaskSpec):
    kind: Literal["fine_tuning"] = "fine_tuning"
    adapts: ClassVar[bool] = True


class _Pretraining(TaskSpec):
    kind: Literal["pretraining"] = "pretraining"


def _gradual(*stages: tuple[Any, ...]) -> Gradual:
    unfreeze = [dict(zip(("step", "blocks", "embeddings"), stage, strict=False)) for stage in stages]
    return Gradual.model_validate({"method": "gradual", "unfreeze": unfreeze})


def unfit(adaptation: Any, task: TaskSpec, network: Size, training: TrainingSpec) -> tuple[str, str] | None:
    """The field at which an adaptation is refused, and why."""
    try:
        require_fit(adaptation, task, network, training)
    except SpecFault as fault:
        return str(fault.param), fault.message
    return None


def _lora(*targets: str) -> Lora:
    return Lora(targets=targets)


def test_by_default_everything_is_trained() -> None:
    assert validate(job("masked_lm")).adaptation == Full()


def test_a_pretraining_task_is_refused() -> None:
    with pytest.raises(SpecError) as refused:
        validate(job("masked_lm") | {"adaptation": {"method": "frozen"}})
    assert [(p.param, p.code) for p in refused.value.problems] == [
        ("adaptation.method", "adaptation_not_of_task")
    ]
    assert "masked_lm trains its whole network" in str(refused.value)


@pytest.mark.parametrize(
    ("adaptation", "param"),
    [
        ({"method": "lorra"}, "adaptation.method"),
        ({"rank": 4}, "adaptation.method"),
        ({"method": "lora", "rank": 0}, "adaptation.rank"),
        ({"method": "lora", "ranks": 4}, "adaptation.ranks"),
        ({"method": "lora", "targets": []}, "adaptation.targets"),
        ({"method": "lora", "targets": [""]}, "adaptation.targets.0"),
        ({"method": "adapters", "size": 0}, "adaptation.size"),
        ({"method": "gradual"}, "adaptation.unfreeze"),
        ({"method": "gradual", "unfreeze": []}, "adaptation.unfreeze"),
        ({"method": "gradual", "unfreeze": [{"step": 0}]}, "adaptation.unfreeze.0.blocks"),
    ],
)
def test_a_wrong_field_is_named(adaptation: dict[str, Any], param: str) -> None:
    with pytest.raises(SpecError) as refused:
        validate(job("masked_lm") | {"adaptation": adaptation})
    assert [problem.param for problem in refused.value.problems] == [param]


@pytest.mark.parametrize(
    "stages",
    [[(1, 0)], [(0, 0), (0, 1)], [(0, 1), (20, 0)], [(0, 0), (20, 1), (10, 2)], [(0, 2, True), (5, 2)]],
)
def test_stages_go_on_and_never_back(stages: list[tuple[Any, ...]]) -> None:
    with pytest.raises(ValueError, match="unfreeze"):
        _gradual(*stages)


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ([(0, 0), (99, 2)], None),
        ([(0, 0), (100, 2)], "never reached"),
        ([(0, 3)], "has 2 blocks, not 3"),
        ([(0, 2, True)], None),
        ([(0, 1, True)], "must be all 2"),
    ],
)
def test_stages_fit_the_run_and_the_network(stages: list[tuple[Any, ...]], problem: str | None) -> None:
    found = unfit(_gradual(*stages), _FineTuning(), BERT, TRAINING)
    assert (found is None) == (problem is None)
    if found is not None and problem is not None:
        assert found[0].startswith(f"adaptation.unfreeze.{len(stages) - 1}.")
        assert problem in found[1]


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (("attention",), {"self.query", "self.key", "self.value", "output.dense"}),
        (("query",), {"self.query"}),
        (("self.*",), {"self.query", "self.key", "self.value"}),
        (("attention.output.dense",), {"output.dense"}),
        (("query", "value"), {"self.query", "self.value"}),
    ],
)
def test_maps_are_named_by_parts_and_by_patterns(targets: tuple[str, ...], names: set[str]) -> None:
    found = targets_of(_lora(*targets), BERT)
    assert {target.map.name for target in found} == {f"attention.{name}" for name in names}
    assert {target.block for target in found} == {0, 1}


def test_a_pattern_chooses_blocks() -> None:
    found = targets_of(_lora("blocks.1.*.query", "blocks.0.intermediate.dense"), BERT)
    assert [target.name for target in found] == [
        "blocks.0.intermediate.dense",
        "blocks.1.attention.self.query",
    ]
    assert len(targets_of(_lora("all"), BERT)) == 2 * 6


@pytest.mark.parametrize("wanted", ["q_proj", "blocks.2.*", "embeddings", "Attention", "convolution", "que"])
def test_targets_that_match_nothing_are_refused_with_names_that_exist(wanted: str) -> None:
    found = unfit(_lora("attention", wanted), _FineTuning(), BERT, TRAINING)
    assert found is not None
    assert found[0] == "adaptation.targets"
    for part in (repr(wanted), "attention, feed_forward, all", "attention.self.query", "2 blocks"):
        assert part in found[1]


def test_a_mistyped_target_gets_a_suggestion() -> None:
    found = unfit(_lora("querry"), _FineTuning(), BERT, TRAINING)
    assert found is not None
    assert "Did you mean 'query'?" in found[1]
    with pytest.raises(SpecFault) as refused:
        targets_of(_lora("querry"), BERT)
    told = refused.value.params
    assert (told["case"], told["target"], told["nearest"], told["blocks"]) == (
        "no_target",
        "querry",
        "query",
        2,
    )
    assert told["parts"] == ["attention", "feed_forward", "all"]


def test_a_resnet_has_convolutions_and_no_feed_forward_layers() -> None:
    assert unfit(_lora("convolution"), _FineTuning(), RESNET, TRAINING) is None
    refused = unfit(_lora("attention"), _FineTuning(), RESNET, TRAINING)
    assert refused is not None
    assert "the parts convolution, all" in refused[1]
    adapters = unfit(Adapters(), _FineTuning(), RESNET, TRAINING)
    assert adapters is not None
    assert adapters[0] == "adaptation.method"
    assert "choose lora or ia3" in adapters[1]


def test_ia3_scales_what_the_paper_scales() -> None:
    found = targets_of(Ia3(), BERT)
    assert {target.map.name for target in found} == {
        "attention.self.key",
        "attention.self.value",
        "output.dense",
    }
    only = targets_of(Ia3(targets=("query",)), BERT)
    assert {target.map.name for target in only} == {"attention.self.query"}


def test_adapters_are_behind_each_part() -> None:
    pfeiffer = targets_of(Adapters(), BERT)
    assert [target.name for target in pfeiffer] == ["blocks.0.output.dense", "blocks.1.output.dense"]
    houlsby = targets_of(Adapters(placement="houlsby"), BERT)
    assert [target.name for target in houlsby][:2] == [
        "blocks.0.attention.output.dense",
        "blocks.0.output.dense",
    ]


@pytest.mark.parametrize(
    ("optimizer", "param"),
    [(Muon(), "training.optimizer.kind"), ({"layer_decay": 0.9}, "training.optimizer.layer_decay")],
)
def test_a_frozen_encoder_has_no_blocks_to_optimise(optimizer: Any, param: str) -> None:
    training = TrainingSpec(steps=100, optimizer=optimizer)
    found = unfit(Frozen(), _FineTuning(), BERT, training)
    assert found is not None
    assert found[0] == param
    assert unfit(Full(), _Pretraining(), BERT, training) is None
