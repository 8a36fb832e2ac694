"""The plan of a GPU study as text: each part in order, what is measured, what it will take.

Imports no torch. Knows no processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks import _gpu_agreement, _gpu_counters, _gpu_sanitizer
from benchmarks._gpu_pace import CHECKS_S, COUNTED_S, NULL_S, SANITIZED_S, estimate_s
from benchmarks._gpu_parts import AGREEMENT, CEILINGS, CHECKS, COUNTERS, TUNED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks._gpu_files import Folder
    from benchmarks._gpu_parts import Part, Slice

MINUTE_S = 60


class Line(NamedTuple):
    """A step: what it is, its cases, how many of them are measured, and seconds for the rest.

    `part` is its part's number if it is a part.
    """

    title: str
    cases: int
    measured: int
    left_s: float
    part: int = 0
    is_sum: bool = False


def shown(
    parts: Sequence[Part],
    folder: Folder,
    minutes: float,
    fingerprint: int,
    *,
    tiny: bool = False,
) -> str:
    """The plan, with what is already measured and so skipped, and what fits into the minutes."""
    lines = list(plan(parts, folder, fingerprint, tiny=tiny))
    wide = max(len(line.title) for line in lines) + 2
    head = f"{'':{wide}}{'cases':>7}{'measured':>10}{'left':>6}{'minutes':>9}"
    rows, sum_s, fits = [], 0.0, True
    for line in lines:
        if line.part:
            rows.append("")
        sum_s += 0.0 if line.is_sum else line.left_s
        if fits and sum_s > minutes * MINUTE_S:
            rows.append(f"{f'-- about here {minutes:g} minutes are over --':-<{wide + 32}}")
            fits = False
        rows.append(
            f"{line.title:{wide}}{line.cases:>7}{line.measured:>10}"
            f"{line.cases - line.measured:>6}{line.left_s / MINUTE_S:>9.1f}"
        )
    calls = max(1, -(-sum_s // (minutes * MINUTE_S)))
    first_s = sum(line.left_s for line in lines if 0 < line.part <= AGREEMENT)
    last = (
        f"parts 1 to {AGREEMENT}, what is asked first: about {first_s / MINUTE_S:.0f} min; "
        f"all that is left: about {sum_s / MINUTE_S:.0f} min, {calls:.0f} calls of {minutes:g}; "
        f"results in {folder.path}. What is measured there is skipped. Minutes are guesses until "
        "cases of the kind were measured."
    )
    return "\n".join([head, *rows, "", last])


def plan(
    parts: Sequence[Part], folder: Folder, fingerprint: int, *, tiny: bool = False
) -> Iterator[Line]:
    """A line a part, and below it a line a slice."""
    record = folder.record()
    pace = {name: tuple(took) for name, took in record.get("pace", {}).items()}
    arms = record.get("arms")
    planned: set[tuple[str, str]] = set()
    for part in parts:
        title = f"{part.number} {part.title}"
        if part.number == CHECKS:
            known = record.get("correctness", {})
            sound = bool(known.get("sound")) and known.get("of") == fingerprint
            left = sound and not tiny and _gpu_sanitizer.unwatched(known.get("sanitizer"))
            left_s = (SANITIZED_S if left else 0.0) if sound else CHECKS_S
            yield Line(title, 1, int(not left_s), left_s, part.number)
        elif part.number == COUNTERS:
            sides = len(list(_gpu_counters.sides()))
            left = len(_gpu_counters.missing(folder.counted()))
            yield Line(title, sides, sides - left, left * COUNTED_S, part.number)
        elif part.number in {AGREEMENT, TUNED}:
            agreed, asked = folder.agreed(), _gpu_agreement.questions(part.number, tiny=tiny)
            missing = {one: _gpu_agreement.missing(agreed, one) for one in asked}
            all_of, left = sum(one.count for one in asked), sum(missing.values())
            left_s = sum(count * one.process_s for one, count in missing.items())
            yield Line(title, all_of, all_of - left, left_s, part.number)
        else:
            yield from _measured(part, title, folder, arms, pace, planned)


def _measured(
    part: Part,
    title: str,
    folder: Folder,
    arms: Sequence[str] | None,
    pace: dict[str, tuple[int, float]],
    planned: set[tuple[str, str]],
) -> Iterator[Line]:
    """The lines of a part; `planned` are the cases of the parts before, and then its own too."""
    below = []
    for piece in part.slices:
        study = piece.study.name
        cases = [case for case in piece.cases(arms) if (study, case.key) not in planned]
        planned |= {(study, case.key) for case in cases}
        known = folder.measured(study)
        missing = [case for case in cases if case.key not in known]
        left_s = estimate_s(piece, missing, pace)
        if part.number == CEILINGS and missing:
            left_s += NULL_S
        below.append(Line(f"  {described(piece)}", len(cases), len(cases) - len(missing), left_s))
    yield Line(
        title,
        sum(line.cases for line in below),
        sum(line.measured for line in below),
        sum(line.left_s for line in below),
        part.number,
        is_sum=True,
    )
    yield from below


def described(piece: Slice) -> str:
    """The axes of a slice in a line."""
    axes = piece.axes
    some = f" ({len(axes.pairs)} pairs)" if axes.pairs else ""
    trained = [pair.name for pair in piece.study.pairs if pair.variant.training]
    if axes.pairs and set(axes.pairs) <= set(trained):
        some = f" ({len(axes.pairs)}, training)"
    parts = (
        f"{piece.study.name}{some}:",
        ",".join(axes.precisions),
        ",".join(axes.layouts),
        f"b {','.join(map(str, axes.batches))}",
        ",".join(axes.regimes),
        ",".join(axes.arms),
    )
    return " ".join(parts) + (" +energy" if piece.plan.energy_s else "")
