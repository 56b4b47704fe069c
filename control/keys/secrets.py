"""What keys and session cookies are made of, and how they are recognised. No database here."""

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
    """Whether it has the form of a key; what has not is not looked for."""
    return _KEY.fullmatch(text) is not None


def digest(key: str, secret: str) -> bytes:
    """What is stored of a key: useless without the server's secret, and the same for the same key."""
    return _mac(secret, _KEY_PURPOSE, key.encode())


@dataclass(frozen=True)
class SessionToken:
    """What a session cookie says: on behalf of which key, until when (Unix seconds), and which of several it is."""

    key_id: str
    expires_at: int
    nonce: str = ""

    @property
    def digest(self) -> bytes:
        """By which a session that was ended is known."""
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
        """The session that a cookie stands for; None where it was signed with none of the secrets, or is over."""
        payload, _, signature = value.partition(".")
        try:
            given = _decode(signature)
        except ValueError:
            return None
        # Each of them, so that the time it takes tells nothing.
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
