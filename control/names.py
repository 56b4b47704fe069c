"""The rule for names that reach a service without a request's schema, as from an operator's command line."""

from control.errors import Invalid
from core.characters import LONGEST_NAME, unwanted


def check_name(name: str) -> str:
    """
    Raises:
        Invalid: ``validation_failed``, saying what is wrong with it.
    """
    problem = unwanted(name)
    if not 1 <= len(name) <= LONGEST_NAME:
        problem = f"it has {len(name):,} characters, and 1 to {LONGEST_NAME} are possible"
    if problem is not None:
        raise Invalid(
            "validation_failed",
            f"{name[:60]!r} cannot be a name: {problem}.",
            param="name",
            params={
                "case": "name",
                "name": name[:60],
                "reason": problem,
                "characters": len(name),
                "most_characters": LONGEST_NAME,
            },
        )
    return name
