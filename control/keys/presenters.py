"""Rows of API keys → schemas for HTTP."""

from control.keys.models import ApiKey
from control.keys.schemas import KeyOut


def key_out(key: ApiKey) -> KeyOut:
    """A key, without its text, which is stored nowhere."""
    return KeyOut.model_validate(key)
