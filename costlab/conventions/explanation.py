"""The explanation: what each counter would print and why, as a document to save, load and render.

Knows neither torch nor the counters' rules.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from costlab.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "costlab.explain/1"
UNTOLD = "calls by a name that a graph does not tell"
"""The doubt of a document from before doubts were told."""

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Run:
    """What a counter that is installed did print of the same forward, or why it did not.

    Units: `printed` in the counter's own unit, None where it failed, with the reason in `error`.
    """

    version: str
    printed: int | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """What one counter prints by its rules: `printed` of its `unit`, `per_mac` to a multiply-add.

    `terms` are the parts of `macs` − costlab's, by reason; they add up to it. `version` is the one
    that the rules were read from. `doubts` are why it may print another number than `printed`.
    """

    name: str
    version: str
    how: str
    unit: str
    per_mac: int
    macs: int
    terms: tuple[tuple[str, int], ...] = ()
    run: Run | None = None
    doubts: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether its rules tell its number for sure."""
        return not self.doubts

    @property
    def printed(self) -> int:
        """The number that it prints, in its unit."""
        return self.per_mac * self.macs

    @property
    def agrees(self) -> bool | None:
        """Whether the counter printed what its rules say; None where it was not run, or failed."""
        if self.run is None or self.run.printed is None:
            return None
        return self.run.printed == self.printed


@dataclass(frozen=True, slots=True)
class Explanation:
    """What counters print of one model in one mode, beside what costlab counts.

    Raises: ValueError, if the terms of a counter do not add up.
    """

    model: str
    mode: str
    inputs: tuple[str, ...]
    macs: int
    counters: tuple[Explained, ...]
    versions: Mapping[str, str]
    convention: str
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse terms that do not add up to the difference."""
        for counter in self.counters:
            if self.macs + sum(amount for _, amount in counter.terms) != counter.macs:
                raise ValueError(f"the terms of {counter.name} do not add up")

    def to_dict(self) -> dict[str, Any]:
        """The explanation as plain data."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "mode": self.mode,
            "inputs": list(self.inputs),
            "convention": self.convention,
            "macs": self.macs,
            "counters": [_plain(counter) for counter in self.counters],
            "warnings": list(self.warnings),
            "versions": dict(self.versions),
        }

    def to_json(self) -> str:
        """The explanation as a JSON document."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Explanation:
        """The explanation that a document holds; keys that are not known are left out.

        Raises:
            DocumentError: a key is missing or has a value of the wrong type.
        """
        try:
            return cls(
                model=document["model"],
                mode=document["mode"],
                inputs=tuple(document["inputs"]),
                macs=document["macs"],
                counters=tuple(_counter(counter) for counter in document["counters"]),
                versions=dict(document["versions"]),
                convention=document["convention"],
                warnings=tuple(document["warnings"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = f"the explanation is damaged: {type(error).__name__}: {error}"
            raise DocumentError(message) from error


def _plain(counter: Explained) -> dict[str, Any]:
    plain = asdict(counter) | {"terms": [list(term) for term in counter.terms]}
    plain["doubts"] = list(counter.doubts)
    plain["exact"] = counter.exact
    plain["printed"] = counter.printed
    if counter.run is None:
        del plain["run"]
    return plain


def _counter(document: Mapping[str, Any]) -> Explained:
    run = document.get("run")
    sure = document.get("exact", True) is True
    return Explained(
        name=document["name"],
        version=document["version"],
        how=document["how"],
        unit=document["unit"],
        per_mac=document["per_mac"],
        macs=document["macs"],
        terms=tuple((str(reason), int(amount)) for reason, amount in document["terms"]),
        run=None if run is None else Run(run["version"], run["printed"], run.get("error", "")),
        doubts=tuple(map(str, document.get("doubts", () if sure else (UNTOLD,)))),
    )
