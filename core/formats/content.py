"""The content hash that identifies a document."""

from hashlib import blake2b

HASH_BYTES = 8


def content_hash(content: bytes) -> int:
    """A 64-bit BLAKE2b hash of a document's text (UTF-8)."""
    return int.from_bytes(blake2b(content, digest_size=HASH_BYTES).digest(), "big")
