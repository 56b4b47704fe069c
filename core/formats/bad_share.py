"""The limit of ``data.on_bad_sample: refuse``: the share of unusable images or recordings above which a job is refused."""

BAD_SHARE = 0.01
"""Share of all samples (0 … 1). A job is refused where more than this share of them is unusable."""


def too_many_bad(bad: int, seen: int) -> bool:
    """Whether the share of bad samples is over the limit. ``seen`` counts all samples, with the bad ones."""
    return bad > BAD_SHARE * seen
