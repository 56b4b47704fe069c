"""Keys and session tokens, without a database."""

import base64
from collections.abc import Callable

import pytest

from control.keys.secrets import SessionToken, digest, new_key

SECRET = "a secret of at least thirty-two characters"


def test_keys_are_unique() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(key.startswith("sb_") and len(key) == 46 for key in keys)


def test_a_digest_depends_on_the_key_and_on_the_secret() -> None:
    assert digest("sb_a", SECRET) == digest("sb_a", SECRET)
    assert len({digest("sb_a", SECRET), digest("sb_b", SECRET), digest("sb_a", SECRET + "!")}) == 3


def test_a_token_is_valid_until_it_expires() -> None:
    token = SessionToken("key_x", 1000)
    signed = token.sign(SECRET)
    assert SessionToken.verify(signed, SECRET, now=999.9) == token
    assert SessionToken.verify(signed, SECRET, now=1000) is None
    assert SessionToken.verify(signed, SECRET + "!", now=0) is None


@pytest.mark.parametrize(
    "change", [lambda s: s[1:], lambda s: s[:-1], lambda s: s + "A", lambda s: s.swapcase(), str.upper]
)
def test_a_changed_token_is_refused(change: Callable[[str], str]) -> None:
    signed = SessionToken("key_x", 1000).sign(SECRET)
    assert SessionToken.verify(change(signed), SECRET, now=0) is None


@pytest.mark.parametrize("value", ["", ".", "a.b", "é.é", "\0.\0", "=.="])
def test_text_that_is_no_token_is_refused(value: str) -> None:
    assert SessionToken.verify(value, SECRET, now=0) is None


def test_the_digest_of_a_key_cannot_sign_a_session() -> None:
    payload = SessionToken("key_x", 1000).sign(SECRET).partition(".")[0]
    forged = base64.urlsafe_b64encode(digest(payload, SECRET)).decode().rstrip("=")
    assert SessionToken.verify(f"{payload}.{forged}", SECRET, now=0) is None
