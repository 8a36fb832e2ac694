"""The studies as a document: what each compares, along which axes, and how many cases that makes.

Knows neither torch nor how anything is shown.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from costlab.bench.saved import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from costlab.bench.study import Axes, Study

SCHEMA = "costlab.studies/1"


def to_json(studies: Iterable[Study]) -> str:
    """The studies as text.

    >>> from costlab.bench.studies import STUDIES
    >>> (first, *_) = json.loads(to_json(STUDIES.values()))["studies"]
    >>> first["name"], first["pairs"][0]
    ('factorizations', '5x5 → 3x3 3x3, 35x35x64')
    """
    document = {"schema": SCHEMA, "studies": [_listed(study) for study in studies]}
    return json.dumps(plain(document), indent=1, ensure_ascii=False) + "\n"


def _listed(study: Study) -> dict[str, Any]:
    return {
        "name": study.name,
        "title": study.title,
        "pairs": [pair.name for pair in study.pairs],
        "axes": _axes(study, study.axes),
        "quick": _axes(study, study.quick),
    }


def _axes(study: Study, axes: Axes) -> dict[str, Any]:
    values = asdict(axes)
    values["pairs"] = axes.pairs or tuple(pair.name for pair in study.pairs)
    return {"cases": sum(1 for _ in study.cases(axes)), **values}
