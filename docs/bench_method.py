"""The parts of the page on measuring that tell how it is done, and what its words mean.

They measure nothing, and type no figure: limits come from the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.bench.ceilings import BEYOND, LAUNCHES, ROUNDS, WITHIN
from costlab.bench.contrast import SPREADS
from costlab.bench.correctness import FP32_TOLERANCE, UNIT_ROUNDOFF, tolerance_of
from costlab.bench.harness import IN_A_ROW, SHORTEN_AFTER
from costlab.bench.judging import FLOOR, WIDEST_SAME
from costlab.bench.plan import QUICK
from costlab.bench.roofs import FAR, TOLERANCE
from costlab.bench.standards import CEILINGS_S, CEILINGS_SHARE
from docs.parts import table

if TYPE_CHECKING:
    from costlab.bench.plan import Plan

BUSY = (
    "Neighbours on a CPU are no noise that pairs cancel, so that blocks in which threads waited "
    "for a core are dropped, and no number is ever taken from them. A case of which fewer than two "
    "blocks are left has no row: it is measured again, in turn with others of its kind, as long as "
    "the run has time, and if that was in vain it is named, with the exit code that says so. Whole "
    "networks meet this first, as each of their samples is long. What helps: to wait until the "
    "others are done and go on with `--out FILE --resume`; or fewer threads (`OMP_NUM_THREADS=N`, "
    "in another file, as verdicts depend on them), so that a core is left and nobody waits. A run "
    "notes at its start that a machine is busy.\n\n"
    "If neighbours drown the identical arms, those are timed once more, where half of the run's "
    "time is left; if that is in vain too, "
    "the noise floor is not known. That is a warning, and verdicts then follow what each side "
    "shows against itself within its comparison."
)
RESUMED = (
    "`--out FILE` keeps everything after every case, and `--out FILE --resume` goes on: what was "
    "measured stays as it is, raw samples and verdict, and what is missing, or was drowned, is "
    "measured. Ceilings and identical arms are measured anew, as what they were then may not hold "
    "now; the document has those of each session (`sessions`), and each case the place of its own "
    "(`session`), by which it was judged and is shown. A note says so. It is refused if the study, "
    "the input, the device, torch or, on a CPU, the threads are others."
)


def protocol(plan: Plan) -> list[str]:
    """The steps of a measurement."""
    steps = (
        (
            "**Right before fast.** Each side is held against the same module in float64, on fresh "
            "inputs, its outputs filled with NaN before, both before and after it is timed. The "
            f"relative error may be {tolerance_of('bf16'):.2g} in bf16, {tolerance_of('tf32'):.2g} "
            f"in tf32 and fp16 (the unit roundoff {UNIT_ROUNDOFF['bf16']:.2g} or "
            f"{UNIT_ROUNDOFF['tf32']:.2g}, times the root of a depth of 256), and "
            f"{FP32_TOLERANCE:g} in fp32. A side that fails prints no speed."
        ),
        (
            "**Steady.** Compiling and trying kernels out come first; then both sides run in turn "
            f"until the clock (or else the times) drifts by less than {100 * plan.drift:g} %, for "
            f"at most {plan.warmup_s:g} s, which is said."
        ),
        (
            "**In turn.** Samples come in blocks ABBA or BAAB, in random order, each of at least "
            f"{plan.sample_s * 1000:g} ms of calls in a row. What drifts meets both sides, so that "
            "their ratio is worth more than either time. Where other processes take the cores, "
            f"{SHORTEN_AFTER} blocks in a row, samples become half as long, down to "
            f"{plan.shortest_sample_s * 1000:g} ms: what fits between two turns of theirs is whole."
        ),
        (
            f"**Until it is known.** At least {plan.min_pairs} pairs over {plan.span_s:g} s, until "
            "the 95 % bootstrap interval of the ratio reaches at most "
            f"{100 * plan.half_width:g} % to either side, or {plan.limit_s:g} s are over; which of "
            "the two is kept. The ratio is the geometric mean of the pairs, and its interval is "
            "wider where neighbouring blocks agree. That it covers is shown by simulation, under "
            "noise of many shapes, bursts and drift. `--quick` asks for less: "
            f"{QUICK.min_pairs} pairs over {QUICK.span_s:g} s, {100 * QUICK.half_width:g} %, "
            f"{QUICK.limit_s:g} s. Calls too slow for {plan.fewest_pairs} pairs go on until they "
            "have them, where the run has the time."
        ),
        (
            "**Clocks.** They are read with every sample where the device tells, and never set. A "
            "block is dropped if the device held its clock down for a reason that the plan does "
            f"not tolerate, or under {100 * plan.clock_share:g} % of base; its samples stay in the "
            "document (`dropped` are their places), and count neither in a median nor in a ratio. "
            f"What is tolerated is the {' and the '.join(plan.tolerated)}: under load a large GPU "
            "always runs at it, and both sides meet it in turn. The plan stands in the document."
        ),
        (
            "**Noise.** An arm is compared with itself in the same run: what that shows is noise, "
            "and less than it is never called a difference. As noise comes in bursts, each side is "
            "also held against itself within the blocks of each comparison, and what that shows is "
            "not called a difference there either. On Linux the time is read that threads waited "
            f"for a core: if it is more than {100 * plan.waited_share:g} % of a sample, other "
            "processes had the cores, and the block is dropped; if one side waited longer than the "
            "other in what is left, that much is no difference."
        ),
        (
            "**No compiler.** A block during which torch's compiler made a graph is dropped. A "
            f"side of which {IN_A_ROW} samples in a row are of that kind has no speed: it is "
            "compiled anew in each call, and its error names the guard that no longer held."
        ),
        (
            "**Kernels.** Their names, calls and times come from a pass of the profiler; what is "
            "profiled is not timed. On a GPU they are what ran on the device. On a CPU they are "
            "the operations that compute, by torch's dispatcher (a view writes nothing, and what "
            "is made of others has no kernel of its own), and the loops that the compiler wrote. "
            "On a GPU, `make gpu` also asks three fresh processes which kernels they choose, and "
            "the document says where they differ. Of a kernel that is its name, its calls and its "
            "time; grids, registers and shared memory are not read. *Gaps* is what of a call no "
            "kernel ran in."
        ),
        (
            "**Flags.** A case sets torch's flags on rounding and on how cuDNN chooses, reads them "
            "back while both sides are ready, and has them in its `flags`; those from before come "
            "back afterwards, and stand in the document as `flags_before`. A side that sets one of "
            "them while it is timed is named."
        ),
        (
            "**Power.** The clock and the power are read after each sample, by the host and not in "
            "the kernel: a sample of milliseconds is timed by events of the device, a kernel's own "
            "clock is not read. `power_w` of a case is the median of both sides, as NVML tells the "
            "mean of the last second (nvmlDeviceGetPowerUsage, from Ampere on). `energy_j` of a "
            f"side is the difference of the device's counter over {plan.energy_s:g} s of its calls "
            "in a row, by the call; `--quick` leaves that out. "
            f"A GPU used by others is refused, or measured with `--force` and noted; on a CPU the "
            "load is noted, forced or not."
        ),
    )
    return ["\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))]


def ceilings() -> str:
    """How the rates of a roofline are measured, and when they are measured again."""
    return (
        "The rates that a roofline needs are measured in the same run, never taken from a "
        "datasheet: square matrix products of several sizes in each precision (on a CPU a "
        "convolution too, as other code runs it), a copy of at least "
        f"{BEYOND} times the last-level cache, where memory has room for it, a copy within the "
        f"cache, from 1/{WITHIN} of it to another, a launch, of {LAUNCHES} in a row, and a node "
        f"of a CUDA graph. All of them are taken {ROUNDS} times in turn, where there is time for "
        "it, and of each the best is kept, as whatever else happens only takes time, and a burst "
        "of it outlasts tries in a row. They "
        f"get 1/{1 / CEILINGS_SHARE:g} of the run's time, {CEILINGS_S:g} s at most.\n\n"
        f"If a copy within the cache comes out more than {100 * TOLERANCE:g} % slower than one "
        "through memory, or a side beats its roof, they are measured once more, and the better of "
        "both hold for all cases of that session. What is still odd then is a warning, and a side "
        "above its roof has no word on what binds it, and no parts of its saving."
    )


def verdicts() -> str:
    """What each verdict takes."""
    return table(
        ("verdict", "what it takes"),
        [
            ("FASTER, SLOWER", "the whole interval lies beyond the noise floor"),
            (
                "SAME",
                f"the whole interval lies within it, and within ±{100 * WIDEST_SAME:g} % anyway",
            ),
            (
                "AMBIGUOUS",
                (
                    "neither; or the cycles (time × clock) or the medians say otherwise; or a side "
                    "differs from itself by as much meanwhile, or waited as much longer for a "
                    "core; or the ratio drifted by as much from first to last; or there are too "
                    "few pairs"
                ),
            ),
        ],
        numeric_from=2,
    ) + (
        f"\n\nThe noise floor is how far the interval of identical arms reaches, at least "
        f"{100 * FLOOR:g} %; it is one range, told once. The intervals are of the noise within a "
        "run: a machine that is busy otherwise may move another run out of them, and a side that "
        "drifts is named. What disturbs one side alone, and for longer than its comparison takes, "
        "looks like a difference to any statistic of these samples: only another run tells it. "
        "No tail percentile is printed that the samples do not support."
    )


def bound() -> str:
    """What may stand under "bound by", and when nothing does."""
    rows = [
        ("compute", "products whose arithmetic takes longer than their bytes"),
        (
            "memory",
            (
                "products that wait for their bytes, and passes (normalization, pooling, a table "
                "that is looked up), which do little else"
            ),
        ),
        ("launch", "launching the kernels: on a GPU what of it the device has to wait for"),
        (
            "parallelism",
            (
                "processors left without a tile of work; on one processor, and of results of few "
                "rows, tiles are not counted"
            ),
        ),
        (
            "none",
            (
                f"all that is modelled comes to less than {100 * FAR:g} % of the time that was "
                "measured: its largest part does not say what took it"
            ),
        ),
    ]
    return (
        "*Bound by* is the largest part of what the roofline predicts for a side:\n\n"
        + table(("bound by", "what takes longest"), rows, numeric_from=2)
        + "\n\n"
        "A side that ran above its roof says so in place of a word, and nothing is said in a "
        "precision without a ceiling, or where the ceilings could not be measured. *Of roof* is "
        "the time of the products at their "
        "roof over the median; of a side without products (an embedding, a pooling, a stack of "
        "normalizations) it is the time of its bytes: what its first pass reads at the rate of a "
        "copy, and the rest too, or at that of a copy within the cache if all of it fits there; in "
        "the regime warm that holds for what is read as well. Of a table one row is counted, since "
        "shapes do not tell how many of the indices name the same."
    )


def contrasted() -> str:
    """What `costlab bench compare` shows, and what it calls a difference."""
    return (
        "`costlab bench compare A.json B.json` shows the cases that two documents have in common: "
        "each side's time in both, what each run says is saved and its verdict, and what stood "
        "around them: the noise of identical arms, the ceilings, the samples that do not count, "
        "and what was noted, such as a busy machine. A time, or a saving, is *less*, *more*, or "
        "*within the noise*: the first two only if the interval of the difference clears the noise "
        "floors of both runs, added (where a run has none, the least one stands for it); of a time "
        f"also {SPREADS} standard deviations of its blocks of samples, of both runs together. A "
        "case that failed or was drowned in either is none of those. On a CPU other threads make "
        "other cases. Times of two runs also differ by what the machine was doing; savings are of "
        "sides that were timed in turn."
    )
