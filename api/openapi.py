"""``python -m api.openapi`` prints the OpenAPI document; it needs no database."""

import json

from pydantic import SecretStr

from api.app import create_app
from control.settings import Settings


def main() -> None:
    """Print the document."""
    nowhere = Settings(
        database_url="postgresql://nowhere/seedbed",
        redis_url="redis://nowhere/0",
        storage_url="file:///nowhere",
        secret=SecretStr("-" * 32),  # nothing is signed with it
    )
    print(json.dumps(create_app(nowhere).openapi(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
