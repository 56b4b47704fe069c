"""The service's URL and the API key: from arguments, then from the environment, then from the file of ``seedbed login``."""

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from seedbed.errors import NotConfigured

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Config:
    """URL and API key of a service."""

    url: str
    key: str


def config_file() -> Path:
    """The path of the file that ``seedbed login`` writes; ``SEEDBED_CONFIG`` sets another path."""
    named = os.environ.get("SEEDBED_CONFIG")
    return (
        Path(named).expanduser()
        if named
        else platformdirs.user_config_path("seedbed", appauthor=False) / "client.json"
    )


def local_service_file() -> Path:
    """The path of the file with URL and key that ``seedbed-server up`` writes on this machine for its own user."""
    named = os.environ.get("SEEDBED_HOME")
    home = Path(named).expanduser() if named else platformdirs.user_data_path("seedbed", appauthor=False)
    return home / "client.json"


def resolve(url: str | None = None, key: str | None = None) -> Config:
    """Find the URL and the key that were not passed as arguments.

    A key that is stored for one service is never sent to another.

    Raises:
        NotConfigured: no key is known, or the URL is not valid.
    """
    url = url or os.environ.get("SEEDBED_URL") or None
    key = key or os.environ.get("SEEDBED_KEY") or None
    kept = [config for path in (config_file(), local_service_file()) if (config := read(path))]
    url = normalized(url or (kept[0].url if kept else DEFAULT_URL))
    if key is None:
        key = next((config.key for config in kept if config.url == url), None)
    if key is None:
        raise NotConfigured(
            f"There is no key for {url}. Run `seedbed login`, or set SEEDBED_KEY (and SEEDBED_URL for another "
            "service). `seedbed-server key create` makes a key."
        )
    return Config(url, key)


def normalized(url: str) -> str:
    """The URL without a slash at its end.

    Raises:
        NotConfigured: it is no HTTP URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise NotConfigured(f"{url!r} is not the URL of a service; one looks like {DEFAULT_URL}.")
    return url.rstrip("/")


def read(path: Path) -> Config | None:
    """The configuration in the file; None if the file does not exist or is invalid."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Config(normalized(str(kept["url"])), str(kept["key"]))
    except (OSError, ValueError, KeyError, TypeError, NotConfigured):
        return None


def write(config: Config, path: Path | None = None) -> Path:
    """Write the service's URL and key to a file that only this user can read."""
    path = path or config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"url": config.url, "key": config.key}, file, indent=2)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    return path
