"""Prepared data that consist of what a checkpoint says about them: for objectives that are created to predict only.

Sizes, statistics and the tokenizer are those that the checkpoint was trained with. There is no text, and one
black image, since an array of none cannot be mapped; where the checkpoint has classes, one black image or silent recording of each.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data import Prepared
from core.data.audio import PreparedAudio
from core.data.audio.prepared import LABEL, LENGTH, PCM, START
from core.data.audio.transcripts import TranscriptFacts, characters_in
from core.data.image import PreparedImages
from core.data.text import PreparedText, SpecialIds
from core.data.text.labels import LabelFacts
from core.data.text.prepared import TOKENIZER, SplitStatistics
from core.data.text.start_tokenizer import StartTokenizer
from core.data.text.tokenizer import load, load_unchanged
from core.errors import EngineError
from core.networks.heads import UNNAMED, named_classes
from core.spec.job import JobSpec

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_NOTHING = SplitStatistics(documents=0, characters=0, text_bytes=0, tokens=0)


def described_data(job: JobSpec, checkpoint: Path, directory: Path) -> Prepared:
    """The data of a job as far as a checkpoint of it describes them.

    Args:
        checkpoint: Directory of the checkpoint.
        directory: An empty one for the few files that these data have.

    Raises:
        EngineError: ``checkpoint_mismatch``, where a file is missing there or cannot be read.
        DataError: ``tokenizer_invalid``.
    """
    try:
        return _DESCRIBED[job.task.modality](job, checkpoint, directory)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(
            "checkpoint_mismatch",
            f"The checkpoint does not describe its data: {type(error).__name__}: {error}",
            "Use another checkpoint of the job.",
            case="data",
            kind=type(error).__name__,
            error=error,
        ) from error


def _text(job: JobSpec, checkpoint: Path, directory: Path) -> PreparedText:
    tokenizer = directory / TOKENIZER
    tokenizer.mkdir()
    for name in _TOKENIZER_FILES:
        if (checkpoint / name).exists():
            shutil.copyfile(checkpoint / name, tokenizer / name)
    if job.data.tokenizer.kind == "checkpoint":
        start = StartTokenizer.read(checkpoint).with_tokens(job.data.tokenizer.add_tokens)
        found = load_unchanged(start.content, start.declared)
    else:
        found = load((tokenizer / "tokenizer.json").read_bytes())
    config = _json(checkpoint / "config.json")
    facts = _label_facts(job, checkpoint)
    documents = 0 if facts is None else max(1, len(facts.classes))
    for split in ("train", "held_out"):
        # Of each class one document, which has no token before its separator.
        np.full(documents, found.special_ids.sep, np.uint32).tofile(directory / f"{split}.bin")
        np.arange(documents + 1, dtype=np.uint64).tofile(directory / f"{split}.offsets")
        if facts is not None:
            _write_text_labels(directory, split, facts)
    special = found.special_ids
    return PreparedText(
        directory=directory,
        key="",
        cached=True,
        train=_NOTHING,
        held_out=_NOTHING,
        duplicates=0,
        tokenizer_kind=job.data.tokenizer.kind,
        vocabulary_size=int(config["vocab_size"]),
        special_ids=SpecialIds(special.pad, special.unk, special.cls, special.sep, special.mask, special.all),
        token_type=np.dtype(np.uint32).name,
        label_facts=facts,
    )


def _label_facts(job: JobSpec, checkpoint: Path) -> LabelFacts | None:
    kind = job.task.text_labels
    if kind is None:
        return None
    return LabelFacts(
        kind=kind,
        classes=() if kind == "number" else _classes(job, checkpoint),
        unlabelled=0,
        unlabelled_at=(),
        conflicts=0,
        conflicts_at=(),
        own_split=False,
    )


def _write_text_labels(directory: Path, split: str, facts: LabelFacts) -> None:
    """As `core.data.text.labels` has them: each document has one of the classes, or the number 0."""
    count = len(facts.classes)
    match facts.kind:
        case "one":
            np.arange(count, dtype=np.int64).tofile(directory / f"{split}.labels")
        case "several":
            np.eye(count, dtype=np.int8).tofile(directory / f"{split}.label_sets")
        case "number":
            np.zeros(1).tofile(directory / f"{split}.values")
        case "tags":
            # One word a document, without a token of its own.
            np.arange(count + 1, dtype=np.uint64).tofile(directory / f"{split}.words")
            np.full(count, -1, np.int32).tofile(directory / f"{split}.word_tokens")
            np.arange(count, dtype=np.int16).tofile(directory / f"{split}.word_tags")


def _images(job: JobSpec, checkpoint: Path, directory: Path) -> PreparedImages:
    side, channels = job.data.image.size, job.data.image.channels
    mean, std = (0.5,) * channels, (0.25,) * channels
    preprocessor = checkpoint / "preprocessor_config.json"
    if job.model.preprocessor is None and preprocessor.exists():
        found = _json(preprocessor)
        # Of fewer channels where the network's input is something else, such as the lightness alone.
        if len(found.get("image_mean") or ()) == channels:
            mean, std = tuple(map(float, found["image_mean"])), tuple(map(float, found["image_std"]))
    classes = _classes(job, checkpoint)
    count = max(1, len(classes))
    for split in ("train", "held_out"):
        np.zeros((count, side, side, channels), np.uint8).tofile(directory / f"{split}.images")
        _labels(classes).tofile(directory / f"{split}.labels")
    images = PreparedImages(
        directory=directory,
        key="",
        cached=True,
        height=side,
        width=side,
        channels=channels,
        train=count,
        held_out=count,
        mean=mean,
        std=std,
        classes=classes,
        duplicates=0,
        bad=0,
        skipped=(),
        own_split=False,
    )
    return images if job.model.preprocessor is None else images.preprocessed_as(job.model.preprocessor)


def _audio(job: JobSpec, checkpoint: Path, directory: Path) -> PreparedAudio:
    classes = _classes(job, checkpoint)
    np.zeros(len(classes), np.int16).tofile(directory / PCM)
    index = np.full((len(classes), 4), -1, np.int64)
    index[:, START], index[:, LENGTH], index[:, LABEL] = (
        np.arange(len(classes)),
        1,
        _labels(classes)[: len(classes)],
    )
    for split in ("train", "held_out"):
        index.tofile(directory / f"{split}.index")
    return PreparedAudio(
        directory=directory,
        key="",
        cached=True,
        sampling_rate=job.data.audio.sampling_rate,
        recordings=len(classes),
        recordings_held_out=len(classes),
        hours=0.0,
        hours_held_out=0.0,
        duplicates=0,
        bad=0,
        skipped=(),
        classes=classes,
        groups=(),
        statistics={},
        transcript_facts=_vocabulary(checkpoint) if job.task.reads_transcripts else None,
    )


def _vocabulary(checkpoint: Path) -> TranscriptFacts:
    """The characters that a speech recogniser knows, in the order of its outputs."""
    characters = characters_in(checkpoint)
    if not characters:
        raise ValueError("it has no vocab.json")
    return TranscriptFacts.of_alphabet(characters)


def _classes(job: JobSpec, checkpoint: Path) -> tuple[str, ...]:
    """Names of the classes that the network of a task with labels distinguishes; () for other tasks without any."""
    named = named_classes(checkpoint)
    if not named and job.task.needs_labels and not job.task.reads_transcripts:
        return UNNAMED
    return named


def _labels(classes: tuple[str, ...]) -> NDArray[np.int64]:
    """One sample of each class; without classes, one sample without."""
    return np.arange(len(classes), dtype=np.int64) if classes else np.full(1, -1, np.int64)


def _json(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


_DESCRIBED: Mapping[str, Callable[[JobSpec, Path, Path], Prepared]] = {
    "text": _text,
    "image": _images,
    "audio": _audio,
}
