"""Kinds of prediction: what a trained checkpoint can be asked for, and with which options.

A task lists its kinds in `core.spec.task.TaskSpec.predictions`; its objective computes them
(`core.objectives.base.Objective.predictors`). API, command line and dashboard learn of them from here only, so a task of
an installed package may define kinds of its own.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from core.spec.base import Spec

PredictionInput = Literal["text", "image", "audio", "none"]

TEXT_CHARACTERS = 20_000
"""Largest text of a prediction, in characters; the network's own length in tokens is usually less."""
IMAGE_BYTES = 8 << 20
"""Largest encoded image of a prediction."""
AUDIO_BYTES = 16 << 20
"""Largest encoded recording of a prediction."""

Seed = Annotated[int, Field(ge=0, lt=2**53)]


class NoOptions(Spec):
    """A kind of prediction without options."""


class FillMaskOptions(Spec):
    top_k: int = Field(default=5, ge=1, le=50)
    """Number of candidates for each masked position."""


class SamplingOptions(Spec):
    """How tokens are drawn; equal options and an equal seed give an equal text."""

    max_tokens: int = Field(default=64, ge=1, le=1024)
    """Largest number of new tokens. Fewer are drawn where the network's length ends or the text ends."""
    temperature: float = Field(default=0.8, ge=0, le=5)
    """Divisor of the scores: lower values prefer likelier tokens; 0 always takes the likeliest."""
    top_k: int = Field(default=50, ge=0, le=1000)
    """Only so many of the likeliest tokens are drawn from (Fan et al. 2018, arXiv 1805.04833). 0: all."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Only the likeliest tokens that together have this probability are drawn from (Holtzman et al. 2019, arXiv 1904.09751)."""
    seed: Seed = 0
    """Seed of the draws."""


class MaskingOptions(Spec):
    seed: Seed = 0
    """Decides what is hidden from the network."""


class GenerateOptions(Spec):
    count: int = Field(default=16, ge=1, le=64)
    """Number of images."""
    seed: Seed = 0
    """Image n of a seed is always the same, whatever the count."""


class NeighbourOptions(Spec):
    count: int = Field(default=8, ge=1, le=50)
    """Number of neighbours."""
    samples: int = Field(default=1000, ge=10, le=5000)
    """Number of samples of the job's dataset, from its beginning, that are searched."""


class RankedOptions(Spec):
    top_k: int = Field(default=5, ge=1, le=100)
    """Number of classes, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A kind of prediction."""

    kind: str
    """Its name over HTTP, in lower case words joined by ``_``."""
    title: str
    """For people: ``Fill a mask``."""
    hint: str
    """What to give and what comes back, in a sentence."""
    input: PredictionInput
    options: type[Spec] = NoOptions
    streams: bool = False
    """Whether parts of the result are sent while it is computed."""
    example: str = ""
    """A text to begin with."""
    needs_dataset: bool = False
    """Whether the dataset of the checkpoint's job is read."""


FILL_MASK = Prediction(
    "fill_mask",
    "Fill a mask",
    "Write [MASK] for each hidden token; the likeliest tokens come back with their probabilities.",
    "text",
    FillMaskOptions,
    example="The [MASK] statement returns a value.",
)
CONTINUE = Prediction(
    "continue",
    "Continue a text",
    "Give the beginning of a text; the network continues it.",
    "text",
    SamplingOptions,
    streams=True,
    example="The statement",
)
INFILL = Prediction(
    "infill",
    "Fill gaps",
    "Write [MASK] for each gap; the network writes the missing words of each.",
    "text",
    SamplingOptions,
    streams=True,
    example="The [MASK] returns a [MASK].",
)
RECONSTRUCT_IMAGE = Prediction(
    "reconstruct",
    "Reconstruct an image",
    "A part of the image is hidden or damaged; the network reconstructs it.",
    "image",
    MaskingOptions,
)
RECONSTRUCT_SOUND = Prediction(
    "reconstruct",
    "Reconstruct a spectrogram",
    "A part of the recording's spectrogram is hidden; the network reconstructs it.",
    "audio",
    MaskingOptions,
)
COLORIZE = Prediction(
    "colorize",
    "Color an image",
    "Of the image only the lightness is used; the network predicts the colors.",
    "image",
)
GENERATE = Prediction(
    "generate", "Generate images", "New images, one for each number after the seed.", "none", GenerateOptions
)


TAG = Prediction(
    "tag",
    "Tag the words",
    "Each word gets a tag, and the entities that the tags make are marked.",
    "text",
)


def classify(modality: Literal["text", "image", "audio"]) -> Prediction:
    """The classes of a sample, for every task that learns to tell them."""
    return Prediction(
        "classify", "Classify", "The likeliest classes with their probabilities.", modality, RankedOptions
    )


TRANSCRIBE = Prediction(
    "transcribe",
    "Transcribe",
    "What is said in the recording, as the network's most probable characters.",
    "audio",
)


def embed(modality: Literal["text", "image", "audio"]) -> Prediction:
    """The features of a sample, for every task that trains an encoder."""
    return Prediction(
        "embed", "Embed", "The features of the sample: one vector, as other programs use it.", modality
    )


def neighbours(modality: Literal["text", "image", "audio"]) -> Prediction:
    """The most similar samples of the job's dataset, for every task that trains an encoder."""
    return Prediction(
        "neighbours",
        "Nearest neighbours",
        "The samples of the job's dataset whose features are the most similar, by the cosine.",
        modality,
        NeighbourOptions,
        needs_dataset=True,
    )
