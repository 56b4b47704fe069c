"""Which maps of a network's blocks an adaptation changes, by the names of parts or by patterns."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from core.spec.adaptation import Adapters, Ia3, Lora
from core.spec.architectures.base import Size
from core.spec.architectures.blocks import BlockMap
from core.spec.faults import SpecFault

_EVERYTHING = "all"


@dataclass(frozen=True, slots=True)
class Target:
    """A map of a block that an adaptation changes."""

    block: int
    map: BlockMap

    @property
    def name(self) -> str:
        """Its name as patterns see it."""
        return f"blocks.{self.block}.{self.map.name}"


def targets_of(adaptation: Lora | Ia3 | Adapters, network: Size) -> tuple[Target, ...]:
    """The maps that an adaptation changes, from the input on.

    Raises:
        ValueError: where a name or a pattern matches none; it lists names that exist.
    """
    maps = [Target(block, one) for block in range(network.block_count) for one in network.block_maps(block)]
    if isinstance(adaptation, Adapters):
        parts = ("attention", "feed_forward") if adaptation.placement == "houlsby" else ("feed_forward",)
        found = [target for target in maps if target.map.is_last and target.map.part in parts]
        if not found:
            raise SpecFault(
                "adaptation_unfit",
                f"a {network.architecture} has no feed-forward layers for adapters; choose lora or ia3",
                case="no_feed_forward",
                architecture=network.architecture,
            )
        return tuple(found)
    chosen: set[str] = set()
    for wanted in adaptation.targets:
        matched = [target for target in maps if _matches(wanted, target, factors=isinstance(adaptation, Ia3))]
        if not matched:
            raise _no_target(wanted, maps, network)
        chosen |= {target.name for target in matched}
    return tuple(target for target in maps if target.name in chosen)


def _matches(wanted: str, target: Target, *, factors: bool) -> bool:
    if wanted in {_EVERYTHING, target.map.part}:
        return target.map.scaled is not None or not factors
    return any(fnmatchcase(target.name, pattern) for pattern in (wanted, f"*.{wanted}"))


def _no_target(wanted: str, maps: Sequence[Target], network: Size) -> SpecFault:
    parts = list(dict.fromkeys(target.map.part for target in maps))
    names = list(dict.fromkeys(target.map.name for target in maps))
    if not maps:
        return SpecFault(
            "adaptation_unfit",
            f"the maps of a {network.architecture} are not known, so none can be chosen; choose full",
            case="maps_unknown",
            architecture=network.architecture,
        )
    near = next(iter(difflib.get_close_matches(wanted, [*parts, *names, *_last_words(names)], n=1)), None)
    return SpecFault(
        "adaptation_unfit",
        f"{wanted!r} matches no map of this network's blocks. "
        + (f"Did you mean {near!r}? " if near else "")
        + f"There are the parts {', '.join([*parts, _EVERYTHING])}, and in each of {network.block_count} blocks "
        + f"(blocks.0 and so on) the maps {', '.join(names)}",
        case="no_target",
        target=wanted,
        nearest=near,
        parts=[*parts, _EVERYTHING],
        blocks=network.block_count,
        maps=names,
    )


def _last_words(names: Sequence[str]) -> Iterator[str]:
    return (name.rpartition(".")[2] for name in names)
