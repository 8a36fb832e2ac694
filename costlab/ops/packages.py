"""Operations of other packages, which say what theirs cost by an entry point.

An entry point of the group `costlab.ops` is a mapping from names to `Op`, or a function that
returns one. Does not know what is in a package beyond that; one that is broken is told, and no
other suffers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.graph import Coverage
from costlab.ops.rule import Op

if TYPE_CHECKING:
    from collections.abc import Collection
    from importlib.metadata import EntryPoint

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
        except Exception as error:  # noqa: BLE001 - another package's failure is told, not ours
            why = f"{type(error).__name__}: {error}"
            problems.append(f"{place} cannot be used, and what it prices is not priced: {why}")
            continue
        for name, op in given.items():
            fault = _fault(name, op) or _clash(name, taken, said_by)
            if fault:
                problems.append(f"{place}: {fault}")
            else:
                ops[name], said_by[name] = op, package
    return Packages(ops, said_by, tuple(problems))


def _package(point: EntryPoint) -> Package:
    if point.dist is None:
        return Package(point.value, "")
    return Package(point.dist.name, point.dist.version)


def _given(point: EntryPoint) -> Mapping[str, Op]:
    """The mapping of an entry point.

    Raises:
        TypeError: it gives something else.
    """
    loaded = point.load()
    given = loaded() if callable(loaded) else loaded
    if not isinstance(given, Mapping):
        message = f"it gives {_kind(given)} and not a mapping from names to costlab.Op"
        raise TypeError(message)
    return given


def _fault(name: object, op: Any) -> str:
    """What is wrong with an item of a mapping; nothing if it can be used."""
    if not isinstance(name, str):
        return f"{name!r} is no name of an operation, such as 'namespace::name'"
    if not isinstance(op, Op):
        return f"{name} is {_kind(op)} and not a costlab.Op; it is not priced"
    if not (op.coverage is Coverage.FREE if op.rule is None else callable(op.rule)):
        return f"{name} has {_kind(op.rule)} in the place of a rule; it is not priced"
    return ""


def _clash(name: str, taken: Collection[str], said_by: Mapping[str, Package]) -> str:
    """Who else prices an operation; nothing if no one does."""
    if name in taken:
        return f"{name} is priced by costlab itself; to replace that, use analyze(..., ops=...)"
    if name in said_by:
        return f"{name} is priced by {' '.join(said_by[name]).strip()} already, which is kept"
    return ""


def _kind(value: object) -> str:
    return "nothing" if value is None else f"an object of the type {type(value).__name__}"
