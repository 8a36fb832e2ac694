"""What changed between two reports: a document of changes, and the reason for each.

Knows neither torch nor how a difference is shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from costlab.cost import METRICS
from costlab.errors import DocumentError
from costlab.fields import count, items, maybe, one_of, text, texts, whole
from costlab.report import Total

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEMA = "costlab.diff/1"

Change = Literal["same", "changed", "renamed", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Delta:
    """A count before and after; None where the block does not exist."""

    base: int | None
    head: int | None

    @property
    def amount(self) -> int:
        """By how much it grew."""
        return (self.head or 0) - (self.base or 0)


@dataclass(frozen=True, slots=True)
class Cause:
    """One part of a change, with the multiply-adds that it adds; the causes of a block add up.

    `text` says it: "kernel 5×5 → 3×3", "out channels 64 → 96", "input 35×35 → 17×17".
    """

    text: str
    macs: int


@dataclass(frozen=True, slots=True)
class BlockChange:
    """A block in both reports, or in one of them. `base_path` is what it was called before.

    The block with the empty path is what the model's own forward does, besides its blocks. Of the
    `children` those are left out that are the same, with all that is below them.
    """

    path: str
    kind: str
    change: Change
    deltas: Mapping[str, Delta]
    base_path: str = ""
    causes: tuple[Cause, ...] = ()
    children: tuple[BlockChange, ...] = ()

    def walk(self) -> Iterator[BlockChange]:
        """The change and every change below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Difference:
    """Two reports, compared."""

    base: str
    head: str
    totals: Mapping[str, Delta]
    blocks: tuple[BlockChange, ...]
    headline: str
    versions: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether no count differs, in total or in any block."""
        return all(delta.amount == 0 for delta in self.totals.values()) and not any(
            block.change in {"changed", "added", "removed"} for block in self.blocks
        )

    def walk(self) -> Iterator[BlockChange]:
        """Every change, parents first."""
        for block in self.blocks:
            yield from block.walk()

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON holds it: exact integers, and what follows from them."""
        return {
            "schema": SCHEMA,
            "base": self.base,
            "head": self.head,
            "headline": self.headline,
            "same": self.is_same,
            "totals": _deltas(self.totals),
            "blocks": [_block(block) for block in self.blocks],
            "warnings": list(self.warnings),
            "versions": dict(self.versions),
        }

    def to_json(self) -> str:
        """The document as text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Difference:
        """The difference that a document holds; keys that it does not know it leaves out.

        Raises:
            DocumentError: something is missing, of the wrong kind, or does not add up.
        """
        try:
            found = cls(
                base=text(document["base"]),
                head=text(document["head"]),
                totals=_read_deltas(document["totals"], Total.__slots__),
                blocks=tuple(_read_block(block) for block in items(document["blocks"])),
                headline=text(document["headline"]),
                versions={text(name): text(told) for name, told in document["versions"].items()},
                warnings=texts(document["warnings"]),
            )
            _agree(document["same"], found)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            message = f"the difference is damaged: {type(error).__name__}: {error}"
            raise DocumentError(message) from error
        return found


def _deltas(deltas: Mapping[str, Delta]) -> dict[str, Any]:
    return {
        name: {"base": delta.base, "head": delta.head, "amount": delta.amount}
        for name, delta in deltas.items()
    }


def _block(block: BlockChange) -> dict[str, Any]:
    return {
        "path": block.path,
        "base_path": block.base_path,
        "kind": block.kind,
        "change": block.change,
        "deltas": _deltas(block.deltas),
        "causes": [{"text": cause.text, "macs": cause.macs} for cause in block.causes],
        "children": [_block(child) for child in block.children],
    }


def _read_deltas(found: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Delta]:
    deltas = {}
    for name in names:
        told = found[name]
        delta = Delta(maybe(count, told["base"]), maybe(count, told["head"]))
        if told["amount"] != delta.amount:
            raise ValueError(f"the amount of {name} is {told['amount']!r}, not {delta.amount}")
        deltas[name] = delta
    return deltas


def _read_block(found: Mapping[str, Any]) -> BlockChange:
    block = BlockChange(
        path=text(found["path"]),
        kind=text(found["kind"]),
        change=one_of(found["change"], get_args(Change)),
        deltas=_read_deltas(found["deltas"], METRICS),
        base_path=text(found["base_path"]),
        causes=tuple(
            Cause(text(cause["text"]), whole(cause["macs"])) for cause in items(found["causes"])
        ),
        children=tuple(_read_block(child) for child in items(found["children"])),
    )
    told = sum(cause.macs for cause in block.causes)
    if block.deltas["macs"].amount != told:
        raise ValueError(f"the causes of {block.path!r} come to {told} MACs, not to its delta")
    return block


def _agree(same: object, found: Difference) -> None:
    if same is not found.is_same:
        raise ValueError(f"same is {same!r}, and the counts say otherwise")
