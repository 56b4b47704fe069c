"""Two hundred clients request the largest answer that needs no key, and do not read it; others request the pages."""

import socket

from benchmarks.hostile.target import NotDelivered, Target, expect

CLIENTS = 200
_ASK = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"


def attack(target: Target) -> None:
    """Each request is answered. No client reads on, so the rest waits in the service until its time limit."""
    connections: list[socket.socket] = []
    try:
        for _ in range(CLIENTS):
            connection = target.connect()
            connections.append(connection)
            connection.sendall(_ASK)
        for connection in connections:
            if not connection.recv(16).startswith(b"HTTP/1.1 200"):
                raise NotDelivered("the document was not answered")

        def read(_: int) -> None:
            with target.anonymous() as client:
                for path in ("/docs", "/openapi.json") * 5:
                    expect(client.get(path), 200)

        target.together(10, read)
    finally:
        for connection in connections:
            connection.close()
