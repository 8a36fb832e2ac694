"""A study by its name, from a user's file, or of a user's model.

Knows neither a device nor what anything costs. A file is TOML:

    title = "Depthwise against dense"

    [subjects.dense]
    model = "net.py:dense(width=64)"
    shape = [64, 35, 35]

    [subjects.depthwise]
    model = "net.py:depthwise(width=64)"
    shape = [64, 35, 35]

    [[pairs]]
    baseline = "dense"
    variant = "depthwise"

    [axes]
    batches = [1, 32]
    precisions = ["bf16"]

`shape` is that of one sample, and can be left out for what `costlab list` shows; so can `block`,
`training` and `takes_finish` of any subject, `name` and `baseline` of a pair, and each axis.
`[quick]` holds the axes of a short look: what it leaves out is as in `[axes]`.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.bench import studyvalues as values
from costlab.bench.studies import STUDIES
from costlab.bench.study import (
    ARMS,
    FINISHES,
    LAYOUTS,
    PRECISIONS,
    REGIMES,
    Axes,
    Pair,
    Study,
    Subject,
)
from costlab.errors import CostlabError, UsageError, did_you_mean
from costlab.sources.text import split

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_BATCH = 2**20
CHOICES: dict[str, tuple[str, ...]] = {
    "precisions": PRECISIONS,
    "layouts": LAYOUTS,
    "finishes": FINISHES,
    "regimes": REGIMES,
    "arms": ARMS,
}

KEYS = ("name", "title", "subjects", "pairs", "axes", "quick")
SUBJECT_KEYS = ("model", "shape", "block", "training", "takes_finish")
PAIR_KEYS = ("name", "variant", "baseline")
AXES_KEYS = ("batches", *CHOICES, "pairs")


def load(path: Path) -> Study:
    """The study that a file holds; its name is the file's if it gives none.

    Raises:
        UsageError: the file cannot be read, or holds what makes no study; the message says where.
    """
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text: {error}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read the study {path}: {reason}") from error
    try:
        return parsed(text, path.stem)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def parsed(text: str, name: str) -> Study:
    """The study that a text holds, called `name` if it says no name of its own.

    Raises:
        UsageError: it is no TOML, or makes no study; the message says where.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"this is no TOML: {error}") from error
    values.known_keys(document, KEYS, "")
    name = values.text(document.get("name", name), "name")
    found = values.table(document.get("subjects", {}), "subjects")
    subjects = {key: _subject(key, one, f"subjects.{key}") for key, one in found.items()}
    listed = document.get("pairs", [])
    if not isinstance(listed, list) or not listed:
        raise UsageError("pairs: there are none; each is a [[pairs]] with a variant")
    pairs = tuple(
        _pair(one, subjects, f"pairs[{place}]") for place, one in enumerate(listed, start=1)
    )
    names = [pair.name for pair in pairs]
    for twice in {one for one in names if names.count(one) > 1}:
        raise UsageError(f"pairs: two are called {twice!r}; give them names of their own")
    axes = _axes(document.get("axes", {}), names, "axes", Axes())
    return Study(
        name,
        values.text(document.get("title", name), "title"),
        pairs,
        axes,
        quick=_axes(document.get("quick", {}), names, "quick", axes),
    )


def _subject(name: str, found: Any, place: str) -> Subject:
    """A subject; a network or part of the zoo knows its shape, and whether it takes a finish."""
    table = values.table(found, place)
    values.known_keys(table, SUBJECT_KEYS, place)
    if "model" not in table:
        raise UsageError(f"{place}: it has no model, such as model = 'conv5x5(inputs=64)'")
    model = values.text(table["model"], f"{place}.model")
    shape, takes_finish = _own(model, f"{place}.model")
    if "shape" in table:
        shape = values.shape(table["shape"], f"{place}.shape")
    if shape is None:
        _refuse_absent(model, place)
        raise UsageError(
            f"{place}: {model} needs the shape of a sample, such as shape = [3, 224, 224]"
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
        shape,
        takes_finish=wanted,
        block=values.text(table.get("block", ""), f"{place}.block"),
        training=values.flag(table.get("training", False), f"{place}.training"),
    )


