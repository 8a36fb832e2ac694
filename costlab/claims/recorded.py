"""The verdicts and values on record in the project, so that a change of one is noticed.

They are written by `make docs` and judge nothing: each run judges anew and compares.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from costlab.claims.document import plain
from costlab.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from costlab.claims.document import ClaimVerdict, Value, Word

NAME = "recorded.json"
SAME = 1e-9
"""How far a value may be from the one on record, relative, and be the same on another machine."""


def recorded() -> Mapping[str, Word]:
    """The verdict on record for each claim, by its id."""
    return {id_: found["verdict"] for id_, found in _read().items()}


def values() -> Mapping[str, Value]:
    """The value on record for each claim, by its id."""
    return {id_: plain(_frozen(found["computed"])) for id_, found in _read().items()}


def record(claims: Iterable[ClaimVerdict]) -> str:
    """The text of the file that keeps these verdicts and values."""
    entries = {claim.id: {"verdict": claim.verdict, "computed": _kept(claim)} for claim in claims}
    lines = (f"{json.dumps(id_)}: {json.dumps(entry)}" for id_, entry in entries.items())
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def moved(claim: ClaimVerdict, value: Value) -> bool:
    """Whether a claim's value is another than the one on record, but for rounding."""
    if claim.unit == "residual" or claim.computed == value:
        return False
    if isinstance(value, int | float) and isinstance(claim.computed, int | float):
        return abs(claim.computed - value) > SAME * abs(value)
    return True


def _kept(claim: ClaimVerdict) -> Value:
    """The value to keep; what is left between two sides of an equation is rounding, and is not."""
    return None if claim.unit == "residual" else claim.computed


def _frozen(found: Any) -> Any:
    return tuple(found) if isinstance(found, list) else found


def _read() -> dict[str, Any]:
    text = files("costlab.claims").joinpath(NAME).read_text(encoding="utf-8")
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as error:
        message = f"{NAME} in costlab.claims is damaged: {error}; `make docs` writes it anew"
        raise DocumentError(message) from error
    return found
