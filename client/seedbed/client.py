"""`Client`: the entry point of the SDK."""

from types import TracebackType
from typing import Self

from seedbed import config
from seedbed.models import Session, System, Usage
from seedbed.resources.checkpoints import Checkpoints
from seedbed.resources.datasets import Datasets
from seedbed.resources.jobs import Jobs
from seedbed.resources.keys import Keys
from seedbed.resources.lineages import Lineages
from seedbed.resources.tasks import Tasks
from seedbed.resources.workers import Workers
from seedbed.short_jobs.estimate import Estimates
from seedbed.short_jobs.evaluation import Evaluations
from seedbed.short_jobs.export import Exports
from seedbed.short_jobs.preview import Previews
from seedbed.transport import Transport


class Client:
    """A Seedbed service. Threads may share one; ``with`` closes its connections.

    Args:
        url: The service's URL. Default: ``SEEDBED_URL``, else the one stored by ``seedbed login``, else a service that
            runs on this machine.
        key: An API key. Default: ``SEEDBED_KEY``, else the one kept for that URL.
        timeout: Most seconds between two reads of a response.
        retries: Most retries of a request that failed for a temporary reason.

    Raises:
        NotConfigured: no key is known, or the URL is not valid.
    """

    def __init__(
        self, url: str | None = None, key: str | None = None, *, timeout: float = 60.0, retries: int = 5
    ) -> None:
        self._transport = Transport(config.resolve(url, key), timeout=timeout, retries=retries)
        self.tasks = Tasks(self._transport)
        self.datasets = Datasets(self._transport)
        self.jobs = Jobs(self._transport)
        self.lineages = Lineages(self._transport)
        self.checkpoints = Checkpoints(self._transport)
        self.estimates = Estimates(self._transport)
        self.previews = Previews(self._transport)
        self.exports = Exports(self._transport)
        self.evaluations = Evaluations(self._transport)
        self.workers = Workers(self._transport)
        self.keys = Keys(self._transport)

    @property
    def url(self) -> str:
        """The service's URL."""
        return self._transport.url

    def whoami(self) -> Session:
        """The key that this client uses, and its project."""
        return Session.model_validate(self._transport.get("/v1/session"))

    def usage(self) -> Usage:
        """What the project has stored, its quotas, and what is free."""
        return Usage.model_validate(self._transport.get("/v1/usage"))

    def system(self) -> System:
        """The state of the service: version, queue, workers, storage. For admins."""
        return System.model_validate(self._transport.get("/v1/system"))

    def set_quotas(self, **quotas: int | None) -> Usage:
        """Set the project's own quotas in bytes; None removes one, and one that is not named stays. For admins.

        Args:
            quotas: ``datasets``, ``checkpoints``, ``samples``, ``exports``, ``logs``.
        """
        answer = self._transport.request("PATCH", "/v1/quotas", json=quotas, repeatable=True).json()
        return Usage.model_validate(answer)

    def close(self) -> None:
        """Close the connections; the client cannot be used any more."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
