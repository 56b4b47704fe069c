"""Settings for audio data: how recordings are stored for training, and how they are augmented."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from core.spec.base import Spec
from core.spec.patterns import check_group_pattern
from core.spec.text import Column

TRANSCRIPT_FIELDS = frozenset({"transcripts", "transcript_column", "file_column", "split_column"})
"""Fields of `AudioDataSpec` that only matter where transcripts are read."""
TRANSCRIPT_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".trans.txt")
"""Endings of files with transcripts, each also with one of `COMPRESSED_ENDINGS`."""
COMPRESSED_ENDINGS = (".gz", ".zst")


class AudioDataSpec(Spec):
    """How recordings are converted to one format; nothing else is done to them before training."""

    sampling_rate: Annotated[int, Field(ge=2_000, le=192_000)] = 16_000
    """Sampling rate (Hz) of every stored recording; others are resampled to it, band-limited. Default 16000, what
    speech models expect. 8000 suits telephone speech and needs half the computation."""

    normalization: Literal["peak", "none"] = "peak"
    """``peak``: each recording's mean is subtracted and it is scaled so that its loudest sample is 0.95 of full scale.
    ``none``: levels stay as they were recorded. Silent recordings stay silent either way."""

    clip_seconds: Annotated[float, Field(gt=0.0, le=60.0)] = 4.0
    """Length of one sample in seconds. A longer recording gives several clips, whose start varies
    randomly each time in training; a shorter one is padded with silence, which is marked as padding for the network."""

    minimum_seconds: Annotated[float, Field(ge=0.0, le=60.0)] = 0.05
    """A recording shorter than this is a bad sample (see ``on_bad_sample``)."""

    group_pattern: Annotated[str, Field(max_length=200), AfterValidator(check_group_pattern)] | None = None
    """Regular expression (RE2: Python's syntax without look-around and back references) that finds in a file's path
    the group (the speaker or source), as its capturing group ``group``, such as ``_(?P<group>[a-z]+)_`` for
    ``7_george_12.wav``. Whole groups are then held out, so that no speaker of the held-out split is in the training
    split. Files that the pattern does not match have no group and are in the training split."""

    transcript_column: Column | None = None
    """Column (CSV, TSV, Parquet) or key (JSON Lines) with the transcripts, in a table beside the recordings. Default:
    ``text``, else ``sentence``, ``transcript`` or ``transcription``, the first that is there."""

    file_column: Column | None = None
    """Column or key that names the recording of each transcript: its path from the table's folder, from the top of the
    archive, or its name, with or without the ending. Default: ``file``, else ``path``, ``file_name``, ``filename``, ``audio``,
    ``audio_filepath``, ``wav_filename`` or ``id``."""

    split_column: Column | None = None
    """Column or key with the split of each recording: ``train``, or ``test``, ``dev``, ``val`` and the like, which are held
    out. Without it, tables with such names (``train.tsv``, ``test.tsv``) are the splits, else the folders of recordings."""

    transcripts: bool = False
    """Whether transcripts are read. Leave it out: the task decides it, and `true` is refused for a task without
    transcripts."""


class AudioAugmentation(Spec):
    """Random changes, drawn again for each sample of each step; all of them off by default. Not used in evaluation."""

    gain_db: Annotated[float, Field(ge=0.0, le=40.0)] = 0.0
    """Largest change of loudness in decibels, up or down."""

    noise_snr_db: tuple[float, float] | None = None
    """White noise is added at a signal-to-noise ratio, in decibels, drawn between these two. Default: none."""

    speed: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    """Largest relative change of speed, and with it of pitch, up or down: 0.1 for ±10 %."""

    time_mask: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """One time span of up to this share of the recording is silenced (Park et al. 2019, arXiv 1904.08779)."""

    @property
    def is_off(self) -> bool:
        """Whether nothing is changed."""
        return not (self.gain_db or self.noise_snr_db or self.speed or self.time_mask)
