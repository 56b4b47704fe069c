"""Server-Sent Events, as the HTML standard says to read them (https://html.spec.whatwg.org/#server-sent-events)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    event: str | None
    """None if there is no data: the message only moves the cursor or sets the reconnection time."""
    data: str
    id: str | None
    """The cursor after this message; None if it does not change."""
    retry: float | None = None
    """Seconds that the server asks to wait before reconnecting."""


def messages(chunks: Iterable[bytes]) -> Iterator[Message]:
    """The complete messages in a stream. A truncated one is dropped, so that it is requested again."""
    fields: dict[str, str] = {}
    data: list[str] = []
    for line in _lines(chunks):
        if not line:
            if data or fields:
                event = (fields.get("event") or "message") if data else None
                yield Message(event, "\n".join(data), fields.get("id"), _seconds(fields))
            fields, data = {}, []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name in {"event", "id", "retry"}:
            fields[name] = value


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    # Not `str.splitlines`: that also splits at characters that JSON may contain unescaped, such as U+2028.
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", errors="replace")


def _seconds(fields: dict[str, str]) -> float | None:
    value = fields.get("retry", "")
    return int(value) / 1000 if value.isdigit() else None
