"""Three hundred connections that send a head or a body byte by byte, or nothing."""

import select
import socket
import time

from benchmarks.hostile.target import NotDelivered, Target

EACH = 100
WITHIN_SECONDS = 60.0
_POST = (
    b"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
)


def attack(target: Target) -> None:
    """The service closes each connection, although the client continues to send."""
    beginnings = [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", _POST]
    alive: dict[int, tuple[socket.socket, bytes]] = {}
    poller = select.poll()
    for beginning in beginnings:
        for _ in range(EACH):
            connection = target.connect()
            connection.sendall(beginning)
            alive[connection.fileno()] = connection, beginning
            poller.register(connection, select.POLLIN | select.POLLHUP | select.POLLERR)
    deadline = time.monotonic() + WITHIN_SECONDS
    while alive and time.monotonic() < deadline:
        for descriptor, _ in poller.poll(1000):
            poller.unregister(descriptor)
            alive.pop(descriptor)[0].close()
        for descriptor, (connection, beginning) in list(alive.items()):
            try:
                connection.sendall(b" " if beginning else b"")
            except OSError:
                poller.unregister(descriptor)
                alive.pop(descriptor)[0].close()
    left = len(alive)
    for connection, _ in alive.values():
        connection.close()
    if left:
        raise NotDelivered(
            f"{left} of {EACH * len(beginnings)} connections are open after {WITHIN_SECONDS:.0f} s"
        )
