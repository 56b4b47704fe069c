"""The vocabulary of an uploaded recogniser of speech (CTC), and what it tells about the transcripts that it was trained on."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from core.formats.errors import FormatError
from core.formats.published.family import Settings
from core.formats.published.names import VOCABULARY
from core.formats.published.reports import Report

BOUNDARY = "|"
BLANKS = ("[PAD]", "<pad>")


def transcripts_section(reports: Mapping[str, Report], settings: Settings) -> dict[str, Any]:
    """Fields of the section ``task``: how transcripts are normalised for the vocabulary.

    Raises:
        FormatError: ``checkpoint_misfit``, ``checkpoint_unsupported``.
    """
    tokens: Mapping[str, Any] = reports[VOCABULARY]["tokens"]
    outputs = settings.number("vocab_size", 32)
    if sorted(tokens.values()) != list(range(outputs)):
        raise FormatError(
            "checkpoint_misfit",
            f"does not number its characters from 0 to {outputs - 1:,}, as many as the network has outputs (vocab_size)",
            VOCABULARY,
            case="characters",
            outputs=outputs,
        )
    blank = next((token for token in BLANKS if token in tokens), None)
    for what, wanted, found in (
        ("boundary of words", BOUNDARY, BOUNDARY in tokens),
        ("blank", "<pad>", blank),
    ):
        if not found:
            raise FormatError(
                "checkpoint_unsupported",
                f"has no {wanted!r}, the {what}; a vocabulary without it is not supported here",
                VOCABULARY,
                case="special_character",
                what=what,
                wanted=wanted,
            )
    if tokens[str(blank)] != settings.number("pad_token_id", 0, least=0):
        raise FormatError(
            "checkpoint_misfit",
            f"has the blank {blank!r} at another number than config.json (pad_token_id)",
            VOCABULARY,
            case="blank",
            blank=blank,
        )
    letters = [token for token in tokens if len(token) == 1 and token.lower() != token.upper()]
    capitals = {token for token in letters if token != token.lower()}
    marks = {token for token in tokens if len(token) == 1 and unicodedata.category(token)[0] in "PSC"}
    return {
        "lowercase": not capitals or len(capitals) == len(letters),
        "keep_punctuation": bool(marks - {BOUNDARY, "'"}),
        "keep_apostrophes": "'" in tokens,
    }


def has_characters(reports: Mapping[str, Report]) -> bool:
    """Whether the checkpoint has a vocabulary of characters."""
    return bool(reports.get(VOCABULARY, {}).get("tokens"))
