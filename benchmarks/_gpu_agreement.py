"""Whether fresh processes choose the same kernels: cuDNN tries each plan out but once.

Knows no files. What a process chose is kept as soon as it has ended, so that another call goes on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks._gpu_parts import SHOWCASE
from costlab.bench.fresh import Agreement, choices
from costlab.bench.studies import FACTORIZATIONS
from costlab.bench.study import Case, Side, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROCESSES = 3
BATCH = 256
ARMS = ("eager", "cudnn-fused")
PROCESS_S, LONGEST_S = 50.0, 120.0
"""What a process is taken to last, and how long it may."""
SAID = "Fresh processes"


def sides() -> Iterator[tuple[str, tuple[Case, Side]]]:
    """What each process is asked for, by a name.

    The input does not rotate: which kernel is chosen does not depend on it.
    """
    pairs = {pair.name: pair for pair in FACTORIZATIONS.pairs}
    for arm in ARMS:
        for name in SHOWCASE:
            pair = pairs[name]
            if pair.baseline is None:
                continue
            baseline, variant = Side(pair.baseline, arm), Side(pair.variant, arm)  # type: ignore[arg-type]  # a plain text
            case = Case(
                FACTORIZATIONS.name,
                name,
                baseline,
                variant,
                BATCH,
                "bf16",
                "nhwc",
                "bn_relu",
                "warm",
            )
            for side in (baseline, variant):
                yield f"{side.subject.name} · {arm} · b{BATCH}", (case, side)


def tiny_sides() -> dict[str, tuple[Case, Side]]:
    """One side that a CPU runs in milliseconds, for the same path."""
    side = Side(Subject("3x3", "conv3x3(inputs=8)", (8, 9, 9), takes_finish=True), "eager")
    case = Case("tiny", side.subject.name, side, side, 1, "fp32", "nhwc", "bn_relu", "warm")
    return {f"{side.subject.name} · eager · b1": (case, side)}


def missing(known: Mapping[str, Any]) -> int:
    """How many processes are still to be asked."""
    return max(0, PROCESSES - len(known.get("runs", ())))


def agree(
    known: Mapping[str, Any],
    end_s: float,
    keep: Callable[[dict[str, Any]], None],
    device: str = "cuda",
    wanted: Mapping[str, tuple[Case, Side]] | None = None,
) -> str:
    """Asks the processes that are missing until the time is over; why not all of them, else "".

    `keep` is given everything after each process.
    """
    runs = list(known.get("runs", ()))
    while len(runs) < PROCESSES:
        left_s = end_s - time.monotonic()
        if left_s < PROCESS_S:
            return f"no time was left for {PROCESSES - len(runs)} of {PROCESSES} processes"
        limit_s = min(left_s, LONGEST_S)
        runs.append(choices(wanted or dict(sides()), device=device, limit_s=limit_s))
        keep({"runs": runs, "batch": BATCH})
    return ""


def told(known: Mapping[str, Any]) -> str:
    """What the processes that were asked say, in a sentence for a document; "" if it is too few."""
    runs = known.get("runs", ())
    if len(runs) < PROCESSES:
        return ""
    other, failed = [], []
    for name in runs[0]:
        found = [run.get(name, "it was not asked for") for run in runs]
        if any(isinstance(one, str) for one in found):
            failed.append(name)
        elif not Agreement(tuple(tuple((k, c) for k, c in one) for one in found)).agree:
            other.append(name)
    asked = len(runs[0]) - len(failed)
    text = f"{SAID}, {len(runs)} of them, chose the same kernels in {asked - len(other)} of {asked}"
    text += " sides that were asked for"
    text += f", others in: {'; '.join(other)}" if other else ""
    text += f"; not told: {'; '.join(failed)}" if failed else ""
    return f"{text}."
