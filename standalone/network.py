"""Addresses on this machine: whether a port is free, and what a server there answers."""

import socket
import urllib.request
from contextlib import closing
from http.client import HTTPException

from standalone.problems import ProblemError

_LARGEST_ANSWER = 1 << 20


def url_at(host: str, port: int) -> str:
    """The URL by which a client on this machine reaches a server that listens on `host`, which may mean all addresses."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def fetch(url: str, *, seconds: float = 2.0) -> bytes | None:
    """The body of a local server's answer, up to 1 MiB; None if there is no answer, or an error status.

    Proxies of the environment are ignored: they cannot reach this machine's local addresses.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with closing(opener.open(url, timeout=seconds)) as answer:
            content: bytes = answer.read(_LARGEST_ANSWER)
    except (OSError, HTTPException):
        return None
    return content


def bind(host: str, port: int) -> int:
    """Check that a port is free, and return it; for 0, return any free port.

    Raises:
        OSError: the port is in use, or the address does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        found: int = probe.getsockname()[1]
        return found


def free_port(host: str, port: int) -> int:
    """`bind` for the API's port, with an error message for the operator.

    Raises:
        ProblemError: in place of the `OSError`; it says what to do.
    """
    try:
        return bind(host, port)
    except OSError as error:
        raise ProblemError(
            f"The API cannot listen on {host}:{port}: {error.strerror}. Stop the program that listens there, or choose "
            "another port with --port (0 for any free one)."
        ) from error
