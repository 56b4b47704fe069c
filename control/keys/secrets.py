"""What keys and session cookies are made of, and how they are recognised. No database here."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass

PREFIX = "sb_"
_KEY_PURPOSE = b"seedbed api key\0"
_SESSION_PURPOSE = b"seedbed session\0"


def new_key() -> str:
    """A fresh API key: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str, secret: str) -> bytes:
    """What is stored of a key: useless without the server's secret, and the same for the same key."""
    return _mac(secret, _KEY_PURPOSE, key.encode())


@dataclass(frozen=True)
class SessionToken:
    """What a session cookie says: on behalf of which key, until when (Unix seconds)."""

    key_id: str
    expires_at: int

    def sign(self, secret: str) -> str:
        """The cookie's value."""
        payload = _encode(json.dumps([self.key_id, self.expires_at]).encode())
        return f"{payload}.{_encode(_mac(secret, _SESSION_PURPOSE, payload.encode()))}"

    @classmethod
    def verify(cls, value: str, secret: str, *, now: float | None = None) -> "SessionToken | None":
        """The session that a cookie stands for; None where it is not ours, or is over."""
        payload, _, signature = value.partition(".")
        try:
            genuine = hmac.compare_digest(
                _decode(signature), _mac(secret, _SESSION_PURPOSE, payload.encode())
            )
        except ValueError:
            return None
        if not genuine:
            return None
        key_id, expires_at = json.loads(_decode(payload))
        current = time.time() if now is None else now
        return cls(key_id, expires_at) if current < expires_at else None


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
