"""The amount of data that a job needs, without tokenizing: bounds, and whether they are exact.

For a tokenizer that is still to be trained, the number of tokens is not known in advance, only an upper bound. So a job
that is refused because of these bounds could not run; the engine, which counts the tokens, may still find too few.
"""

from core.spec.data import TokenizerSpec
from core.spec.job import JobSpec

_MOST_BYTES = {"none": 1, "nfc": 3, "nfkc": 11}
"""Largest growth of UTF-8 bytes by a Unicode normal form: U+0390 becomes three times as long, U+FDFA eleven times."""
_DECOMPOSED = 3
"""Largest growth of UTF-8 bytes by canonical decomposition, from which accents are removed."""
_LOWERCASED = 2
"""Largest growth of UTF-8 bytes by lower-casing: half as many bytes more (U+0130, U+023A)."""


def is_exact(tokenizer: TokenizerSpec) -> bool:
    """Whether `most_tokens` is the exact number of tokens and not an upper bound."""
    changes = tokenizer.normalization != "none" or tokenizer.lowercase or tokenizer.strip_accents
    return tokenizer.kind in {"byte", "character"} and not changes


def most_tokens(tokenizer: TokenizerSpec, *, characters: int, size: int) -> int | None:
    """Upper bound of the tokens in so many characters, ``size`` bytes of UTF-8; None if unknown (``uploaded``,
    ``checkpoint``).

    No tokenizer that is trained here makes more than one token per byte, or per character if its tokens are characters.
    """
    if tokenizer.is_given:
        return None
    if tokenizer.kind == "character" and is_exact(tokenizer):
        return characters
    factor = _MOST_BYTES[tokenizer.normalization]
    if tokenizer.strip_accents:
        factor *= _DECOMPOSED
    if tokenizer.lowercase:
        factor *= _LOWERCASED
    return factor * size


def rows_needed(spec: JobSpec) -> int:
    """Least number of samples in the training split: those of one step."""
    return spec.training.least_sequences_per_step


def most_rows(spec: JobSpec, *, tokens: int, documents: int) -> int:
    """Upper bound of the rows of so many tokens, separators after documents included; exact except for ``best_fit``."""
    rows = spec.task.rows_of(tokens, spec.training.sequence_length)
    return documents + rows if spec.data.packing == "best_fit" else rows


def tokens_needed(spec: JobSpec) -> int:
    """Number of tokens that give `rows_needed` rows."""
    return spec.task.tokens_for(rows_needed(spec), spec.training.sequence_length)


def clips(samples: int, rate: int, spec: JobSpec) -> int:
    """Number of clips of a recording of so many samples at ``rate`` Hz: as many as cover it, at least one."""
    return max(1, -(-resampled(samples, rate, spec.data.audio.sampling_rate) // spec.clip_samples))


def resampled(samples: int, rate: int, wanted: int) -> int:
    """Number of samples after libsoxr resamples from one rate (Hz) to another; at least one."""
    return samples if rate == wanted else max(1, int(samples * wanted / rate + 0.5))
