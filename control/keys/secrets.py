"""Creates and verifies API keys and signed session cookies, without the database."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass

PREFIX = "sb_"
_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_KEY_PURPOSE = b"seedbed api key\0"
_SESSION_PURPOSE = b"seedbed session\0"


def new_key() -> str:
    """A fresh API key: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def is_key(text: str) -> bool:
    """Whether the text has the form of a key; other texts are refused without a query."""
    return _KEY.fullmatch(text) is not None


def digest(key: str, secret: str) -> bytes:
    """The stored HMAC-SHA256 of a key: useless without the server's secret, and the same for the same key."""
    return _mac(secret, _KEY_PURPOSE, key.encode())


@dataclass(frozen=True)
class SessionToken:
    """The payload of a session cookie: the key's id, the expiry (Unix seconds), and a random id."""

    key_id: str
    expires_at: int
    nonce: str = ""

    @property
    def digest(self) -> bytes:
        """The hash under which an ended session is recorded."""
        return hashlib.sha256(self._payload().encode()).digest()

    def _payload(self) -> str:
        said: list[str | int] = [self.key_id, self.expires_at, self.nonce]
        return _encode(json.dumps(said).encode())

    def sign(self, secret: str) -> str:
        """The cookie's value."""
        payload = self._payload()
        return f"{payload}.{_encode(_mac(secret, _SESSION_PURPOSE, payload.encode()))}"

    @classmethod
    def verify(cls, value: str, *secrets: str, now: float | None = None) -> "SessionToken | None":
        """The session of a cookie; None if it was signed with none of the secrets, or has expired."""
        payload, _, signature = value.partition(".")
        try:
            given = _decode(signature)
        except ValueError:
            return None
        # All secrets are tried, so that the duration reveals nothing.
        genuine = [
            hmac.compare_digest(given, _mac(secret, _SESSION_PURPOSE, payload.encode())) for secret in secrets
        ]
        if not any(genuine):
            return None
        token = cls(*json.loads(_decode(payload)))
        current = time.time() if now is None else now
        return token if current < token.expires_at else None


def _mac(secret: str, purpose: bytes, message: bytes) -> bytes:
    return hmac.new(secret.encode(), purpose + message, hashlib.sha256).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    """
    Raises:
        ValueError: it is no unpadded base64url.
    """
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
