"""What a document is known by: the hash of its text."""

from hashlib import blake2b

HASH_BYTES = 8


def content_hash(content: bytes) -> int:
    """64 bits of a document's UTF-8 text."""
    return int.from_bytes(blake2b(content, digest_size=HASH_BYTES).digest(), "big")
