"""The subjects of a study's file, and the pairs that they make.

Knows neither a device nor what anything costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.bench import studyvalues as values
from costlab.bench.study import Pair, Subject
from costlab.errors import CostlabError, UsageError
from costlab.sources.text import split

if TYPE_CHECKING:
    from collections.abc import Mapping

GIVEN = ("shape", "inputs", "inputs_from")
"""The keys that say what goes into a subject, of which it has one."""
SUBJECT_KEYS = ("model", *GIVEN, "block", "training", "takes_finish")
PAIR_KEYS = ("name", "variant", "baseline")


class Given(NamedTuple):
    """What goes into a subject, as `Subject` has it: samples of a shape, specs, or a function."""

    shape: tuple[int, ...] = ()
    inputs: tuple[str, ...] = ()
    inputs_from: str = ""


def subject_of(name: str, found: Any, place: str) -> Subject:
    """A subject; a network or part of the zoo knows its shape, and whether it takes a finish.

    Raises:
        UsageError: what it says makes none; the message says where.
    """
    table = values.table(found, place)
    values.known_keys(table, SUBJECT_KEYS, place)
    if "model" not in table:
        raise UsageError(f"{place}: it has no model, such as model = 'conv5x5(inputs=64)'")
    model = values.text(table["model"], f"{place}.model")
    own, takes_finish = _own(model, f"{place}.model")
    given = _given(table, place) or own
    if given is None:
        _refuse_absent(model, place)
        raise UsageError(
            f"{place}: {model} needs the shape of a sample, such as shape = [3, 224, 224], or "
            "inputs = ['ids=i64[8,128]'], or inputs_from = 'inputs.py:make'"
        )
    wanted = values.flag(table.get("takes_finish", takes_finish), f"{place}.takes_finish")
    if wanted and "finish" in split(model.strip()).kwargs:
        raise UsageError(
            f"{place}.takes_finish: {model} says its own finish, so that the axis of finishes "
            "cannot give it one; leave one of the two out"
        )
    return Subject(
        name,
        model,
        given.shape,
        takes_finish=wanted,
        block=values.text(table.get("block", ""), f"{place}.block"),
        training=values.flag(table.get("training", False), f"{place}.training"),
        inputs=given.inputs,
        inputs_from=given.inputs_from,
    )


def pair_of(found: Any, subjects: Mapping[str, Subject], place: str) -> Pair:
    """Two subjects that read the same, or one.

    Raises:
        UsageError: what it says makes none; the message says where.
    """
    table = values.table(found, place)
    values.known_keys(table, PAIR_KEYS, place)
    if "variant" not in table:
        raise UsageError(f"{place}: it has no variant, the name of a subject")
    sides = {
        side: subjects[values.choice(table[side], subjects, f"{place}.{side}")]
        for side in ("variant", "baseline")
        if side in table
    }
    variant, baseline = sides["variant"], sides.get("baseline")
    batch = _batch(variant, place)
    if baseline is not None and not _read_alike(baseline, variant, batch, place):
        raise UsageError(
            f"{place}: {baseline.name} reads {_read(baseline)} and {variant.name} "
            f"{_read(variant)}; only what reads the same can be compared"
        )
    called = f"{baseline.name} → {variant.name}" if baseline else variant.name
    return Pair(values.text(table.get("name", called), f"{place}.name"), variant, baseline, batch)


def _given(table: Mapping[str, Any], place: str) -> Given | None:
    """What goes in, where the table says it; of one input of float32 the shape of a sample."""
    said = [key for key in GIVEN if key in table]
    if len(said) > 1:
        raise UsageError(f"{place}: {' and '.join(said)} each say what goes in; write one of them")
    if not said:
        return None
    (key,) = said
    here = f"{place}.{key}"
    if key == "shape":
        return Given(shape=values.shape(table[key], here))
    if key == "inputs":
        return _of_specs(values.specs(table[key], here))
    function = values.text(table[key], here)
    if ":" not in function:
        raise UsageError(f"{here}: {function!r} names no function; write inputs.py:make")
    return Given(inputs_from=function)


def _of_specs(specs: tuple[str, ...]) -> Given:
    from costlab.bench.example import sample_of

    shape = sample_of(specs)
    return Given(shape=shape) if shape else Given(inputs=specs)


def _own(model: str, place: str) -> tuple[Given | None, bool]:
    """What a model is made for, if that is known, and whether it takes a finish."""
    from costlab import sources
    from costlab.zoo import CATALOGUE

    try:
        source = sources.find(model)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
    given = _of_specs(source.inputs) if source.inputs else None
    words = split(model.strip())
    network = CATALOGUE.get(words.place)
    takes_finish = network is not None and network.kind != "network"
    return given, takes_finish and "finish" not in words.kwargs


def _refuse_absent(model: str, place: str) -> None:
    """Raises a UsageError for a model that cannot be had at all, whatever its shape."""
    from costlab import sources

    try:
        sources.find(model).build()
    except CostlabError as error:
        raise UsageError(f"{place}.model: {error}") from error


def _batch(subject: Subject, place: str) -> int | None:
    """The batch that a subject's inputs say; None where the axis of batches does."""
    if not subject.has_own_batch:
        return None
    from costlab.bench.example import batch_of, inputs_of

    try:
        return batch_of(subject.name, inputs_of(subject, 1))
    except CostlabError as error:
        raise UsageError(f"{place}: {error}") from error


def _read_alike(baseline: Subject, variant: Subject, batch: int | None, place: str) -> bool:
    """Whether both read the same; of a block nobody knows what it reads until its model runs."""
    if _batch(baseline, place) != batch:
        return False
    return bool(baseline.block or variant.block) or _read(baseline) == _read(variant)


def _read(subject: Subject) -> str:
    """What a subject reads, in words."""
    if not subject.has_own_batch:
        return str(list(subject.shape))
    from costlab.bench.example import read_by

    return ", ".join(read_by(subject))
