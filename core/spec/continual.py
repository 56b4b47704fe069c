"""Learning a new stage without forgetting the earlier ones: the block ``continual`` of a job that goes on from a checkpoint."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.spec.adaptation import Adapters, Lora
from core.spec.base import Spec
from core.spec.data import DataSpec
from core.spec.faults import SpecFault
from core.spec.text import Name

MOST_STAGES = 50
"""Number of earlier stages of a job. Its spec describes each, so that it would otherwise grow without limit."""

DatasetId = Annotated[str, Field(pattern=r"^ds_[0-9a-z]{26}$")]


class ElasticWeights(Spec):
    """Elastic weight consolidation (EWC, Kirkpatrick et al. 2017, arXiv 1612.00796).

    Each weight is held near its value at the end of the earlier stages by a quadratic penalty, in proportion to its Fisher
    information there.
    """

    strength: Annotated[float, Field(gt=0.0, le=1e12)] = 1000.0
    """Lambda: the penalty is half of it, times the sum of Fisher information times squared distance."""
    samples: Annotated[int, Field(ge=1, le=10_000_000)] = 1000
    """Number of training samples, at most, from which the Fisher information of a stage is estimated."""
    decay: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    """Gamma of the online form (Schwarz et al. 2018, arXiv 1805.06370): the Fisher information of the stages before counts this
    much when that of a further stage is added. 1: all stages count the same."""


class Replay(Spec):
    """Samples of the earlier stages' data in each batch (experience replay, Rolnick et al. 2019, arXiv 1811.11682)."""

    samples: Annotated[int, Field(ge=1, le=100_000_000)] = 1000
    """Size of the buffer, over all earlier stages."""
    share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    """Share of each batch that is drawn from the buffer."""
    choose: Literal["reservoir", "herding"] = "reservoir"
    """How the buffer is filled. ``reservoir``: by chance. ``herding``: the samples whose mean of features is nearest to that
    of all of their group (Rebuffi et al. 2017, arXiv 1611.07725)."""
    balance: Literal["auto", "class", "stage", "none"] = "auto"
    """Of what the buffer holds equally many samples. ``auto``: of each class where the task learns classes, otherwise of
    each stage. ``none``: every earlier sample is as likely."""


class LearningWithoutForgetting(Spec):
    """Learning without forgetting (LwF, Li and Hoiem 2016, arXiv 1606.09282).

    On the new data, the network's outputs are held near those of the network before the stage.
    """

    strength: Annotated[float, Field(gt=0.0, le=1e6)] = 1.0
    """Weight of the distillation loss beside the task's own."""
    temperature: Annotated[float, Field(gt=0.0, le=100.0)] = 2.0
    """Divides both networks' outputs before the softmax."""


class StageAdapters(Spec):
    """A new adapter for each stage, in a network that stays as it is (dynamic architecture)."""

    kind: Literal["adapters", "lora"] = "adapters"
    """``adapters``: bottlenecks behind the feed-forward layers. ``lora``: low-rank updates of all maps of the blocks."""
    size: Annotated[int, Field(ge=1, le=4096)] = 16
    """Width of the bottlenecks, or rank of the updates."""
    route: Literal["stage", "prototype"] = "stage"
    """How the adapter for a sample is chosen. ``stage``: by the stage, which must be known. ``prototype``: that of the stage
    whose mean of features is nearest to the sample's."""

    @property
    def adaptation(self) -> Adapters | Lora:
        """What of the network is trained in a stage, and what is added to it."""
        return Adapters(size=self.size) if self.kind == "adapters" else Lora(rank=self.size)


class Ancestor(Spec):
    """An earlier stage: a job that the checkpoint was trained by, and the data that it learned from."""

    job: Annotated[str, Field(min_length=1, max_length=64)]
    """Id of the job; a run without a service names its data by it on the command line."""
    name: Name | None = None
    """Name of the job."""
    dataset: DatasetId | None = None
    """Id of its dataset. Default: it was deleted."""
    data: DataSpec = DataSpec()
    """How the job read its data."""


class Continual(Spec):
    """What is done against forgetting, and measured of it.

    Without a method (``{}``), forgetting is only measured. ``ewc``, ``replay`` and ``lwf`` may be combined.
    """

    ewc: ElasticWeights | None = None
    replay: Replay | None = None
    lwf: LearningWithoutForgetting | None = None
    adapters: StageAdapters | None = None
    scenario: Literal["class", "task", "domain"] = "class"
    """For tasks that learn classes: among which classes a sample's answer is (van de Ven et al. 2022, doi
    10.1038/s42256-022-00568-3). ``class``: all classes seen so far. ``task``: those of the sample's stage, which is known.
    ``domain``: every stage has the same classes."""
    ancestors: Annotated[tuple[Ancestor, ...], Field(max_length=MOST_STAGES)] = ()
    """The earlier stages, oldest first. Filled in when the job is submitted: the jobs that its checkpoint goes back to."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods that are used."""
        return tuple(name for name in ("ewc", "replay", "lwf", "adapters") if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _combines(self) -> Self:
        others = [name for name in ("ewc", "lwf") if name in self.methods]
        if self.adapters is not None and others:
            raise SpecFault(
                "methods_do_not_combine",
                f"with adapters the earlier weights do not change, so that {others[0]} has nothing to protect; leave it out",
                case="methods",
                methods=["adapters", *others],
            )
        return self
