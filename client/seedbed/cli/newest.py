"""A checkpoint by its own id, or by that of its job."""

from seedbed.client import Client
from seedbed.errors import SeedbedError
from seedbed.models import Checkpoint


def newest(client: Client, job: str) -> Checkpoint:
    """A job's checkpoint of the highest step.

    Raises:
        SeedbedError: it has none.
    """
    found = next(iter(client.checkpoints.list(job)), None)
    if found is None:
        raise SeedbedError(f"Job {job} has no checkpoint yet.")
    return found


def of_job_or_itself(client: Client, name: str) -> str:
    """The id of a checkpoint; for a job's id, that of its newest checkpoint."""
    return newest(client, name).id if name.startswith("job_") else name
