"""What an archive holds beside what is read of it."""

from dataclasses import dataclass, field

NAMES_KEPT = 100
_CHARACTERS_KEPT = 255


@dataclass
class PassedOver:
    """Members of an archive that are not read: counted all, the first 100 by name; memory does not grow with them."""

    count: int = 0
    names: list[str] = field(default_factory=list)
    """The first of them, each shortened to 255 characters."""

    def add(self, name: str) -> None:
        """Note one member."""
        self.count += 1
        if len(self.names) < NAMES_KEPT:
            self.names.append(name[:_CHARACTERS_KEPT])
