"""An adapter for each stage: the network below never changes, and each stage is measured with its own adapter."""

import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from core.checkpoints.bundle import read_hooks
from core.spec.adaptation import Adapters, Lora
from core.spec.problems import SpecError, validate
from tests.core.continual.stages import ancestor, document_of, earlier, last
from tests.core.continual.test_scenarios import coloured, values
from tests.core.training.interruptions import hashes

LONG = 20


def spec(
    adapters: dict[str, Any] | None, scenario: str, ancestors: tuple[str, ...], steps: int = LONG
) -> dict[str, Any]:
    continual = None
    if adapters is not None:
        continual = {
            "adapters": adapters,
            "scenario": scenario,
            "ancestors": [
                {**ancestor(name, "rotation"), "data": {"image": {"size": 8}}} for name in ancestors
            ],
        }
    found = document_of("rotation", continual=continual, steps=steps)
    found["task"] = {"kind": "image_classification"}
    found["data"] = {"image": {"size": 8}}
    found["model"] |= {"patch_size": 4}
    found["training"] |= {"checkpoint_every": 4, "schedule": {"kind": "constant"}, "gradient_clip": None}
    return found


@pytest.mark.parametrize(
    ("adapters", "scenario"),
    [
        ({"kind": "adapters", "size": 4}, "task"),
        ({"kind": "lora", "size": 2}, "class"),
        ({"kind": "lora", "size": 2, "route": "prototype"}, "class"),
    ],
    ids=["adapters", "lora", "prototype"],
)
def test_the_stages_before_are_measured_as_they_were(
    adapters: dict[str, Any], scenario: str, pretrain: Any, tmp_path: Path
) -> None:
    one, two = coloured(tmp_path / "one.zip", "red", "green"), coloured(tmp_path / "two.zip", "blue", "grey")
    three = coloured(tmp_path / "three.zip", "red", "blue", brightness=30)
    first = pretrain(spec(None, scenario, ()), tmp_path / "first", data=one)
    assert first.end() == {"exit": 0}, first.log.read_text()
    options = ("--start", str(last(tmp_path / "first")), *earlier(tmp_path / "a.json", one=one))
    second = pretrain(spec(adapters, scenario, ("one",)), tmp_path / "second", *options, data=two)
    assert second.end() == {"exit": 0}, second.log.read_text()
    options = ("--start", str(last(tmp_path / "second")), *earlier(tmp_path / "b.json", one=one, two=two))
    third = pretrain(spec(adapters, scenario, ("one", "two")), tmp_path / "third", *options, data=three)
    assert third.end() == {"exit": 0}, third.log.read_text()

    kept = read_hooks(last(tmp_path / "third"))
    before = read_hooks(last(tmp_path / "second"))
    for name, tensor in before.items():
        if name.startswith("adapters.stage."):
            assert torch.equal(kept[name], tensor)
    assert any(
        not torch.equal(kept[name.replace(".1.", ".2.")], one)
        for name, one in before.items()
        if ".stage.1." in name
    )
    if adapters.get("route") != "prototype" and scenario == "task":
        end = first.of("finished")[0]["values"]
        assert values(second)["one", "end"]["eval/accuracy"] == pytest.approx(end["eval/accuracy"])
        for measure in ("eval/loss", "eval/accuracy"):
            assert values(third)["one", "end"][measure] == pytest.approx(
                values(second)["one", "end"][measure]
            )
            assert values(third)["two", "end"][measure] == pytest.approx(
                values(second)["self", "end"][measure]
            )
    if adapters.get("route") == "prototype":
        # The features tell the colours apart, so that the right adapter is found.
        assert values(second)["one", "end"]["eval/accuracy"] > 0.6


def test_a_stage_that_is_killed_ends_with_the_same_bits(pretrain: Any, tmp_path: Path) -> None:
    one, two = coloured(tmp_path / "one.zip", "red", "green"), coloured(tmp_path / "two.zip", "blue", "grey")
    assert pretrain(spec(None, "class", (), 4), tmp_path / "first", data=one).end() == {"exit": 0}
    document = spec({"kind": "lora", "size": 2, "route": "prototype"}, "class", ("one",), 8)
    document["training"]["checkpoint_every"] = 1
    data = earlier(tmp_path / "a.json", one=one)
    start = ("--start", str(last(tmp_path / "first")))
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    whole = pretrain(document, straight, *start, *data, data=two)
    assert whole.end() == {"exit": 0}, whole.log.read_text()
    for step, where in ((1, start), (4, start), (7, ())):
        killed = pretrain(document, broken, *where, *data, data=two, dies_at=step)
        assert killed.end() == {"signal": signal.SIGKILL}, killed.log.read_text()
    # A further stage may start from a checkpoint that was written before the end, and keeps the adapter that it has.
    hooks = read_hooks(last(broken))
    own = {name.removeprefix("adapters.stage.1."): one for name, one in hooks.items() if ".stage.1." in name}
    assert own
    assert any(not torch.equal(one, hooks[f"adapters.empty.{name}"]) for name, one in own.items())
    ended = pretrain(document, broken, *data, data=two)
    assert ended.end() == {"exit": 0}, ended.log.read_text()
    assert hashes(broken, 8) == hashes(straight, 8)
    found = [{k: v for k, v in values(one).items() if k[1] == "end"} for one in (whole, ended)]
    assert found[0] == found[1]


def test_the_adapter_decides_the_adaptation_of_the_spec() -> None:
    job = validate(spec({"size": 4}, "class", ()))
    assert job.adaptation == Adapters(size=4)
    assert validate(job.model_dump(mode="json")) == job
    assert validate(spec({"kind": "lora", "size": 3}, "class", ())).adaptation == Lora(rank=3)


@pytest.mark.parametrize(
    ("name", "changes", "param", "code"),
    [
        ("masked_lm", {}, "continual.adapters", "adapters_without_place"),
        ("image_classification-resnet", {}, "continual.adapters", "adapters_without_place"),
        ("image_classification", {"adaptation": {"method": "lora"}}, "adaptation", "methods_do_not_combine"),
        ("image_classification", {"start": {"scope": "all"}}, "start.scope", "adapters_scope"),
        (
            "token_classification",
            {"continual": {"adapters": {"route": "prototype"}}},
            "continual.adapters.route",
            "adapters_route_unfit",
        ),
    ],
)
def test_adapters_that_do_not_fit_are_refused(
    name: str, changes: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(SpecError) as refused:
        validate(document_of(name, continual={"adapters": {}}) | changes)
    assert [(problem.param, problem.code) for problem in refused.value.problems] == [(param, code)]
