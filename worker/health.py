"""``python -m worker.health``: the health check of a worker's container: is a worker of this host online?"""

import socket
import sys

from control.db import create_engine, read
from control.scheduling.roster import list_workers
from control.settings import settings


def main() -> int:
    """0 if one is online, else 1."""
    host = socket.gethostname()
    database = create_engine(settings().database_url, pool_size=1)
    with read(database) as session:
        alive = any(
            worker.state != "offline" and worker.name.startswith(f"{host}:")
            for worker in list_workers(session)
        )
    if not alive:
        print(f"no worker of {host} is online", file=sys.stderr)
    return not alive


if __name__ == "__main__":
    sys.exit(main())
