"""The report: what a model costs, as a document that can be saved, loaded and rendered.

Knows neither torch nor how a graph is traced; `costlab.analysis` makes reports.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from costlab.cost import CONVENTION
from costlab.errors import DocumentError, UsageError, did_you_mean
from costlab.parameters import Parameters
from costlab.reportdocument import block_from_dict, block_to_dict, known, own_to_dict, plain
from costlab.training.document import Training

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.blocks import Block

SCHEMA = "costlab.report/1"


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
    `parameters` is None in a report of a costlab that did not list them; `training` is what a step
    of training costs, of a report that was made for it.
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
    parameters: Parameters | None = None
    training: Training | None = None

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
        blocks = {block.path: block for block in self.root.walk()}
        if path not in blocks:
            message = f"{self.model} has no block {path!r}.{did_you_mean(path, blocks)}"
            raise UsageError(message)
        return blocks[path]

    def metrics(self, prefix: str = "") -> dict[str, int]:
        """The totals by name, flat, as experiment trackers take them: `{"cost/macs": …}`."""
        return {f"{prefix}{name}": value for name, value in plain(self.total).items()}

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, the way it is saved: exact integers, no rounding."""
        document = {
            "schema": SCHEMA,
            "model": self.model,
            "mode": self.mode,
            "inputs": list(self.inputs),
            "convention": self.convention,
            "complete": self.complete,
            "total": plain(self.total),
            "coverage": {
                "priced": self.coverage.priced,
                "free": self.coverage.free,
                "unknown": [plain(unknown) for unknown in self.coverage.unknown],
            },
            "warnings": list(self.warnings),
            "kind": self.root.kind,
            "own": own_to_dict(self.root),
            "blocks": [block_to_dict(block) for block in self.root.children],
            "versions": dict(self.versions),
        }
        if self.parameters is not None:
            document["parameters"] = self.parameters.to_dict()
        if self.training is not None:
            document["training"] = self.training.to_dict()
        if self.counters:
            document["counters"] = [
                {**plain(counter), "terms": [list(term) for term in counter.terms]}
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
            root = block_from_dict(
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
                total=known(Total, document["total"]),
                coverage=Covered(
                    coverage["priced"],
                    coverage["free"],
                    tuple(known(Unknown, unknown) for unknown in coverage["unknown"]),
                ),
                root=root,
                versions=dict(document["versions"]),
                convention=document["convention"],
                warnings=tuple(document["warnings"]),
                complete=document["complete"],
                counters=tuple(
                    known(
                        Counter,
                        {**counter, "terms": tuple((why, n) for why, n in counter["terms"])},
                    )
                    for counter in document.get("counters", ())
                ),
                parameters=(
                    Parameters.from_dict(document["parameters"])
                    if "parameters" in document
                    else None
                ),
                training=(
                    Training.from_dict(document["training"]) if "training" in document else None
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
