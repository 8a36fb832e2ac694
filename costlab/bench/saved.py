"""Measurements as JSON, and back, each sample with every digit; what is damaged is refused.

Knows neither torch nor files; `costlab.store` reads and writes those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any, get_args

from costlab.bench.document import (
    SCHEMA,
    Binding,
    Ceilings,
    Comparison,
    Correctness,
    Explanation,
    Kernel,
    Measured,
    Measurements,
    Model,
    Session,
    Timing,
    Verdict,
)
from costlab.errors import DocumentError
from costlab.fields import (
    above_zero,
    count,
    flag,
    items,
    mapping,
    maybe,
    number,
    numbers,
    one_of,
    text,
    texts,
)

STOPPED = ("precise", "time limit")
_NUMBERS = re.compile(r"\[\n\s+([-+.\deE,\s]+?)\n\s+\]")


def plain(value: Any) -> Any:
    """A value as JSON can hold it: tuples as lists, a number that is none as a word, else text.

    >>> plain({"l2": 1, "flags": ("a", float("nan")), 3: None})
    {'l2': 1, 'flags': ['a', 'nan'], '3': None}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(below) for below in value]
    if isinstance(value, float):
        return float(value) if isfinite(value) else str(float(value))
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def to_dict(found: Measurements) -> dict[str, Any]:
    """The document as JSON holds it; sums that can be derived stand with what they are of."""
    document = {"schema": SCHEMA, **plain(asdict(found))}
    for case, saved in zip(found.cases, document["cases"], strict=True):
        if case.explanation is not None:
            saved["explanation"]["saving"] = case.explanation.saving
            saved["explanation"]["realised"] = case.explanation.realised
    return document


def to_json(found: Measurements) -> str:
    """The document as text, the samples of a timing in one line.

    >>> print(to_json(Measurements("quick", {"cores": [0, 1]}, ())))
    {
     "schema": "costlab.bench/1",
     "study": "quick",
     "environment": {
      "cores": [0, 1]
     },
     "cases": [],
     "ceilings": null,
     "null": null,
     "complete": false,
     "notes": [],
     "sessions": []
    }
    <BLANKLINE>
    """
    written = json.dumps(to_dict(found), indent=1, ensure_ascii=False, allow_nan=False)
    # A string holds no bare line break, so what spans lines between brackets is a list of numbers.
    return _NUMBERS.sub(lambda list_: f"[{' '.join(list_[1].split())}]", written) + "\n"


