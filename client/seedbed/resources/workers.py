"""The machines that run jobs."""

from seedbed.models import Worker
from seedbed.paging import Listing
from seedbed.transport import Transport


class Workers:
    """``client.workers``"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Listing[Worker]:
        """The workers, their devices and the jobs that they run."""
        return Listing(self._transport, "/v1/workers", Worker)
