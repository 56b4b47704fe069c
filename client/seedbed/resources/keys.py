"""API keys; all of it needs the scope ``admin``."""

from collections.abc import Sequence
from urllib.parse import quote

from seedbed.models import CreatedKey, Key
from seedbed.paging import Listing
from seedbed.transport import Transport


class Keys:
    """``client.keys``"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str, *, scopes: Sequence[str] = ("read", "write")) -> CreatedKey:
        """Create a key; only this response contains its ``secret``."""
        answer = self._transport.create("/v1/keys", {"name": name, "scopes": list(scopes)})
        return CreatedKey.model_validate(answer)

    def list(self) -> Listing[Key]:
        """All keys, newest first."""
        return Listing(self._transport, "/v1/keys", Key)

    def revoke(self, key: str) -> None:
        """Revoke a key; it stops working at once."""
        self._transport.delete(f"/v1/keys/{quote(key, safe='')}")
