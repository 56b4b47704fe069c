"""Which outputs inside the networks are matched, and their losses."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from core.distillation.losses import cosine_loss, feature_targets, relation_loss, squared_loss
from core.objectives.base import Objective
from core.randomness import derive_seed
from core.spec.architectures.base import Size
from core.spec.distillation import CAUSAL, Distillation
from core.spec.distillation_rules import relation_heads
from core.spec.job import JobSpec
from core.teachers.observed import Calls, Observed, as_tokens, last_maps, real_of

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


def blocks_beside(student: int, teacher: int) -> list[int]:
    """For each of the student's blocks the teacher's at the same share of depth: for 2 of 4 the second and the fourth."""
    return [max(0, round((number + 1) * teacher / student) - 1) for number in range(student)]


def attention_names(size: Size) -> tuple[str, ...]:
    """Names in the last block of its maps to queries, keys and values, in this order; of one map to all three, its name."""
    maps = size.block_maps(size.block_count - 1)
    names = [one.name for one in maps if one.part == "attention" and not one.is_last]
    # `transformers` names them q, query, q_proj and likewise: their first letters tell them apart.
    return (
        tuple(sorted(names, key=lambda name: "qkv".index(name.rpartition(".")[2][0])))
        if len(names) == 3
        else tuple(names)
    )


class Side:
    """The outputs of one of the two networks.

    Args:
        job: The job that the network was created for.
        wanted: What is matched.
    """

    def __init__(self, objective: Objective, job: JobSpec, wanted: Distillation, *, is_student: bool) -> None:
        encoder = objective.learned_encoder
        assert encoder is not None
        blocks = list(encoder.blocks)
        self.blocks, self.width = len(blocks), encoder.width
        modules: dict[str, nn.Module] = {}
        if wanted.hidden is not None:
            modules |= {f"block.{number}": block for number, block in enumerate(blocks)}
        if wanted.features is not None:
            modules["last"] = blocks[-1]
        self._maps: tuple[str, ...] = ()
        if wanted.relations is not None:
            self._maps = attention_names(job.network_size)
            modules |= last_maps(blocks[-1], self._maps)
        self._observed = Observed(modules, objective if is_student else None)

    def forget(self) -> None:
        """Forget the outputs since the last call of `take`."""
        self._observed.take()

    def take(self) -> dict[str, Calls]:
        """The outputs since the last call, as tokens; queries, keys and values as ``q``, ``k`` and ``v``."""
        found = self._observed.take()
        vectors = [found.pop(name) for name in self._maps]
        if len(vectors) == 1:
            cut = [call.chunk(3, dim=2) for call in vectors[0]]
            vectors = [[parts[place] for parts in cut] for place in range(3)]
        taken = {name: [as_tokens(call) for call in calls] for name, calls in found.items()}
        return taken | dict(zip("qkv", vectors, strict=False))


class Regression(nn.Module):
    """The linear map from the student's features to the teacher's, with Adam of its own: no part of the student.

    Args:
        rate: Its learning rate.
    """

    moments: Tensor
    squares: Tensor
    steps: Tensor

    def __init__(self, width: int, target: int, rate: float, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "feature regression"))
            self.map = nn.Linear(width, target)
        self._optimizer = torch.optim.Adam(
            self.map.parameters(), lr=rate, betas=(_BETA1, _BETA2), eps=_EPSILON
        )

    def loss(self, student: Tensor, teacher: Tensor, real: tuple[Tensor | None, Tensor | None]) -> Tensor:
        """Squared error of the predicted features, mean over values and tokens: always predicting the mean gives about 1."""
        if student.shape[1] != teacher.shape[1]:
            student, teacher = (
                _mean_token(tokens, one)[:, None]
                for tokens, one in zip((student, teacher), real, strict=True)
            )
            return squared_loss(self.map(student), feature_targets(teacher), None)
        return squared_loss(self.map(student), feature_targets(teacher), real[0])

    def step(self) -> None:
        """One step with the gradients of all micro-batches."""
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """Weights and the state of Adam."""
        found = {f"map.{name}": parameter.detach() for name, parameter in self.map.named_parameters()}
        for name, parameter in self.map.named_parameters():
            for moment, value in self._optimizer.state.get(parameter, {}).items():
                found[f"adam.{name}.{moment}"] = value
        return found

    def take_over(self, tensors: Mapping[str, Tensor]) -> None:
        """What `tensors` gave."""
        for name, parameter in self.map.named_parameters():
            with torch.no_grad():
                parameter.copy_(tensors[f"map.{name}"])
            prefix = f"adam.{name}."
            state = {
                key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
            }
            # The count of steps stays on the CPU, as torch has it.
            self._optimizer.state[parameter] = {
                key: value.clone() if key == "step" else value.to(parameter.device, copy=True)
                for key, value in state.items()
            }


class Matching:
    """The losses of outputs inside the networks."""

    def __init__(self, wanted: Distillation, student: Side, teacher: Side, job: JobSpec) -> None:
        self._wanted, self._student, self._teacher = wanted, student, teacher
        self._heads = 1 if wanted.relations is None else relation_heads(job)
        self._causal = job.architecture in CAUSAL
        self.regression: Regression | None = None
        if wanted.features is not None:
            seed, rate = job.training.seed, wanted.features.learning_rate
            self.regression = Regression(student.width, teacher.width, rate, seed)

    def forget(self) -> None:
        """Forget the outputs of forward passes that are no part of a step."""
        self._student.forget()
        self._teacher.forget()

    def losses(self, real: Tensor | None) -> dict[str, tuple[float, Tensor]]:
        """Weight and mean loss of everything that is matched, by its name, of the networks' last forward pass.

        Args:
            real: Which tokens are not padding, bool (B, T); None: all.
        """
        mine, theirs = self._student.take(), self._teacher.take()
        wanted, found = self._wanted, dict[str, tuple[float, Tensor]]()
        if wanted.hidden is not None:
            measure = cosine_loss if wanted.hidden.loss == "cosine" else squared_loss
            pairs = blocks_beside(self._student.blocks, self._teacher.blocks)
            each = [
                measure(own, other, real_of(real, own))
                for number, beside in enumerate(pairs)
                for own, other in zip(mine[f"block.{number}"], theirs[f"block.{beside}"], strict=True)
            ]
            found["hidden_loss"] = wanted.hidden.weight, torch.stack(each).mean()
        if wanted.relations is not None:
            each = [
                relation_loss(own, other, self._heads, real_of(real, own), causal=self._causal)
                for kind in "qkv"
                for own, other in zip(mine[kind], theirs[kind], strict=True)
            ]
            found["relations_loss"] = wanted.relations.weight, torch.stack(each).mean()
        if wanted.features is not None:
            assert self.regression is not None
            each = [
                self.regression.loss(own, other, (real_of(real, own), real_of(real, other)))
                for own, other in zip(mine["last"], theirs["last"], strict=True)
            ]
            found["features_loss"] = wanted.features.weight, torch.stack(each).mean()
        return found


def _mean_token(tokens: Tensor, real: Tensor | None) -> Tensor:
    """The mean of tokens (B, T, D) that are real: shape (B, D)."""
    if real is None:
        return tokens.mean(dim=1)
    weights = real[..., None]
    mean: Tensor = (tokens * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
    return mean
