"""The report: what a model costs, as a document that can be saved, loaded and rendered.

Knows neither torch nor how a graph is traced; `costlab.analysis` makes reports.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar

from costlab.blocks import Block, OpTally
from costlab.cost import CONVENTION, Cost
from costlab.errors import DocumentError, UsageError, did_you_mean
from costlab.inputspec import format_spec, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.graph import TensorSpec

SCHEMA = "costlab.report/1"

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Total:
    """The totals of a model: the additive counts, and two measures of the whole graph.

    Units: `macs` multiply-adds, `flops` operations, `params`, `params_executed`, `activations`
    elements, `peak_activation_bytes`, `bytes` bytes, `depth` weight layers on the longest path.
    """

    macs: int
    flops: int
    params: int
    params_executed: int
    activations: int
    peak_activation_bytes: int
    bytes: int
    depth: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """An operation that could not be counted: where, how often, and the elements it wrote."""

    op: str
    scope: str
    calls: int
    elements: int


@dataclass(frozen=True, slots=True)
class Covered:
    """How many operations were priced by a rule, free by rule, and unknown."""

    priced: int
    free: int
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True)
class Counter:
    """What one counter says of the model, and how that differs from costlab's number.

    `terms` are the parts of the difference, by reason; they add up to `macs` − costlab's. A
    counter that failed has `macs` None and its reason in `error`.
    """

    name: str
    version: str
    macs: int | None
    terms: tuple[tuple[str, int], ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a model costs in one mode, on one set of inputs.

    `complete` is False where the forward stopped before its end (`warnings` say where).
    """

    model: str
    mode: str
    inputs: tuple[str, ...]
    total: Total
    coverage: Covered
    root: Block
    versions: Mapping[str, str]
    convention: str = CONVENTION
    warnings: tuple[str, ...] = ()
    complete: bool = True
    counters: tuple[Counter, ...] = field(default=())

    @property
    def is_lower_bound(self) -> bool:
        """Whether something was not counted, so that the totals are only a lower bound."""
        return bool(self.coverage.unknown) or not self.complete

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks that the model is made of, in registration order."""
        return self.root.children

    def block(self, path: str) -> Block:
        """The block at a path, "" for the whole model.

        Raises:
            UsageError: there is no such block; the message names the nearest.
        """
        known = {block.path: block for block in self.root.walk()}
        if path not in known:
            message = f"{self.model} has no block {path!r}.{did_you_mean(path, known)}"
            raise UsageError(message)
        return known[path]

    def metrics(self, prefix: str = "") -> dict[str, int]:
        """The totals by name, flat, as experiment trackers take them: `{"cost/macs": …}`."""
        return {f"{prefix}{name}": value for name, value in _plain(self.total).items()}

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, the way it is saved: exact integers, no rounding."""
        document = {
            "schema": SCHEMA,
            "model": self.model,
            "mode": self.mode,
            "inputs": list(self.inputs),
            "convention": self.convention,
            "complete": self.complete,
            "total": _plain(self.total),
            "coverage": {
                "priced": self.coverage.priced,
                "free": self.coverage.free,
                "unknown": [_plain(unknown) for unknown in self.coverage.unknown],
            },
            "warnings": list(self.warnings),
            "kind": self.root.kind,
            "own": _own(self.root),
            "blocks": [_block_to_dict(block) for block in self.root.children],
            "versions": dict(self.versions),
        }
        if self.counters:
            document["counters"] = [
                {**_plain(counter), "terms": [list(term) for term in counter.terms]}
                for counter in self.counters
            ]
        return document

    def to_json(self) -> str:
        """The report as a JSON document."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Report:
        """The report that a document holds.

        Keys that it does not know it leaves out: within a schema's version they are only added,
        and what is added changes the meaning of nothing that was there.

        Raises:
            DocumentError: a key is missing or has a value of the wrong type.
        """
        try:
            root = _block_from_dict(
                {
                    **document["own"],
                    "path": "",
                    "kind": document["kind"],
                    "children": document["blocks"],
                }
            )
            coverage = document["coverage"]
            return cls(
                model=document["model"],
                mode=document["mode"],
                inputs=tuple(document["inputs"]),
                total=_known(Total, document["total"]),
                coverage=Covered(
                    coverage["priced"],
                    coverage["free"],
                    tuple(_known(Unknown, unknown) for unknown in coverage["unknown"]),
                ),
                root=root,
                versions=dict(document["versions"]),
                convention=document["convention"],
                warnings=tuple(document["warnings"]),
                complete=document["complete"],
                counters=tuple(
                    _known(
                        Counter,
                        {**counter, "terms": tuple((why, n) for why, n in counter["terms"])},
                    )
                    for counter in document.get("counters", ())
                ),
            )
        except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
            message = f"the report is damaged: {type(error).__name__}: {error}"
            raise DocumentError(message) from error

    def _repr_html_(self) -> str:
        """The table as HTML, for notebooks."""
        # A document knows how to show itself in a notebook; the view is looked up only then.
        from importlib import import_module

        html: str = import_module("costlab.render.views").report_html(self)
        return html


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _names(value)}


def _known(kind: type[Made], document: Mapping[str, Any]) -> Made:
    """The value that a document holds, of those of its keys that the type has."""
    return kind(**{name: document[name] for name in _names(kind) if name in document})


def _names(value: Any) -> tuple[str, ...]:
    """The fields of a value, or of a type, that is a named tuple or a dataclass with slots."""
    names: tuple[str, ...] = getattr(value, "_fields", None) or value.__slots__
    return names


def _own(block: Block) -> dict[str, Any]:
    return {
        "own_macs": block.own.macs,
        "own_flops": block.own.flops,
        "own_params": block.own.params,
        "own_params_executed": block.own.params_executed,
        "own_activations": block.own.activations,
        "own_bytes": block.own.bytes,
        "calls": block.calls,
        "outputs": [format_spec(spec) for spec in block.outputs],
        "ops": [_op_to_dict(op) for op in block.ops],
    }


def _op_to_dict(op: OpTally) -> dict[str, Any]:
    plain = _plain(op)
    attributes = plain.pop("attributes")
    if attributes:
        plain["attributes"] = {name: _listed(value) for name, value in attributes.items()}
    return plain


def _op_from_dict(document: Mapping[str, Any]) -> OpTally:
    told = document.get("attributes", {})
    return _known(
        OpTally, {**document, "attributes": {name: _tupled(told[name]) for name in dict(told)}}
    )


def _listed(value: Any) -> Any:
    """The value of an attribute as JSON holds it; whatever it does not know, in words."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, tuple | list):
        return [_listed(item) for item in value]
    return int(value) if isinstance(value, SupportsIndex) else str(value)


def _tupled(value: Any) -> Any:
    """The value of an attribute as a report holds it.

    Raises:
        TypeError: JSON holds something that no attribute is.
    """
    if isinstance(value, list):
        return tuple(_tupled(item) for item in value)
    if isinstance(value, dict):
        raise TypeError(f"{value!r} is no attribute of an operation")
    return value


def _block_to_dict(block: Block) -> dict[str, Any]:
    return {
        "path": block.path,
        "kind": block.kind,
        **_plain(block.cost),
        **_own(block),
        "children": [_block_to_dict(child) for child in block.children],
    }


def _block_from_dict(document: Mapping[str, Any]) -> Block:
    return Block(
        path=document["path"],
        kind=document["kind"],
        own=Cost(
            document["own_macs"],
            document["own_flops"],
            document["own_params"],
            document["own_params_executed"],
            document["own_activations"],
            document["own_bytes"],
        ),
        children=tuple(_block_from_dict(child) for child in document["children"]),
        calls=document["calls"],
        outputs=tuple(_spec(text) for text in document["outputs"]),
        ops=tuple(_op_from_dict(op) for op in document["ops"]),
    )


def _spec(text: str) -> TensorSpec:
    return parse(text).spec
