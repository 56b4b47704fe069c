"""Where training starts: from fresh weights, or from a checkpoint of an earlier job."""

from typing import Annotated, Literal

from pydantic import Field

from core.spec.base import Spec

Scope = Literal["all", "weights", "encoder", "tokenizer"]


class StartSpec(Spec):
    """The checkpoint that a job starts from, and how much of it."""

    checkpoint: Annotated[str, Field(pattern=r"^ckpt_[0-9a-z]{26}$")] | None = None
    """Id of a checkpoint of the project. A run without a service is given its directory on the command line instead."""

    scope: Scope = "all"
    """``all``: go on with the same task from the checkpoint's step, with all weights and the optimiser's state.
    ``weights``: begin at step 0 of the same task with all weights, and a fresh optimiser: the next stage on other data.
    ``encoder``: begin at step 0 with the encoder's weights alone, in this or another task that trains the same
    network; everything else is fresh. ``tokenizer`` (text): begin at step 0 with fresh weights, and read text with the
    checkpoint's tokenizer: the baseline of a job that takes the encoder."""
