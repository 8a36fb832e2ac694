"""Operations of other packages, which say what theirs cost by an entry point.

An entry point of the group `costlab.ops` is a mapping from names to `Op`, or a function that
returns one. Does not know what is in a package beyond that; one that is broken is told, and no
other suffers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from costlab.errors import words_of
from costlab.ops.given import fault_of, held_to_rules, kind_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from importlib.metadata import EntryPoint

    from costlab.ops.rule import Op

GROUP = "costlab.ops"


class Package(NamedTuple):
    """A distribution as it is installed."""

    name: str
    version: str


class Packages(NamedTuple):
    """What all packages say: their operations, who said each, and what could not be used."""

    ops: Mapping[str, Op]
    said_by: Mapping[str, Package]
    problems: tuple[str, ...]

    def versions(self, names: Collection[str]) -> dict[str, str]:
        """The packages, with their versions, that said what some of these operations cost."""
        return dict(self.said_by[name] for name in names if name in self.said_by)


def of_packages(found: Collection[EntryPoint], taken: Collection[str]) -> Packages:
    """What these entry points give, in the order of their names; `taken` are costlab's own."""
    ops: dict[str, Op] = {}
    said_by: dict[str, Package] = {}
    problems: list[str] = []
    for point in sorted(found, key=lambda point: (point.name, point.value)):
        package = _package(point)
        place = f"the entry point {point.name!r} of {' '.join(package).strip()}"
        try:
            given = _given(point)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a package's failure, an exit too, is told
            why = f"{type(error).__name__}: {words_of(error)}"
            problems.append(f"{place} cannot be used, and what it prices is not priced: {why}")
            continue
        for name, op in given.items():
            if fault := fault_of(name, op):
                problems.append(f"{place}: {fault}; it is not priced")
            elif clash := _clash(name, taken, said_by):
                problems.append(f"{place}: {clash}")
            else:
                ops[name], said_by[name] = held_to_rules(name, op), package
    return Packages(ops, said_by, tuple(problems))


def _package(point: EntryPoint) -> Package:
    if point.dist is None:
        return Package(point.value, "")
    return Package(point.dist.name, point.dist.version or "")  # of metadata without one: None


def _given(point: EntryPoint) -> Mapping[str, Op]:
    """The mapping of an entry point.

    Raises:
        TypeError: it gives something else.
    """
    loaded = point.load()
    given = loaded() if callable(loaded) else loaded
    if not isinstance(given, Mapping):
        message = f"it gives {kind_of(given)} and not a mapping from names to costlab.Op"
        raise TypeError(message)
    return dict(given)


def _clash(name: str, taken: Collection[str], said_by: Mapping[str, Package]) -> str:
    """Who else prices an operation; nothing if no one does."""
    if name in taken:
        return f"{name} is priced by costlab itself; to replace that, use analyze(..., ops=...)"
    if name in said_by:
        return f"{name} is priced by {' '.join(said_by[name]).strip()} already, which is kept"
    return ""
