"""Removes secrets from log text: strings that look like one, and the secret values of this process's environment."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote, unquote

REDACTED = "[redacted]"
LONGEST = 4096
"""Characters of the longest secret that is recognised, whole."""
_SHORTEST = 6
"""Least characters of a secret value that is removed: shorter ones are ordinary words, and the log would become unreadable."""

_SECRET_NAME = re.compile(
    r"SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|ACCESS_KEY|API_KEY|PRIVATE_KEY|SEEDBED_KEY", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:?#]*:([^\s/?#]+)@")
_QUERY_PASSWORD = re.compile(r"[?&](?:password|pass|secret|token)=([^\s&#]+)", re.IGNORECASE)

_LOOKS = (
    # API keys, whole or cut.
    r"(?<![A-Za-z0-9])sb_[A-Za-z0-9_\-]{8,200}",
    # Session cookies: a payload of base64url and its MAC.
    r"(?<=seedbed_session=)[^\s;,\"']{1,2000}",
    r"(?<![A-Za-z0-9_\-])[A-Za-z0-9_\-]{16,2000}\.[A-Za-z0-9_\-]{43}(?![A-Za-z0-9_\-])",
    # What an Authorization header carries.
    r"(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9_\-.~+/=]{8,2000}",
    # User and password in a URL.
    r"(?<=://)[^\s/@:?#]{0,256}:[^\s/?#@\"']{1,1000}@",
    # Key ids of AWS.
    r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    # libpq's strings, and query strings.
    r"(?i:(?<=password=)|(?<=secret=)|(?<=token=)|(?<=secret_access_key=))[^\s&;,]{1,1000}",
)


def clean(text: str, longest: int) -> str:
    """The first ``longest`` characters of ``text``, each secret in them replaced.

    Reads no more than that and the length of one secret, however long ``text`` is.
    """
    window = text[: longest + LONGEST]
    pieces: list[str] = []
    position = 0
    for match in _pattern().finditer(window):
        if match.start() >= longest:
            break
        pieces += [window[position : match.start()], REDACTED]
        position = match.end()
    pieces.append(window[position : max(position, longest)])
    if len(text) > longest:
        pieces.append(f"… [{len(text):,} characters in all]")
    return "".join(pieces)


@lru_cache(1)
def _pattern() -> re.Pattern[str]:
    values = sorted(known_values(os.environ), key=len, reverse=True)
    return re.compile("|".join([*map(re.escape, values), *_LOOKS]))


def known_values(environment: Mapping[str, str]) -> set[str]:
    """The secrets in an environment, in each spelling in which they may come into a line.

    They are the values of variables whose name says so, and passwords in addresses (``DATABASE_URL`` and the like).
    """
    found = {spelt for value in _values(environment) for spelt in _spellings(value)}
    return {value for value in found if _SHORTEST <= len(value) <= LONGEST}


def _values(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if _SECRET_NAME.search(name) and not value.startswith(
            ("/", "file:")
        ):  # some name a file that holds it
            yield value
            yield from value.replace(",", " ").split()  # several, where an old one is still taken
        yield from _URL_PASSWORD.findall(value)
        yield from _QUERY_PASSWORD.findall(value)


def _spellings(value: str) -> Iterator[str]:
    for plain in {value, value.strip(), unquote(value)}:
        yield from (plain, quote(plain), quote(plain, safe=""), json.dumps(plain)[1:-1], repr(plain)[1:-1])
