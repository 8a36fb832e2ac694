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

`shape` is that of one sample, and can be left out for what `costlab list` shows; in its place stand
`inputs`, a list of specs, or `inputs_from`, a function, of a model that takes other than one image.
`block`, `training` and `takes_finish` of any subject can be left out, `name` and `baseline` of a
pair, and each axis.
`[quick]` holds the axes of a short look: what it leaves out is as in `[axes]`.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from costlab.bench import studyvalues as values
from costlab.bench.studies import STUDIES
from costlab.bench.study import (
    ARMS,
    FINISHES,
    LAYOUTS,
    PRECISIONS,
    REGIMES,
    Axes,
    Study,
)
from costlab.bench.studysubjects import pair_of, subject_of
from costlab.errors import UsageError, did_you_mean

CHOICES: dict[str, tuple[str, ...]] = {
    "precisions": PRECISIONS,
    "layouts": LAYOUTS,
    "finishes": FINISHES,
    "regimes": REGIMES,
    "arms": ARMS,
}

KEYS = ("name", "title", "subjects", "pairs", "axes", "quick")
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
    subjects = {key: subject_of(key, one, f"subjects.{key}") for key, one in found.items()}
    listed = document.get("pairs", [])
    if not isinstance(listed, list) or not listed:
        raise UsageError("pairs: there are none; each is a [[pairs]] with a variant")
    pairs = tuple(
        pair_of(one, subjects, f"pairs[{place}]") for place, one in enumerate(listed, start=1)
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
                values.count(value, where, values.LARGEST_BATCH)
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
