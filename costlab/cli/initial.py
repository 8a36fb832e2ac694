"""A budget file from what models cost now: each limit with some room, as a figure to be read.

Knows neither the command line nor where the text goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil

from costlab.budgets import configfile
from costlab.budgets.budget import Config, ModelSpec
from costlab.budgets.subjects import chosen
from costlab.errors import UsageError
from costlab.report import Report
from costlab.units import exact

ROOM = Fraction(5, 100)
DIGITS = 3
LIMITED = {"macs": "", "params": "", "activations": "", "peak_activation_bytes": "B"}
"""The metrics that a new file limits, and their unit."""
PREFIXES = ("", "k", "M", "G", "T", "P", "E")
HEAD = """\
# What models may cost; `costlab check` holds them to it. Each limit is what was measured when this
# was written, with {room} room, rounded up.
"""
TAIL = """\
# To limit what a pull request adds, whatever there was before:
#
#   baseline = "merge-base:origin/main"     # above the first table
#
#   [[{budgets}]]
#   id = "growth"
#   macs = {{ max_increase = "0%" }}
"""


def readable(measured: int, unit: str = "", room: Fraction = ROOM) -> str:
    """A limit that leaves room, as a figure of three digits; it is never below what was measured.

    >>> readable(5_713_216_096), readable(23_834_568), readable(0), readable(999)
    ('6G', '25.1M', '0', '1.05k')
    """
    least = ceil(measured * (1 + room))
    if unit == "B":
        return _in_bytes(least)
    step = 10 ** max(len(str(least)) - DIGITS, 0)
    limit = -(-least // step) * step
    power = min((len(str(limit)) - 1) // 3, len(PREFIXES) - 1)
    whole, rest = divmod(limit, 1000**power)
    number = f"{whole}.{rest:0{3 * power}}".rstrip("0").rstrip(".") if power else str(whole)
    return f"{number}{PREFIXES[power]}"


def _in_bytes(least: int) -> str:
    """A size that is no smaller, in quarters of a binary unit: whole bytes, and as tables show it.

    >>> _in_bytes(11_063_808), _in_bytes(900)
    ('10.75 MiB', '900 B')
    """
    power = (max(least.bit_length(), 1) - 1) // 10
    if not power:
        return f"{least} B"
    quarters = -(-4 * least // 1024**power)
    return f"{quarters / 4:g} {' KMGTPE'[power]}iB"


def budget_file(
    models: Iterable[ModelSpec],
    reports: Mapping[str, Report],
    *,
    shared: bool = False,
    room: Fraction = ROOM,
) -> str:
    """The text of costlab.toml, or (`shared`) of a table in pyproject.toml.

    Raises:
        UsageError: something in it cannot be written as TOML.
    """
    prefix = "tool.costlab." if shared else ""
    parts = [HEAD.format(room=f"{float(room * 100):g} %")]
    parts.append("[tool.costlab]\nschema = 1\n" if shared else "schema = 1\n")
    for model in models:
        report = reports[model.name]
        inputs = model.inputs or report.inputs
        parts.append(
            f"[{prefix}models.{_key(model.name)}]\n"
            f"model = {_text(model.source)}\n"
            f"inputs = [{', '.join(map(_text, inputs))}]\n"
            f"mode = {_text(model.mode)}\n"
        )
        parts.append(_budget(prefix, model.name, model.name, report, LIMITED, room))
    parts.append(TAIL.format(budgets=f"{prefix}budgets"))
    text = "\n".join(parts)
    try:
        text.encode()
        configfile.parsed(text, configfile.SHARED if shared else configfile.OWN)
    except (UnicodeEncodeError, UsageError) as error:
        raise UsageError(f"a name cannot be written as TOML: {error}") from error
    return text


def missing_budgets(
    config: Config, reports: Mapping[str, Report], *, shared: bool = False, room: Fraction = ROOM
) -> str:
    """The budgets that the models of a file lack, as a text to add to it; empty if none does.

    Raises:
        UsageError: a name cannot be written as TOML.
    """
    taken = [budget.id for budget in config.budgets]
    parts = []
    for name, metrics in unlimited(config).items():
        taken.append(name_of(name, taken))
        prefix = "tool.costlab." if shared else ""
        parts.append(_budget(prefix, taken[-1], name, reports[name], metrics, room))
    text = "\n".join(["", *parts]) if parts else ""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"a name cannot be written as TOML: {error}") from error
    return text


def unlimited(config: Config) -> dict[str, tuple[str, ...]]:
    """The metrics of each model that have no absolute limit yet; no model that has them all."""
    found = {}
    for model in config.models:
        limited = {
            limit.metric
            for budget in config.budgets
            if not (budget.modules or budget.ops) and chosen(budget.models, [model.name])[0]
            for limit in budget.limits
            if limit.max is not None
        }
        metrics = tuple(metric for metric in LIMITED if metric not in limited)
        if metrics:
            found[model.name] = metrics
    return found


def _budget(
    prefix: str, name: str, model: str, report: Report, metrics: Iterable[str], room: Fraction
) -> str:
    """The table of a budget of one model."""
    limits = [
        f"{metric} = {{ max = {_text(readable(count, LIMITED[metric], room))} }}"
        f"  # {exact(count)}\n"
        for metric in metrics
        for count in [getattr(report.total, metric)]
    ]
    head = f"[[{prefix}budgets]]\nid = {_text(name)}\nmodels = [{_text(model)}]\n"
    return head + "".join(limits)


def name_of(source: str, taken: Iterable[str]) -> str:
    """A short name for a model, that no other has.

    >>> name_of("nets/small.py:Net(width=2)", []), name_of("resnet50", ["resnet50"])
    ('Net', 'resnet50-2')
    """
    place = source.partition("(")[0].strip()
    name = re.sub(r"\W+", "-", place.rpartition(":")[2]).strip("-") or "model"
    used, number = set(taken), 1
    found = name
    while found in used:
        number += 1
        found = f"{name}-{number}"
    return found


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(text: str) -> str:
    # TOML's basic strings are JSON's, but for one character that only TOML escapes.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
