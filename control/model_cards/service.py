"""The service of model cards."""

from control.checkpoints import service as checkpoints
from control.checkpoints.models import Checkpoint
from control.db import ReadSession
from control.model_cards.collecting import collect
from control.model_cards.facts import Facts
from control.model_cards.metadata import metadata
from control.model_cards.text import body

FILE = "README.md"
"""Name of the card among the files of a checkpoint."""


def of(session: ReadSession, project_id: str, checkpoint_id: str) -> str:
    """The card of a checkpoint, as Markdown with metadata.

    Raises:
        NotFound: ``checkpoint_not_found``.
    """
    return card(session, checkpoints.get(session, project_id, checkpoint_id))


def card(session: ReadSession, checkpoint: Checkpoint) -> str:
    """The same of a checkpoint that was read already."""
    return render(collect(session, checkpoint))


def render(facts: Facts) -> str:
    """A card with these facts."""
    return f"---\n{metadata(facts)}\n---\n\n{body(facts)}\n"


def has_its_own(checkpoint: Checkpoint) -> bool:
    """Whether the checkpoint was uploaded with a README.md, which is then downloaded in place of the card."""
    return any(file["path"] == FILE for file in checkpoint.manifest["files"])
