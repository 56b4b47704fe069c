"""How recordings become training data, and what may be done to them on the way into a network."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from core.spec.base import Spec
from core.spec.patterns import check_group_pattern


class AudioDataSpec(Spec):
    """How recordings are brought to one form; nothing else is done to them before training."""

    sampling_rate: Annotated[int, Field(ge=2_000, le=192_000)] = 16_000
    """Samples a second (Hz) of every stored recording; others are resampled to it, band-limited. Default 16000, what
    speech models expect. 8000 suits telephone speech and takes half the work."""

    normalization: Literal["peak", "none"] = "peak"
    """``peak``: each recording's mean is taken away and it is scaled so that its loudest sample is 0.95 of full scale.
    ``none``: levels stay as they were recorded. Silent recordings stay silent either way."""

    clip_seconds: Annotated[float, Field(gt=0.0, le=60.0)] = 4.0
    """Length of one sample in seconds. A longer recording gives several, each a stretch that begins a little elsewhere each
    time in training; a shorter one is filled up with silence that the network is told to pass over."""

    minimum_seconds: Annotated[float, Field(ge=0.0, le=60.0)] = 0.05
    """A recording shorter than this is a bad sample (see ``on_bad_sample``)."""

    group_pattern: Annotated[str, Field(max_length=200), AfterValidator(check_group_pattern)] | None = None
    """Regular expression (RE2: Python's syntax without look-around and back references) that finds in a file's path who or
    what was recorded, as its group ``group``, such as ``_(?P<group>[a-z]+)_`` for ``7_george_12.wav``. Whole groups are then
    held out, so that evaluation hears nobody who was trained on. Files that it does not match have no group and train."""


class AudioAugmentation(Spec):
    """Changes drawn anew for each sample of each step; all of them off by default. Evaluation never has any."""

    gain_db: Annotated[float, Field(ge=0.0, le=40.0)] = 0.0
    """Loudness changes by up to so many decibels either way."""

    noise_snr_db: tuple[float, float] | None = None
    """White noise is added at a ratio of signal to noise, in decibels, drawn between these two. Default: none."""

    speed: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    """Speed, and pitch with it, changes by up to this share either way, as 0.1 for ±10 %."""

    time_mask: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """One stretch of up to this share of the recording is silenced (Park et al. 2019, arXiv 1904.08779)."""

    @property
    def is_off(self) -> bool:
        """Whether nothing is changed."""
        return not (self.gain_db or self.noise_snr_db or self.speed or self.time_mask)
