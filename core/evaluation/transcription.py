"""Word and character error rates of transcripts."""

from collections.abc import Sequence

from torchmetrics.functional.text import char_error_rate, word_error_rate


def error_rates(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """The edits that turn the hypotheses into the references, for each word and each character of the references.

    An edit replaces, adds or removes one word or character; over all samples together, so that long ones count more.

    Args:
        references: Not empty, and none of them is.
    """
    return {
        "wer": float(word_error_rate(list(hypotheses), list(references))),
        "cer": float(char_error_rate(list(hypotheses), list(references))),
    }
