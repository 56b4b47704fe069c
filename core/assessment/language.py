"""Exact perplexity and bits per byte of an autoregressive language model: every token of the text is predicted once."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.assessment.section import Section, SplitChoice
from core.data import SplitName
from core.data.text import PreparedText
from core.evaluation.language import perplexity
from core.objectives.language import LanguageModel
from core.spec.metrics import LANGUAGE, LOSS_IN_NATS

_TOKENS_AT_ONCE = 8192


def splits_of(choice: SplitChoice) -> tuple[SplitName, ...]:
    """The splits that are evaluated."""
    return ("train", "held_out") if choice == "all" else (choice,)


def language_section(
    objective: LanguageModel,
    data: PreparedText,
    sizes: Mapping[SplitName, NDArray[np.int64]],
    *,
    split: SplitChoice,
    tell: Callable[[float], object],
) -> Section | None:
    """Perplexity and bits per byte over all documents of the split; None if the task does not predict each token.

    The text is one stream of tokens, each document followed by the separator, with a separator before the first. It is cut
    into rows of ``training.sequence_length`` tokens that do not overlap; a row begins without the context before it. The last,
    shorter row counts too.

    Args:
        sizes: bytes of each document in UTF-8.
        tell: called with the share that is done.
    """
    names = splits_of(split)
    tokens = np.concatenate([data.tokens(name) for name in names]).astype(np.int64)
    lengths = np.concatenate([np.diff(data.offsets(name).astype(np.int64)) for name in names])
    size = np.concatenate([sizes[name] for name in names])
    losses = _losses(objective, tokens, data.special_ids.sep, tell)
    if losses is None:
        return None
    document = np.repeat(np.arange(len(lengths)), lengths)
    nats = np.bincount(document, losses, minlength=len(lengths))

    def measure(counts: NDArray[np.int64]) -> dict[str, float]:
        total = float(counts @ nats)
        token_count, byte_count = int(counts @ lengths), int(counts @ size)
        loss = total / token_count if token_count else math.nan
        bits = total / (math.log(2) * byte_count) if byte_count else math.nan
        return {"loss": loss, "perplexity": perplexity(loss), "bits_per_byte": bits}

    return Section(
        name="language",
        counted=(
            f"Every one of {len(tokens):,} tokens ({int(size.sum()):,} bytes of text, {len(lengths):,} documents with a separator "
            f"after each) is predicted once, from the tokens before it in its row. Rows of {objective.sequence_length:,} tokens "
            "do not overlap."
        ),
        unit="documents",
        units=len(lengths),
        identity=f"documents {split}",
        values=measure(np.ones(len(lengths), dtype=np.int64)),
        metrics=(LOSS_IN_NATS, *LANGUAGE),
        measure=measure,
    )


def _losses(
    objective: LanguageModel, tokens: NDArray[np.int64], separator: int, tell: Callable[[float], object]
) -> NDArray[np.float64] | None:
    """The loss of each token in nats, shape of ``tokens``."""
    length = objective.sequence_length
    count = -(-len(tokens) // length)
    # The last row is filled up with separators, which come after all its tokens and so change nothing.
    stream = np.full(count * length + 1, separator, dtype=np.int64)
    stream[1 : len(tokens) + 1] = tokens
    starts = np.arange(count)[:, None] * length
    found: list[NDArray[np.float64]] = []
    for part in _parts(count, max(1, _TOKENS_AT_ONCE // length)):
        losses = objective.token_losses(stream[starts[part] + np.arange(length + 1)])
        if losses is None:
            return None
        found.append(losses.double().cpu().numpy().reshape(-1))
        tell(part.stop / count)
    return np.concatenate([np.empty(0), *found])[: len(tokens)]


def _parts(count: int, size: int) -> Sequence[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
