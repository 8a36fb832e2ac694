"""Merges baselines that git could not: by key, by what both sides came from, and by measuring.

Nothing is guessed: a value that both sides changed in different ways is measured, or named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from costlab.budgets.baseline import Baseline
from costlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

K = TypeVar("K")
V = TypeVar("V")

OURS, BASE, SPLIT, THEIRS = "<<<<<<<", "|||||||", "=======", ">>>>>>>"
NAMED = 8


def sides(text: str, file: str = "the baseline") -> tuple[str, str | None, str]:
    r"""The two texts between whose lines git put its markers, and what they came from, if told.

    >>> sides("a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> topic\nd\n")
    ('a\nb\nd\n', None, 'a\nc\nd\n')

    Raises:
        UsageError: a marker stands where it cannot; the message says the line.
    """
    texts: dict[str, list[str]] = {OURS: [], BASE: [], THEIRS: []}
    now, told = "", False
    follows = {OURS: ("",), BASE: (OURS,), SPLIT: (OURS, BASE), THEIRS: (SPLIT,)}
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        marker = next((one for one in follows if line.startswith(one)), "")
        if marker:
            if now not in follows[marker]:
                raise UsageError(f"{file}:{number}: {marker} stands where it cannot")
            told = told or marker == BASE
            now = "" if marker == THEIRS else marker
        elif now:
            texts[THEIRS if now == SPLIT else now].append(line)
        else:
            for side in texts.values():
                side.append(line)
    if now:
        raise UsageError(f"{file}: a conflict that begins with {OURS} has no end")
    ours, base, theirs = ("".join(side) for side in texts.values())
    return ours, base if told else None, theirs


def merge(
    ours: Baseline,
    theirs: Baseline,
    base: Baseline | None = None,
    measured: Baseline | None = None,
    names: Collection[str] | None = None,
) -> Baseline:
    """The baseline that both sides come to.

    What only one side changed is taken from it, if `base` is there to tell. Of a model that both
    changed, everything is taken from `measured`: whatever one side's values say of such a model was
    true of neither the other's code nor both together. `names` are the models that there are on the
    merged code, if that is known: others are left out.

    Raises:
        UsageError: something conflicts and was not measured; the message says what.
    """
    models, clashing = _three_way(ours.models, theirs.models, None if base is None else base.models)
    values, unclear = _three_way(ours.values, theirs.values, None if base is None else base.values)
    known = {} if measured is None else measured.models
    conventions = {ours.convention, theirs.convention}
    again = {*clashing, *(key.model for key in unclear)}
    if len(conventions) > 1:
        again |= {*ours.models, *theirs.models}
    gone = set() if names is None else {*ours.models, *theirs.models} - set(names)
    again -= gone
    missing = sorted(again - known.keys())
    if missing:
        named = [str(key) for key in sorted(unclear) if key.model in missing]
        named += [f"how {name} was measured" for name in missing if name in clashing]
        listed = ", ".join(named[:NAMED]) or ", ".join(missing)
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        raise UsageError(
            f"both sides changed {listed}{more}, and which is right only measuring tells: run "
            "`costlab baseline merge` where the models can be built, on the merged code"
        )
    if measured is not None and len(conventions) > 1:
        conventions = {measured.convention}
    elif measured is not None and again and measured.convention not in conventions:
        raise UsageError(
            "the baseline is of another counting convention than this costlab; run `costlab "
            "baseline update` instead"
        )
    merged = {name: one for name, one in models.items() if name not in again | gone}
    kept = {key: count for key, count in values.items() if key.model in merged}
    if measured is not None:
        merged |= {name: measured.models[name] for name in again}
        kept |= {key: count for key, count in measured.values.items() if key.model in again}
    return Baseline(
        models=merged,
        values=kept,
        versions=(measured or ours).versions if again else {**theirs.versions, **ours.versions},
        convention=conventions.pop(),
    )


def _three_way(
    ours: Mapping[K, V], theirs: Mapping[K, V], base: Mapping[K, V] | None
) -> tuple[dict[K, V], Sequence[K]]:
    """What both sides come to, and the keys that they disagree about."""
    merged: dict[K, V] = {}
    unclear: list[K] = []
    for key in (*ours, *(key for key in theirs if key not in ours)):
        one, other = ours.get(key), theirs.get(key)
        if one == other:
            found = one
        elif base is None:
            unclear.append(key)
            continue
        elif one == base.get(key):
            found = other
        elif other == base.get(key):
            found = one
        else:
            unclear.append(key)
            continue
        if found is not None:
            merged[key] = found
    return merged, unclear