def from_dict(document: Mapping[str, Any]) -> Measurements:
    """The measurements that a document holds.

    Raises:
        DocumentError: something is missing, of the wrong kind, or does not add up.
    """
    try:
        return Measurements(
            study=text(document["study"]),
            environment=plain(mapping(document["environment"])),
            cases=tuple(_case(case) for case in items(document["cases"])),
            ceilings=maybe(_ceilings, document["ceilings"]),
            null=maybe(_comparison, document["null"]),
            complete=flag(document["complete"]),
            notes=texts(document["notes"]),
            sessions=tuple(map(_session, items(document.get("sessions", ())))),
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        message = f"the measurements are damaged: {type(error).__name__}: {error}"
        raise DocumentError(message) from error


def _session(found: Any) -> Session:
    return Session(maybe(_ceilings, found["ceilings"]), maybe(_comparison, found["null"]))


def _case(found: Any) -> Measured:
    return Measured(
        key=text(found["key"]),
        pair=text(found["pair"]),
        batch=count(found["batch"]),
        precision=text(found["precision"]),
        layout=text(found["layout"]),
        finish=text(found["finish"]),
        regime=text(found["regime"]),
        baseline=_timing(found["baseline"]),
        variant=_timing(found["variant"]),
        comparison=maybe(_comparison, found["comparison"]),
        models=maybe(_models, found["models"]),
        explanation=maybe(_explanation, found["explanation"]),
        throttled=texts(found["throttled"]),
        # Added to the version, too.
        threads=maybe(count, found.get("threads")),
        session=maybe(count, found.get("session")),
        flags=plain(mapping(found.get("flags", {}))),
        power_w=maybe(number, found.get("power_w")),
    )


def _timing(found: Any) -> Timing:
    timing = Timing(
        subject=text(found["subject"]),
        arm=text(found["arm"]),
        macs=count(found["macs"]),
        params=count(found["params"]),
        activations=count(found["activations"]),
        bytes=count(found["bytes"]),
        samples_s=tuple(map(above_zero, items(found["samples_s"]))),
        clock_mhz=maybe(numbers, found["clock_mhz"]),
        kernels=maybe(lambda kernels: tuple(map(_kernel, items(kernels))), found["kernels"]),
        gaps_s=maybe(number, found["gaps_s"]),
        correctness=maybe(_correctness, found["correctness"]),
        peak_bytes=maybe(count, found["peak_bytes"]),
        energy_j=maybe(number, found["energy_j"]),
        error=text(found["error"]),
        # Added to the version; a document from before has neither.
        dropped=tuple(map(count, items(found.get("dropped", ())))),
        how={text(name): text(how) for name, how in mapping(found.get("how", {})).items()},
    )
    if any(place >= len(timing.samples_s) for place in timing.dropped):
        raise ValueError(f"of {len(timing.samples_s)} samples, {max(timing.dropped)} is dropped")
    if timing.clock_mhz is not None and len(timing.clock_mhz) != len(timing.samples_s):
        raise ValueError(f"{len(timing.clock_mhz)} clocks of {len(timing.samples_s)} samples")
    return timing


def _kernel(found: Any) -> Kernel:
    return Kernel(text(found["name"]), count(found["calls"]), number(found["time_s"]))


def _correctness(found: Any) -> Correctness:
    return Correctness(
        before=number(found["before"]),
        after=maybe(number, found["after"]),
        tolerance=number(found["tolerance"]),
        poisoned=flag(found["poisoned"]),
    )


def _comparison(found: Any) -> Comparison:
    return Comparison(
        ratio=above_zero(found["ratio"]),
        low=above_zero(found["low"]),
        high=above_zero(found["high"]),
        pairs=count(found["pairs"]),
        dropped=count(found["dropped"]),
        verdict=one_of(found["verdict"], get_args(Verdict)),
        stopped=one_of(found["stopped"], STOPPED),
        reason=text(found["reason"]),
    )


def _models(found: Any) -> tuple[Model, Model]:
    baseline, variant = map(_model, items(found))
    return baseline, variant


def _model(found: Any) -> Model:
    return Model(
        compute_s=number(found["compute_s"]),
        memory_s=number(found["memory_s"]),
        passes_s=number(found["passes_s"]),
        waves=number(found["waves"]),
        floor_s=number(found["floor_s"]),
        binds=one_of(found["binds"], get_args(Binding)),
        uneven_s=number(found["uneven_s"]),
    )


def _explanation(found: Any) -> Explanation:
    parts = ("mac", "memory", "passes", "waves", "launch", "residual")
    explanation = Explanation(**{part: number(found[part]) for part in parts})
    if number(found["saving"]) != explanation.saving:
        raise ValueError(f"the parts add up to {explanation.saving}, not to {found['saving']}")
    return explanation


def _ceilings(found: Any) -> Ceilings:
    rates = mapping(found["flops_per_s"])
    return Ceilings(
        flops_per_s={text(name): above_zero(rate) for name, rate in rates.items()},
        copy_bytes_per_s=above_zero(found["copy_bytes_per_s"]),
        cache_bytes_per_s=above_zero(found["cache_bytes_per_s"]),
        launch_s=number(found["launch_s"]),
        graph_node_s=maybe(number, found["graph_node_s"]),
        cache_bytes=count(found["cache_bytes"]),
        processors=count(found["processors"]),
        how={text(name): text(how) for name, how in mapping(found["how"]).items()},
    )
