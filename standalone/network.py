"""Addresses on this machine: whether one is free, and what answers there."""

import socket
import urllib.request
from contextlib import closing
from http.client import HTTPException

from standalone.problems import ProblemError

_LARGEST_ANSWER = 1 << 20


def url_at(host: str, port: int) -> str:
    """Where somebody on this machine reaches what listens at `host`, which may stand for all addresses."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - told apart, not bound
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def fetch(url: str, *, seconds: float = 2.0) -> bytes | None:
    """What a server on this machine answers with; None where none does, or where it refuses.

    Asked directly: a proxy that the environment names knows nothing of this machine's addresses.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with closing(opener.open(url, timeout=seconds)) as answer:
            content: bytes = answer.read(_LARGEST_ANSWER)
    except (OSError, HTTPException):
        return None
    return content


def bind(host: str, port: int) -> int:
    """The port, made sure of; any free one for 0.

    Raises:
        OSError: something listens there already, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        found: int = probe.getsockname()[1]
        return found


def free_port(host: str, port: int) -> int:
    """The same for the API.

    Raises:
        ProblemError: in place of the `OSError`, saying what to do.
    """
    try:
        return bind(host, port)
    except OSError as error:
        raise ProblemError(
            f"The API cannot listen at {host}:{port}: {error.strerror}. Stop what listens there, or choose another "
            "port with --port (0 for any that is free)."
        ) from error
