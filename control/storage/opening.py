"""Opens the storage of a URL."""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from obstore.store import S3Store

from control.storage.base import Storage
from control.storage.local import LocalStorage
from control.storage.objects import ObjectStorage


def open_storage(url: str) -> Storage:
    """The storage at ``file:///directory`` or ``s3://bucket/prefix``.

    Credentials, region and endpoint of S3 are taken from the environment (``AWS_ACCESS_KEY_ID``,
    ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``), as the AWS tools take them.

    Raises:
        ValueError: the URL names no known kind of storage.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise ValueError(f"STORAGE_URL {url!r}: a directory is written file:///absolute/path")
        return LocalStorage(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        return ObjectStorage(
            S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                client_options={
                    "allow_http": endpoint.startswith("http://"),
                    "timeout": timedelta(minutes=5),
                },
                # Long enough for a storage that restarts; callers with a shorter limit, such as health checks, have their own timeouts.
                retry_config={"max_retries": 10, "retry_timeout": timedelta(seconds=30)},
            )
        )
    raise ValueError(f"STORAGE_URL {url!r}: file:///directory or s3://bucket/prefix")
