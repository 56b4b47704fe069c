"""Learning from the outputs of a trained network: the block ``distillation`` of a job."""

from typing import Annotated, Literal

from pydantic import Field

from core.spec.architectures.base import Size
from core.spec.base import Spec
from core.spec.faults import SpecFault
from core.spec.start import StartSpec
from core.spec.task import TaskSpec

Weight = Annotated[float, Field(ge=0.0, le=1000.0)]
CAUSAL = frozenset({"gpt2", "llama"})
"""Architectures whose tokens attend to themselves and to tokens before them."""


class HiddenStates(Spec):
    """Matches the output of every block of the student with that of the teacher's block at the same share of depth."""

    loss: Literal["cosine", "mse"] = "cosine"
    """``cosine``: one minus the cosine of the two vectors of a token (Sanh et al. 2019, arXiv 1910.01108). ``mse``: the mean of
    the squared differences."""
    weight: Annotated[float, Field(gt=0.0, le=1000.0)] = 1.0


class Relations(Spec):
    """Matches the attention relations of the last block, for networks of any widths (Wang et al. 2020, arXiv 2002.10957).

    A relation is the softmax of the scaled products of all pairs of queries, of keys, or of values; the loss is the
    Kullback-Leibler divergence of student from teacher, mean over the three kinds, tokens and relation heads.
    """

    heads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Relation heads that both networks' maps are cut into (Wang et al. 2021, arXiv 2012.15828). Default: the student's
    attention heads."""
    weight: Annotated[float, Field(gt=0.0, le=1000.0)] = 1.0


class Features(Spec):
    """Regression of the teacher's features from the student's, by a linear map that the finished network does not have.

    Features are the outputs of the last block, those of the teacher normalised to mean 0 and variance 1; token by token where
    both networks have as many tokens, otherwise their means.
    """

    weight: Annotated[float, Field(gt=0.0, le=1000.0)] = 1.0
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.001
    """Of the linear map, which is trained by Adam."""


class TeacherCache(Spec):
    """The teacher's outputs for every training sample are computed once, before the first step, and kept beside the prepared data."""

    top_k: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    """How many of the largest outputs are kept of each term of the loss: 8 bytes each. The others count as impossible. With as many as
    there are outputs nothing is cut, and the loss is that of a teacher that computes beside the student."""


class Distillation(Spec):
    """The teacher, and what of it the student is to match (Hinton et al. 2015, arXiv 1503.02531)."""

    teacher: Annotated[str, Field(pattern=r"^ckpt_[0-9a-z]{26}$")] | None = None
    """Id of a checkpoint of the project. A run without a service is given its directory on the command line instead."""
    student: Literal["as_spec", "every_other"] = "as_spec"
    """``as_spec``: the network that the spec describes. ``every_other``: half of the teacher's blocks, evenly spaced, and all
    else of its network, with the teacher's weights (Sanh et al. 2019, arXiv 1910.01108); leave ``model`` out. A job that goes on
    with all weights of a checkpoint keeps those."""
    temperature: Annotated[float, Field(gt=0.0, le=100.0)] = 2.0
    """Divides the outputs of both networks before the softmax. The difference is multiplied by its square, so that the size of
    the gradient does not depend on it."""
    logits: Weight = 0.5
    """Weight of the Kullback-Leibler divergence of the student's outputs from the teacher's. 0: the outputs are not compared."""
    task: Weight = 0.5
    """Weight of the task's own loss."""
    hidden: HiddenStates | None = None
    """Match hidden states. Default: no."""
    relations: Relations | None = None
    """Match attention relations. Default: no."""
    features: Features | None = None
    """Regress the teacher's features. Default: no."""
    cache: TeacherCache | None = None
    """Compute the teacher's outputs once. Default: it computes beside the student in every step."""

    @property
    def observes(self) -> bool:
        """Whether outputs inside the networks are matched, and not their logits alone."""
        return self.hidden is not None or self.relations is not None or self.features is not None


def require_possible(
    wanted: Distillation | None, task: TaskSpec, size: Size, start: StartSpec | None
) -> None:
    """Check a job's distillation, as far as this needs no teacher.

    Args:
        size: Of the student.

    Raises:
        SpecFault: it cannot be done.
    """
    if wanted is None:
        return
    if size.feature_width is None:
        raise SpecFault(
            "no_encoder",
            f"{task.kind} learns no encoder that a teacher's could be compared with; leave distillation out",
            param="distillation",
            case="distillation",
            task=task.kind,
        )
    if wanted.logits and not task.gives_logits:
        raise SpecFault(
            "task_without_logits",
            f"{task.kind} has no outputs whose softmax could be compared; set it to 0, and match features, hidden or relations",
            param="distillation.logits",
            task=task.kind,
        )
    if not wanted.logits and not wanted.observes:
        raise SpecFault(
            "nothing_to_match",
            "nothing of the teacher is matched; give logits a weight, or set hidden, relations or features",
            param="distillation",
        )
    if wanted.cache is not None:
        _require_cacheable(wanted, task)
    if (wanted.hidden is not None or wanted.relations is not None) and not size.block_count:
        raise SpecFault(
            "blocks_unknown",
            f"a network of kind {size.architecture} has no blocks that are known; match features or logits instead",
            param="distillation.hidden" if wanted.hidden is not None else "distillation.relations",
            architecture=size.architecture,
        )
    if wanted.relations is not None and not has_attention(size):
        raise SpecFault(
            "no_attention",
            f"a network of kind {size.architecture} has no attention; match features or hidden instead",
            param="distillation.relations",
            case="student",
            architecture=size.architecture,
        )
    if wanted.student == "every_other" and start is not None and start.scope == "encoder":
        raise SpecFault(
            "two_sources_of_weights",
            "every_other takes the student's weights from the teacher, and the job takes an encoder's; leave one of them out",
            param="distillation.student",
        )


def _require_cacheable(wanted: Distillation, task: TaskSpec) -> None:
    if wanted.observes or not wanted.logits:
        raise SpecFault(
            "cache_of_outputs",
            "the outputs of a teacher are kept, and not what is inside it; leave cache out, or match logits alone",
            param="distillation.cache",
        )
    if not task.has_fixed_inputs:
        raise SpecFault(
            "inputs_drawn_anew",
            f"{task.kind} draws the inputs of a sample anew in each step (masks, crops, mixtures), so that no output could be used "
            "again; leave cache out",
            param="distillation.cache",
            task=task.kind,
        )


def has_attention(size: Size) -> bool:
    """Whether the blocks of a network have attention whose maps are known."""
    return size.block_count > 0 and any(one.part == "attention" for one in size.block_maps(0))