def _refuse_absent(model: str, place: str) -> None:
    """Raises a UsageError for a model that cannot be had at all, whatever its shape."""
    from costlab import sources

    try:
        sources.find(model).build()
    except CostlabError as error:
        raise UsageError(f"{place}.model: {error}") from error


def _own(model: str, place: str) -> tuple[tuple[int, ...] | None, bool]:
    """The shape of a sample that a model is made for, if known, and whether it takes a finish."""
    from costlab import sources
    from costlab.inputspec import parse
    from costlab.zoo import CATALOGUE

    try:
        source = sources.find(model)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
    shape = parse(source.inputs[0]).spec.shape[1:] if source.inputs else None
    words = split(model.strip())
    network = CATALOGUE.get(words.place)
    takes_finish = network is not None and network.kind != "network"
    return shape, takes_finish and "finish" not in words.kwargs


def _pair(found: Any, subjects: Mapping[str, Subject], place: str) -> Pair:
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
    if (
        baseline is not None
        and baseline.shape != variant.shape
        and not (baseline.block or variant.block)
    ):
        raise UsageError(
            f"{place}: {baseline.name} reads {list(baseline.shape)} and {variant.name} "
            f"{list(variant.shape)}; only what reads the same can be compared"
        )
    called = f"{baseline.name} → {variant.name}" if baseline else variant.name
    return Pair(values.text(table.get("name", called), f"{place}.name"), variant, baseline)


def _axes(found: Any, pairs: list[str], place: str, default: Axes) -> Axes:
    """Axes, each value once; what is not given is as in the default."""
    table = values.table(found, place)
    values.known_keys(table, AXES_KEYS, place)
    chosen: dict[str, Any] = {}
    for axis, listed in table.items():
        here = f"{place}.{axis}"
        if not isinstance(listed, list) or not listed:
            raise UsageError(f"{here}: it is {listed!r}, not a list of one value or more")
        known = pairs if axis == "pairs" else CHOICES.get(axis)
        for number, value in enumerate(listed, start=1):
            where = f"{here}[{number}]"
            if known is None:
                values.count(value, where, LARGEST_BATCH)
            else:
                values.choice(value, known, where)
            if value in listed[: number - 1]:
                raise UsageError(f"{where}: {value!r} stands there twice")
        chosen[axis] = tuple(listed)
    return replace(default, **chosen)


def study_of(text: str, inputs: tuple[str, ...] = (), inputs_from: str = "") -> Study:
    """The study that a text names: by its name, as a path that ends in .toml, or as a MODEL.

    `inputs` are the specs of a MODEL's inputs, as `costlab report` takes them, or `inputs_from` the
    text of a function that returns them.

    Raises:
        UsageError: it is none of these, or what it names makes no study.

    >>> study_of("grid-reduction").title
    'What it costs to halve the grid and widen the filter banks'
    """
    name = text.strip()
    if name in STUDIES or name.endswith(".toml"):
        if inputs or inputs_from:
            option = "--inputs-from" if inputs_from else "--input"
            raise UsageError(f"{name} says itself what it runs on: leave {option} out")
        return STUDIES[name] if name in STUDIES else load(Path(name))
    from costlab import sources

    try:
        sources.find(name)
    except UsageError as error:
        known = f"A study is one of {', '.join(STUDIES)}, a file.toml, or a model."
        if name.endswith(".json"):
            raise UsageError(
                f"{name} is the name of a document, which says no study; `costlab show {name}` "
                f"shows it, `costlab bench STUDY --out {name} --resume` goes on with it. {known}"
            ) from error
        if near := did_you_mean(name, STUDIES):
            raise UsageError(f"no study is called {name!r}.{near} {known}") from error
        raise UsageError(f"{error} {known}") from error
    from costlab.bench.anatomy import study_of_model

    return study_of_model(name, inputs, inputs_from)
