"""A baseline as text: written, and read back strictly.

    schema costlab.baseline/1
    convention 4b3f6d2a9c10
    version costlab 0.1.0
    model inception eval 8d1f0c55ab42 f32[1,3,299,299]
    value inception module Mixed_7b macs 123456
    value inception total "" macs 5713216096

Knows the lines, not what is measured. A field that is not made of plain characters stands as a JSON
text, in ASCII, so that no name can break a line or look like another.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from costlab.budgets.baseline import SCHEMA, UPDATE, Baseline, Key, Measured
from costlab.budgets.budget import METRICS, Place
from costlab.budgets.subjects import Kind
from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

KINDS: tuple[str, ...] = get_args(Kind)
ORDER = ("schema", "convention", "version", "model", "value")
"""The lines of a file, kind after kind."""
LEAST = {"schema": 1, "convention": 1, "version": 2, "model": 3, "value": 5}
"""How many fields the lines of a kind have; only that of a model may have more, its inputs."""

_PLAIN = re.compile(r"[A-Za-z0-9_.:/+=,\[\]()*?-]+")
_FIELD = re.compile(r'"(?:[^"\\]|\\.)*"|[^" ]+')
_COUNT = re.compile(r"0|[1-9][0-9]{0,29}")


def text_of(baseline: Baseline) -> str:
    """The baseline as a file holds it; the same values give the same text."""
    models = [
        _line("model", name, one.mode, one.fingerprint, *one.inputs)
        for name, one in baseline.models.items()
    ]
    values = [_line("value", *key, str(value)) for key, value in baseline.values.items()]
    versions = [_line("version", *pair) for pair in baseline.versions.items()]
    head = [_line("schema", SCHEMA), _line("convention", baseline.convention)]
    return "\n".join([*head, *sorted(versions), *sorted(models), *sorted(values), ""])


def read(path: str | Path) -> Baseline:
    """The baseline in a file.

    Raises:
        UsageError: it cannot be read; the message says the line.
    """
    return parse(read_text(path), str(path))


def read_text(path: str | Path) -> str:
    """The text of a baseline file.

    Raises:
        UsageError: it cannot be read, or is no text.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no baseline: it is no text in UTF-8; {UPDATE}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read the baseline {path}: {reason}; {UPDATE}") from error


def parse(text: str, file: str = "the baseline") -> Baseline:
    """The baseline that a text holds.

    Raises:
        UsageError: a line is damaged, twice there or out of order; the message says which.
    """
    listed = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    first = _row(listed[0], Place(file, 1)) if listed[0].startswith("schema ") else ["", ""]
    if first[1] != SCHEMA:  # before a line of another schema is called damaged
        what = f"of schema {first[1]!r}" if first[1] else "of no schema"
        newer = "; update costlab" if first[1].startswith(SCHEMA.partition("/")[0]) else ""
        _fail(Place(file, 1), f"the baseline is {what}, and this costlab reads {SCHEMA}{newer}")
    rows = [_row(line, Place(file, number)) for number, line in enumerate(listed, start=1)]
    for number, (before, after) in enumerate(pairwise(zip(rows, listed, strict=True)), start=2):
        _in_order(before, after, Place(file, number))
    return _collected(rows, file)


def _collected(rows: Sequence[Sequence[str]], file: str) -> Baseline:
    """The baseline that lines say, which are sound and sorted one by one."""
    models: dict[str, Measured] = {}
    values: dict[Key, int] = {}
    versions: dict[str, str] = {}
    convention = ""
    for number, (kind, *fields) in enumerate(rows, start=1):
        place = Place(file, number)
        if kind == "value":
            key, count = _value(fields, place)
            if key in values:
                _fail(place, f"{key} is there twice")
            if key.model not in models:
                _fail(place, f"{key.model} has no line that says how it was measured")
            values[key] = count
        elif kind == "model":
            name, mode, found, *inputs = fields
            if name in models:
                _fail(place, f"{name} is there twice")
            models[name] = Measured(mode, tuple(inputs), found)
        elif kind == "version":
            versions[fields[0]] = fields[1]
        elif kind == "convention":
            convention = fields[0]
    if not convention:
        _fail(Place(file), "it has no convention")
    return Baseline(models, values, versions, convention)


def _line(*fields: str) -> str:
    return " ".join(f if _PLAIN.fullmatch(f) else json.dumps(f) for f in fields)


def _row(line: str, place: Place) -> list[str]:
    """The fields of a line: its kind, and at least as many as it needs."""
    if line.startswith(("<<<<<<<", "|||||||", "=======", ">>>>>>>")):
        _fail(place, "git could not merge this; `costlab baseline merge` resolves it")
    raw = _FIELD.findall(line)
    try:
        row = [str(json.loads(one)) if one.startswith('"') else one for one in raw]
    except ValueError:
        _fail(place, "a text in quotes is damaged")
    if not row or row[0] not in ORDER:
        _fail(place, f"a line begins with {', '.join(ORDER)}, and this one does not")
    if _line(*row) != line:
        _fail(place, "this is not as costlab writes it")
    wanted = LEAST[row[0]]
    if len(row) - 1 < wanted or (len(row) - 1 > wanted and row[0] != "model"):
        _fail(place, f"a line of a {row[0]} has {wanted} fields, and this one {len(row) - 1}")
    return row


def _in_order(before: tuple[list[str], str], after: tuple[list[str], str], place: Place) -> None:
    """Raises a UsageError unless a line belongs behind the one before it."""
    (kind, *_), first = before
    (other, *_), second = after
    if first == second or (kind == other and kind in {"schema", "convention"}):
        _fail(place, "this line is there twice")
    if (ORDER.index(kind), first) > (ORDER.index(other), second):
        _fail(place, f"the lines are not sorted: {second.partition(' ')[0]} belongs further up")


def _value(fields: Sequence[str], place: Place) -> tuple[Key, int]:
    model, kind, name, metric, count = fields
    if kind not in KINDS or metric not in METRICS:
        _fail(place, f"there is no {metric!r} of a {kind!r}")
    if not _COUNT.fullmatch(count):
        _fail(place, f"{count!r} is no count")
    return Key(model, cast("Kind", kind), name, metric), int(count)


def _fail(place: Place, what: str) -> NoReturn:
    raise UsageError(f"{place}: {what}; {UPDATE} anew")
