"""Tasks: list them and get one."""

from urllib.parse import quote

from seedbed.models import Task
from seedbed.paging import Listing
from seedbed.transport import Transport


class Tasks:
    """``client.tasks``"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Listing[Task]:
        """Every task of the service, those of its installed packages included."""
        return Listing(self._transport, "/v1/tasks", Task)

    def get(self, kind: str) -> Task:
        """One task by its kind, as a spec names it.

        Raises:
            NotFound: the service has no such task.
        """
        return Task.model_validate(self._transport.get(f"/v1/tasks/{quote(kind, safe='')}"))
