"""Changes in words: why a block changed in one line, and a whole difference in one sentence.

Does not know how changes are found, nor where the words are shown.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.units import exact, si

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from costlab.budgets.difference import BlockChange, Cause, Delta
    from costlab.report import Report

MINUS = "\N{MINUS SIGN}"
CLASS = "class "
"""What a cause begins with that is only another name of the same module's class."""
FEW = 2
"""More reasons than these are said by what they are about."""
MOST = Fraction(1, 2)

_ABOUT = re.compile(
    r"\b(in channels|out channels|groups|kernel|dilation|stride|padding|input|batch|positions|rows"
    r"|calls|output elements|moved|added|removed)\b"
)


def reason(change: BlockChange) -> str:
    """Why a block changed, in one line; empty if it did not.

    >>> from costlab.budgets.difference import BlockChange, Cause
    >>> causes = Cause("in channels 64 → 96", 9), Cause("out channels 8 → 16", 90)
    >>> reason(BlockChange("stem", "Conv2d", "changed", {}, causes=causes))
    'in channels 64 → 96, out channels 8 → 16'
    """
    before = change.base_path.rpartition(".")[2]
    was = [f"was {before}"] if before and before != change.path.rpartition(".")[2] else []
    return joined([*was, *among(change.causes)])


def brief(change: BlockChange) -> str:
    """Why a block changed, in few words, for where it is one of several."""
    telling = [cause for cause in change.causes if cause.macs] or list(change.causes)
    if len(telling) == 1:
        return telling[0].text
    return joined(_most_said(telling))


def joined(texts: Sequence[str]) -> str:
    """Reasons in one line, parted more clearly where one of them has commas of its own."""
    return ("; " if any(": " in text or ", " in text for text in texts) else ", ").join(texts)


def among(causes: Sequence[Cause]) -> list[str]:
    """The causes in words: those that cost or save something, if there are any; of many the gist.

    >>> from costlab.budgets.difference import Cause
    >>> among([Cause(f"conv{n}: out channels 8 → {n}", n) for n in range(9)])
    ['out channels']
    """
    telling = [cause for cause in causes if cause.macs] or list(causes)
    if len(telling) <= FEW:
        return [cause.text for cause in telling]
    return _most_said(telling)


def _most_said(telling: Sequence[Cause]) -> list[str]:
    """What most of the causes are about, those first that weigh most."""
    ranked = sorted(telling, key=lambda cause: -abs(cause.macs))
    gists = list(dict.fromkeys(gist for cause in ranked for gist in _gists(cause.text)))
    more = [f"and {len(gists) - FEW} more"] if len(gists) > FEW else []
    return [*gists[:FEW], *more]


def _gists(text: str) -> list[str]:
    """What a cause is about, without the numbers."""
    return _ABOUT.findall(text) or [text]


def signed(text: str, amount: int) -> str:
    """The text of a size with the sign of the amount.

    >>> signed("402 M", -401_937_408), signed("5", 5), signed("0", 0)
    ('−402 M', '+5', '0')
    """
    return f"{MINUS if amount < 0 else '+' if amount else ''}{text}"


def growth(delta: Delta) -> str:
    """A change beside what was before, in percent; `new` where there was nothing.

    >>> from costlab.budgets.difference import Delta
    >>> growth(Delta(200, 143)), growth(Delta(0, 5)), growth(Delta(None, 5)), growth(Delta(5, None))
    ('−28.5 %', 'new', 'new', '−100.0 %')
    >>> growth(Delta(10**6, 1)), growth(Delta(10**6, 10**6 + 1)), growth(Delta(1, 3))
    ('−99.9 %', '+<0.1 %', '+200.0 %')
    """
    if not delta.amount:
        return "0.0 %"
    if not delta.base:
        return "new"
    # In tenths of a per cent, half away from zero; what rounds to nothing is more than that, and
    # what rounds to a loss of all is less, unless nothing is left.
    tenths = (abs(delta.amount) * 2000 + delta.base) // (2 * delta.base)
    if delta.amount < 0 and delta.head:
        tenths = min(tenths, 999)
    size = f"{exact(tenths // 10)}.{tenths % 10} %" if tenths else "<0.1 %"
    return signed(size, delta.amount)


def headline(
    names: tuple[str, str], totals: Mapping[str, Delta], blocks: Iterable[BlockChange]
) -> str:
    """A difference in one sentence, or two."""
    base, head = names
    macs, params = totals["macs"], totals["params"]
    changes = [change for block in blocks for change in block.walk()]
    if not any(delta.amount for delta in totals.values()):
        return f"{_same(changes)}: {base} and {head} both take {si(macs.head or 0)} MACs."
    said = [
        _told(name, delta) for name, delta in (("MACs", macs), ("params", params)) if delta.amount
    ] or [_told(name, delta) for name, delta in totals.items() if delta.amount]
    if not macs.amount:
        said = [f"the same {si(macs.head or 0)} MACs", *said]
    return f"{head} against {base}: {', '.join(said)}.{_most(macs, changes)}"


def _told(name: str, delta: Delta) -> str:
    amount = signed(si(abs(delta.amount)), delta.amount)
    return f"{amount} {name} ({growth(delta)}), to {si(delta.head or 0)}"


def _same(changes: list[BlockChange]) -> str:
    """What there is to say where no total differs."""
    inside = sum(c.change in ("changed", "added", "removed") and not c.children for c in changes)
    renamed = sum(change.change == "renamed" for change in changes)
    said = [f"{inside} changed within"] if inside else []
    said += [f"{renamed} renamed"] if renamed else []
    if not said:
        return "No difference"
    blocks = "block" if inside + renamed == 1 else "blocks"
    return f"No difference in total, {' and '.join(said)} ({blocks})"


def _most(macs: Delta, changes: list[BlockChange]) -> str:
    """The innermost block that most of the change is in, and why."""
    if not macs.amount:
        return ""
    found = None
    for change in changes:
        delta = change.deltas["macs"].amount
        # Where changes cancel out, one of them may be more than the whole: then no one is most.
        if MOST <= Fraction(delta, macs.amount) <= 1:
            found = change
    if found is None or not found.path:
        return ""
    why = reason(found)
    part = "All" if found.deltas["macs"].amount == macs.amount else "Most"
    return f" {part} of it is in {found.path}{f': {why}' if why else ''}."


def caveats(base: Report, head: Report, names: tuple[str, str]) -> Iterator[str]:
    """What makes the two less comparable than they look."""
    for name, report in zip(names, (base, head), strict=True):
        if not report.complete:
            yield f"{name} stopped before its end: its counts are of what ran until then"
        elif report.coverage.unknown:
            unknown = ", ".join(dict.fromkeys(each.op for each in report.coverage.unknown))
            yield f"{name} is a lower bound: no rule prices {unknown}"
    if base.mode != head.mode:
        yield f"{names[0]} is in {base.mode} mode, {names[1]} in {head.mode} mode"
    if base.inputs != head.inputs:
        before, after = (", ".join(report.inputs) for report in (base, head))
        yield f"the inputs differ: {before} → {after}"
    if base.convention != head.convention:
        yield "the two reports count by different conventions: make both with the same costlab"
    for package in ("costlab", "torch"):
        old, new = base.versions.get(package), head.versions.get(package)
        if old and new and old != new:
            yield f"{package} {old} → {new}: a difference may be that of the versions"
