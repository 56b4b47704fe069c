"""What a job's dataset must hold, as far as it can be told without tokenizing: bounds, and where they are exact.

Of a tokenizer that is trained, nobody knows beforehand how many tokens it makes, only how many it cannot exceed. So
a job that is refused by these bounds could not run; the engine, which counts, may still find too few.
"""

from core.spec.data import TokenizerSpec
from core.spec.job import JobSpec

_MOST_BYTES = {"none": 1, "nfc": 3, "nfkc": 11}
"""Bytes of UTF-8 that a Unicode normal form makes of one: U+0390 becomes three times as long, U+FDFA eleven times."""
_DECOMPOSED = 3
"""Accents are dropped from the canonically decomposed form."""
_LOWERCASED = 2
"""Lower case takes up to half as many bytes again (U+0130, U+023A)."""


def is_exact(tokenizer: TokenizerSpec) -> bool:
    """Whether `most_tokens` is what the tokenizer makes, and no bound."""
    changes = tokenizer.normalization != "none" or tokenizer.lowercase or tokenizer.strip_accents
    return tokenizer.kind in {"byte", "character"} and not changes


def most_tokens(tokenizer: TokenizerSpec, *, characters: int, size: int) -> int | None:
    """Tokens at most in so many characters, ``size`` bytes of UTF-8; None where nobody can say (``uploaded``).

    No tokenizer that is trained here makes more than one token of a byte, or of a character where it tells those apart.
    """
    if tokenizer.kind == "uploaded":
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
    """Samples that the training part must hold at least: those of one step."""
    return spec.training.least_sequences_per_step


def most_rows(spec: JobSpec, *, tokens: int, documents: int) -> int:
    """Rows at most of so many tokens, the separators behind the documents included; exact but for ``best_fit``."""
    rows = spec.task.rows_of(tokens, spec.training.sequence_length)
    return documents + rows if spec.data.packing == "best_fit" else rows


def tokens_needed(spec: JobSpec) -> int:
    """Tokens that give `rows_needed`."""
    return spec.task.tokens_for(rows_needed(spec), spec.training.sequence_length)


def clips(samples: int, rate: int, spec: JobSpec) -> int:
    """Clips that a recording of so many samples at ``rate`` Hz gives: as many as cover it, one at least."""
    return max(1, -(-resampled(samples, rate, spec.data.audio.sampling_rate) // spec.clip_samples))


def resampled(samples: int, rate: int, wanted: int) -> int:
    """How many samples libsoxr makes of so many, from one rate (Hz) to another; one at least."""
    return samples if rate == wanted else max(1, int(samples * wanted / rate + 0.5))
