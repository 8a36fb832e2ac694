"""What a GPU study found so far, in at most sixty lines; everything is in the documents.

Knows no device and no processes.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks import _gpu_agreement, _gpu_counters
from benchmarks._gpu_files import REFERENCE, floor_of
from benchmarks._gpu_parts import AGREEMENT, CHECKS, COUNTERS, TUNED
from costlab.bench.study import without_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks._gpu_files import Folder
    from benchmarks._gpu_parts import Part
    from costlab.bench.document import Measured, Measurements

MOST_LINES = 60
SHOWN = (
    ("graph", 1, "bf16"),
    ("graph", 32, "bf16"),
    ("graph", 256, "bf16"),
    ("cudnn-fused", 32, "bf16"),
    ("cudnn-fused", 256, "bf16"),
    ("ours", 32, "bf16"),
    ("ours", 256, "bf16"),
    ("compile", 256, "bf16"),
    ("eager", 256, "bf16"),
    ("graph", 256, "tf32"),
)
"""Of factorizations: the arms, batches and precisions that a line has room for; those of them that
were measured are shown. If none was, the first that were."""
MOST_COLUMNS = len(SHOWN)
MINUTE_S = 60


def summary(
    folder: Folder,
    parts: Sequence[Part],
    said: Sequence[str],
    took_s: float,
    *,
    tiny: bool = False,
) -> str:
    """The summary as text."""
    documents: dict[str, Measurements] = {}
    for study in [study.name for part in parts for study in part.studies]:
        found = folder.document(study)
        if found is not None:
            documents[study] = found
    lines = ["", f"GPU study, {took_s / MINUTE_S:.1f} min; results in {folder.path}"]
    lines += [f"! {one}" for one in said]
    lines += _progress(folder, parts, documents, tiny=tiny)
    lines += _machine(folder, documents)
    lines += _factorizations(documents)
    lines += _whole(documents)
    sizes = folder.sizes()
    cases = sum(count for _, count in sizes.values())
    taken = sum(size for size, _ in sizes.values())
    end = f"{taken / 1e6:.2f} MB for {cases} cases" + (
        f", {taken / cases / 1000:.1f} kB a case" if cases else ""
    )
    room = MOST_LINES - 1
    if len(lines) > room:
        lines = [*lines[: room - 1], f"… {len(lines) - room + 1} lines more: costlab show FILE"]
    return "\n".join([*lines, end])


def _progress(
    folder: Folder, parts: Sequence[Part], documents: Mapping[str, Measurements], *, tiny: bool
) -> Iterator[str]:
    arms = folder.record().get("arms")
    for part in parts:
        if part.number == CHECKS:
            found = folder.record().get("correctness")
            yield f"part 1: {_checked(found)}"
        elif part.number == COUNTERS:
            missing, sides = len(_gpu_counters.missing(folder.counted())), _gpu_counters.sides()
            yield f"part {COUNTERS}: {len(list(sides)) - missing} sides counted, {missing} left"
        elif part.number in {AGREEMENT, TUNED}:
            for one in _gpu_agreement.questions(part.number, tiny=tiny):
                missing = _gpu_agreement.missing(folder.agreed(), one)
                told = _gpu_agreement.told(folder.agreed(), one)
                left = f"{missing} fresh processes left ({one.name})"
                yield f"part {part.number}: {told or left}"
        else:
            wanted = {(s.study.name, case.key) for s in part.slices for case in s.cases(arms)}
            known = {
                (name, without_threads(case.key))
                for name, one in documents.items()
                for case in one.cases
            }
            wrong = [
                case
                for name, one in documents.items()
                for case in one.cases
                if case.error and (name, without_threads(case.key)) in wanted
            ]
            errors = f", {len(wrong)} of them failed" if wrong else ""
            yield (
                f"part {part.number}: {len(wanted & known)} of {len(wanted)} cases measured{errors}"
            )
            yield from (f"  failed: {case.key}: {case.error}" for case in wrong[:2])


def _checked(found: Mapping[str, object] | None) -> str:
    if found is None:
        return "the tests were not run yet"
    if found.get("why"):
        return f"the tests were not run: {found['why']}, NOT SOUND"
    counts = ", ".join(f"{found[name]} {name}" for name in ("passed", "failed", "skipped"))
    return f"tests: {counts}{'' if found['sound'] else ', NOT SOUND'}"


def _machine(folder: Folder, documents: Mapping[str, Measurements]) -> Iterator[str]:
    del folder
    found = documents.get(REFERENCE)
    if found is None:
        return
    environment = found.environment
    device = environment.get("gpu") or environment.get("cpu")
    yield f"{device}, driver {environment.get('driver')}, torch {environment.get('torch')}"
    if found.ceilings is not None:
        rates = [f"{name} {rate / 1e12:.3g}" for name, rate in found.ceilings.flops_per_s.items()]
        yield (
            f"TFLOP/s: {', '.join(rates)}; copy {found.ceilings.copy_bytes_per_s / 1e9:.0f} GB/s, "
            f"cache {found.ceilings.cache_bytes_per_s / 1e9:.0f} GB/s; "
            f"launch {found.ceilings.launch_s * 1e6:.2f} µs"
        )
    widest = floor_of(found)
    if widest is not None:
        yield f"identical arms differ by at most {max(widest.high, 1 / widest.low) - 1:.2%}"


def _factorizations(documents: Mapping[str, Measurements]) -> Iterator[str]:
    """A line a pair: the saving by multiply-adds, and in time by arm, batch and precision."""
    cases = [
        case
        for name in ("factorizations", "grid-reduction")
        if name in documents
        for case in documents[name].cases
        if (case.layout, case.regime) == ("nhwc", "cold") and case.baseline.arm == case.variant.arm
    ]
    if not cases:
        return
    measured = dict.fromkeys(map(_column, cases))
    columns = [one for one in SHOWN if one in measured] or list(measured)[:MOST_COLUMNS]
    yield ""
    yield "saving, % (F faster, S slower, = same, ? ambiguous)"
    yield f"{'':40}{'MAC':>5}" + "".join(f"{_head(*one):>{_wide(one)}}" for one in columns)
    for pair in dict.fromkeys(case.pair for case in cases):
        own = [case for case in cases if case.pair == pair]
        macs = next((1 - c.variant.macs / c.baseline.macs for c in own if c.baseline.macs), None)
        mac = "" if macs is None else f"{100 * macs:.0f}"
        cells = {one: next((_cell(c) for c in own if _column(c) == one), "") for one in columns}
        yield f"{pair[:39]:40}{mac:>5}" + "".join(
            f"{cell:>{_wide(one)}}" for one, cell in cells.items()
        )


def _column(case: Measured) -> tuple[str, int, str]:
    return case.variant.arm, case.batch, case.precision


def _head(arm: str, batch: int, precision: str) -> str:
    """The arm and batch; of another precision than most, that too."""
    short = arm.replace("cudnn-", "")
    return f"{short} b{batch}" if precision == "bf16" else f"{short} {precision} b{batch}"


def _wide(column: tuple[str, int, str]) -> int:
    """Room for the head, and for the longest cell."""
    return 2 + max(len(_head(*column)), len("+100 F"))


def _cell(case: Measured) -> str:
    comparison = case.comparison
    if comparison is None:
        return "error"
    mark = {"FASTER": "F", "SLOWER": "S", "SAME": "=", "AMBIGUOUS": "?"}
    return f"{100 * (1 - comparison.ratio):+.0f} {mark[comparison.verdict]}"


def _whole(documents: Mapping[str, Measurements]) -> Iterator[str]:
    """A line a network: milliseconds by arm and batch."""
    found = documents.get("networks")
    if found is None:
        return
    times: dict[str, dict[str, float]] = {}
    for case in found.cases:
        for side in (case.baseline, case.variant):
            if side.samples_s and not case.error:
                name = f"{side.arm} b{case.batch}"
                times.setdefault(case.pair, {})[name] = 1e3 * median(side.counted_s)
    if times:
        yield ""
        yield "ms a batch"
    for pair, of in times.items():
        yield f"{pair:36}" + "; ".join(f"{name} {ms:.3g}" for name, ms in of.items())
