"""Checks an uploaded tokenizer against the network that it belongs to."""

from collections.abc import Mapping
from typing import Any

from core.formats.errors import FormatError
from core.formats.published.family import Family, Settings
from core.formats.published.names import T5_SENTINELS, TOKENIZER
from core.formats.published.reports import Report, missing_file
from core.spec.data import LEAST_VOCABULARY


def tokenizer_section(reports: Mapping[str, Report], family: Family, settings: Settings) -> dict[str, Any]:
    """The section ``data.tokenizer`` of a job that could have written the checkpoint.

    Raises:
        FormatError: ``checkpoint_incomplete``, ``checkpoint_misfit``.
    """
    if TOKENIZER not in reports:
        raise missing_file(TOKENIZER)
    vocabulary, largest = settings.number("vocab_size"), reports[TOKENIZER]["largest_id"]
    if largest >= vocabulary:
        raise FormatError(
            "checkpoint_misfit",
            f"has the token id {largest:,}, and the network's vocabulary has only {vocabulary:,} tokens: it is the tokenizer of "
            "another model",
            TOKENIZER,
            case="tokenizer",
            largest=largest,
            vocabulary=vocabulary,
        )
    lacking = T5_SENTINELS - reports[TOKENIZER].get("sentinels", 0)
    if family.model_type == "t5" and largest + 1 + lacking > vocabulary:
        raise FormatError(
            "checkpoint_misfit",
            f"lacks {lacking} of the {T5_SENTINELS} tokens <extra_id_0> …, which stand for the spans of a text, and the network's "
            f"vocabulary of {vocabulary:,} has no room for them; save the tokenizer with extra_ids={T5_SENTINELS}",
            TOKENIZER,
            case="sentinels",
            lacking=lacking,
            sentinels=T5_SENTINELS,
            vocabulary=vocabulary,
        )
    return {"kind": "uploaded", "vocabulary_size": max(vocabulary, LEAST_VOCABULARY)}
