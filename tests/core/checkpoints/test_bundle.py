"""Every tensor of a state has a file; reading restores all tensors or is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from core.checkpoints.bundle import HEADS, WEIGHTS, Bundle, Network, Tensors
from core.errors import EngineError

ADVICE = "Ask for the network that was trained."


class Task(nn.Module):
    """A network with tied weights, a head and a counter."""

    def __init__(self, seed: int, width: int = 8) -> None:
        super().__init__()
        torch.manual_seed(seed)
        config = GPT2Config(n_embd=width, n_layer=1, n_head=2, n_positions=4, vocab_size=5)
        self.model = GPT2LMHeadModel(config)
        self.head = nn.Linear(8, 2)
        self.register_buffer("steps", torch.tensor(seed))

    def bundle(self, *tensors: Tensors) -> Bundle:
        return Bundle([Network("model.", self.model)], tensors, advice=ADVICE)


def refusal(task: Task, bundle: Bundle, directory: Path) -> EngineError:
    with pytest.raises(EngineError) as refused:
        bundle.read(directory, task)
    assert refused.value.code == "checkpoint_mismatch"
    assert refused.value.hint == ADVICE
    return refused.value


@pytest.mark.parametrize(
    "tensors",
    [
        [Tensors()],
        [Tensors("heads.safetensors", may_be_absent=True)],
        [Tensors("head.safetensors", "head."), Tensors()],
    ],
    ids=["beside the trainer", "beside the network", "a file of its own"],
)
def test_a_bundle_that_is_written_is_read_back(tensors: list[Tensors], tmp_path: Path) -> None:
    trained, fresh = Task(1), Task(2)
    trained.bundle(*tensors).write(tmp_path, trained.state_dict())
    fresh.bundle(*tensors).read(tmp_path, fresh)
    for name, tensor in trained.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], tensor), name
    assert fresh.model.lm_head.weight is fresh.model.transformer.wte.weight
    assert "lm_head.weight" not in load_file(tmp_path / WEIGHTS)
    opened = GPT2LMHeadModel.from_pretrained(tmp_path)
    assert torch.equal(opened.lm_head.weight, trained.model.lm_head.weight)


def test_a_tensor_without_a_file_is_never_dropped_silently(tmp_path: Path) -> None:
    task = Task(1)
    with pytest.raises(ValueError, match=r"head\.bias"):
        task.bundle().write(tmp_path, task.state_dict())
    with pytest.raises(ValueError, match="steps"):
        task.bundle(Tensors("head.safetensors", "head.")).write(tmp_path, task.state_dict())


def test_a_file_that_may_be_absent_is_not_written_empty(tmp_path: Path) -> None:
    task = Task(1)
    bundle = Bundle([Network("", task.model)], [Tensors("heads.safetensors", may_be_absent=True)])
    bundle.write(tmp_path, task.model.state_dict())
    assert not (tmp_path / "heads.safetensors").exists()
    bundle.read(tmp_path, task.model)


def _without(name: str) -> Any:
    return lambda tensors: {key: tensor for key, tensor in tensors.items() if key != name}


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        (HEADS, _without("head.bias"), "head.bias"),
        (HEADS, _without("steps"), "steps"),
        (WEIGHTS, _without("transformer.wpe.weight"), "wpe"),
        (HEADS, lambda tensors: tensors | {"more": torch.zeros(1)}, "more"),
        (WEIGHTS, lambda tensors: tensors | {"more": torch.zeros(1)}, "more"),
        (HEADS, lambda tensors: tensors | {"head.bias": torch.zeros(3)}, ""),
        (HEADS, None, "No such file"),
        (WEIGHTS, None, "No such file"),
        (WEIGHTS, b"", ""),
        (HEADS, b"\0" * 100, ""),
    ],
)
def test_tensors_that_do_not_fit_are_refused(file: str, change: Any, said: str, tmp_path: Path) -> None:
    task = Task(1)
    bundle = task.bundle(Tensors())
    bundle.write(tmp_path, task.state_dict())
    path = tmp_path / file
    if change is None:
        path.unlink()
    elif isinstance(change, bytes):
        path.write_bytes(change)
    else:
        save_file(change(load_file(path)), path)
    assert said in refusal(task, bundle, tmp_path).message


def test_a_network_of_another_size_is_refused(tmp_path: Path) -> None:
    task, wider = Task(1), Task(1, width=16)
    task.bundle(Tensors()).write(tmp_path, task.state_dict())
    refusal(wider, wider.bundle(Tensors()), tmp_path)
