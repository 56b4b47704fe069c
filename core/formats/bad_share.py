"""``data.on_bad_sample: refuse``: how many images or recordings may be unusable before a job had better not run."""

BAD_SHARE = 0.01
"""Of all samples, above which they are too many."""


def too_many_bad(bad: int, seen: int) -> bool:
    """Whether of ``seen`` samples, the bad ones among them, too many are bad."""
    return bad > BAD_SHARE * seen
