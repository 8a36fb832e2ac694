"""The page on measuring: how it is done, one result of a CPU, and the GPUs that were measured.

It measures nothing, and types no figure: limits come from the code, results from
`benchmarks/results/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.bench.correctness import FP32_TOLERANCE, UNIT_ROUNDOFF, tolerance_of
from costlab.bench.document import Measurements
from costlab.bench.inputs import CACHES
from costlab.bench.judging import FLOOR, WIDEST_SAME
from costlab.bench.mixed import SCALES
from costlab.bench.plan import Plan
from costlab.bench.roofs import beaten
from costlab.bench.studies import NETWORKS
from costlab.bench.turns import MOST_COPIES, SHARE
from costlab.cli import COULD_NOT_SAY, INTERRUPTED, TERMINATED
from costlab.render import markdown
from costlab.render.bench import bench_tables
from costlab.render.bench_columns import PAGE
from costlab.units import ratio
from docs import bench_studyfile
from docs.gpu_words import interval, name_of, points
from docs.parts import NOTICE, listed, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.bench.document import Measured

GPUS = Path(__file__).parents[1] / "benchmarks" / "results"
NOT_YET = (
    "**Not yet measured:** no GPU's results are in `benchmarks/results/`. On a machine with one, "
    "`make gpu MINUTES=8 OUT=benchmarks/results/NAME` measures, and `make docs` writes its page; "
    "nothing on these pages is said of a GPU until then."
)
ARMS = (
    ("eager", "the model as it is written, a kernel an operation", "CPU, GPU"),
    ("graph", "the same kernels, recorded as a CUDA graph and replayed", "GPU"),
    ("compile", "`torch.compile`, whose kernels take several element-wise operations", "CPU, GPU"),
    ("compile-autotune", "the same with `max-autotune-no-cudagraphs`: it tries kernels out", "GPU"),
    ("autotune-graph", "the same, recorded as a CUDA graph: what max-autotune itself does", "GPU"),
    ("cudnn-fused", "convolution, folded normalization, bias and ReLU in one kernel", "GPU"),
    ("ours", "kernels of costlab's own; what they decline, cuDNN runs, and it is said", "GPU"),
    ("best-blocks", "a network with each block in the fastest arm of four, as one graph", "GPU"),
)
OWN = (
    "`costlab bench MODEL`, as `costlab report` names it, times the whole model and each of its "
    "blocks. One input of float32, `-i f32[1,3,224,224]`, is made in the batches of the axis. "
    "Other inputs go in as they are and say their own batch: several, with names (`-i "
    "ids=i64[8,128] -i mask=bool[8,128]`), or what a function of yours returns (`--inputs-from "
    "inputs.py:make`). Tensors of floating point are filled with random numbers in each set that "
    "takes turns; whole numbers and truths are those that the function returned, and of a spec 0 "
    "and true. A model must give the same twice on the same input: one that does not, because a "
    "dropout is left on or something is drawn at random, cannot be checked and is told so."
)
REGENERATED = (
    "costlab bench factorizations --device cpu --quick --format "
    "json:benchmarks/results/bench_cpu.json"
)
"""What measures the results that the page shows, in the root of a checkout."""
CONTRASTED = (
    "`costlab bench compare A.json B.json` shows the cases that two documents have in common: "
    "each side's time in both, what each run says is saved and its verdict, and what stood "
    "around them: the noise of identical arms, the ceilings, the samples that do not count, and "
    "what was noted, such as a busy machine. A difference is called one only if its interval "
    "clears the noise of both runs together; of a time also how far its blocks of samples wandered "
    "within each run. On a CPU other threads make other cases. Times of two runs also differ by "
    "what the machine was doing; savings are of sides that were timed in turn."
)
QUICK = (
    "`--quick` takes a few cases of a study within a minute: what `costlab bench --list` counts. "
    "Of the networks that is {networks}, as they are written, without a compiler. It cannot wait "
    "until others are done: if they use cores of a CPU, it measures with so many threads fewer, "
    "at least one, and says so; `OMP_NUM_THREADS` sets another number. Ctrl-C and SIGTERM end a "
    "run within a moment, also while a kernel or a compiler runs, and what was measured is shown "
    "and kept."
)
ENDED = (
    f"{COULD_NOT_SAY} where a case could not be measured, time was left for only some of them, or "
    "an arm that `--arm` names cannot run on this device: what was measured is shown and kept all "
    "the same, and stderr says what is lacking. "
    f"{INTERRUPTED} is Ctrl-C and {TERMINATED} SIGTERM. 0 is for all that was asked for, whatever "
    "the verdicts; `costlab show` of the document is 0 too."
)
SHOWN = (
    "What all cases share stands in the title, with the threads of a CPU, as verdicts depend on "
    f"them. A page has {PAGE} columns where nothing else says so, as in a pipe: what can best be "
    "spared goes and is named, `COLUMNS=200` and wider terminals show more, and CSV has all."
)
PARTS = (
    ("multiply-adds", "mac", "the saving if time went by multiply-adds alone"),
    ("memory", "memory", "some convolutions wait for their bytes instead"),
    ("passes", "passes", "normalization, ReLU and the like as kernels of their own"),
    ("waves", "waves", "the last tiles of a kernel leave processors idle"),
    ("launch", "launch", "each kernel has to be launched"),
    ("rest", "residual", "all that is not modelled: how good each kernel is, above all"),
)


def page(results: Mapping[str, Any]) -> str:
    """The page as Markdown, with a document of measurements of a CPU."""
    found = Measurements.from_dict(results)
    parts = [
        "# What factorizing really saves, and how that is measured",
        NOTICE,
        (
            "`costlab bench` times a convolution against the factorization that replaces it, and "
            "says which part of the promised saving arrives and where the rest goes."
        ),
        "## GPUs",
        _gpus(),
        "## What is compared",
        _compared(),
        table(("arm", "what runs", "where"), ARMS, numeric_from=3),
        "## A study of your own",
        *bench_studyfile.told(),
        "## A model of your own",
        OWN,
        "## How",
        *_protocol(Plan()),
        "## A short look",
        QUICK.format(networks=listed(NETWORKS.quick.pairs)),
        "## What is shown, and exit codes",
        f"{SHOWN}\n\nThe exit code is {ENDED}",
        "## What a verdict means",
        _verdicts(),
        "## Why a saving is what it is",
        *_explained(found),
        "## Two runs",
        CONTRASTED,
        f"## On a CPU: {found.environment.get('cpu')}",
        (
            f"`{REGENERATED}`, through oneDNN. A CPU is no small GPU: this shows the method, and "
            "nothing of what a GPU does. That file has the raw samples; `costlab show` renders it."
        ),
        *(markdown.render(one).strip() for one in bench_tables(found)),
    ]
    return "\n\n".join(parts) + "\n"


def gpus(folder: Path = GPUS) -> list[Path]:
    """The folders of results of a GPU."""
    return sorted(one.parent for one in folder.glob("*/identical-arms.json"))


def _gpus() -> str:
    folders = gpus()
    if not folders:
        return NOT_YET
    return "\n".join(f"- [{folder.name}]({folder.name}.md)" for folder in folders)


def _compared() -> str:
    return (
        "A *pair* is two subjects on the same input, of which the second may replace the first: "
        "a 5×5 convolution and two 3×3, say, at the grids and widths of Inception-v3. Both sides "
        "of a case run in the same *arm*, batch, precision and layout, with the same batch "
        "normalization and ReLU. `costlab bench --list` lists the studies. Three *regimes* are "
        "never mixed: *cold*, where inputs and weights take turns, through buffers of "
        f"{CACHES} times the last-level cache together, so that none is still there; *warm*, where "
        "the same input comes again; *wall*, the host's time, launches included. The copies of the "
        f"weights may take 1/{SHARE} of the memory that is free, and are {MOST_COPIES} at most: "
        "else inputs alone take turns. Each side of a document says what did (`how`), and the "
        "notes under a table too. Outputs are written to where they were written before.\n\n"
        "A training step is a forward, a backward and a step of SGD with momentum. In bf16 and "
        "fp16 it runs under autocast: weights, gradients and momentum stay in float32; in fp16 the "
        f"loss is scaled by {SCALES['fp16']:g}, by a factor that stays. An inference in half "
        "precision has weights of that type."
    )


def _protocol(plan: Plan) -> list[str]:
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
            "their ratio is worth more than either time."
        ),
        (
            f"**Until it is known.** At least {plan.min_pairs} pairs, until the 95 % bootstrap "
            f"interval of the ratio reaches at most {100 * plan.half_width:g} % to either side, "
            f"or {plan.limit_s:g} s are over; which of the two is kept. The ratio is the geometric "
            "mean of the pairs, as its bootstrap interval is known to cover by simulation; medians "
            "in another order deny a verdict. `--quick` asks for less. Calls too slow for "
            f"{plan.fewest_pairs} pairs go on until they have them, where the run has the time."
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
            "processes had the cores, and the block is dropped."
        ),
        (
            "**Ceilings.** The rates that a roofline needs (matrix products by precision, a copy, "
            "a copy within the cache, a launch, a node of a graph) are measured in the same run, "
            "never taken from a datasheet. If a side beats its roof, they are measured once more; "
            "if it still does, nothing is said of what binds it or why it saves what it saves. A "
            "run that is resumed measures them, and the noise, anew."
        ),
        (
            "**Kernels.** Their names, calls and times come from a pass of the profiler; what is "
            "profiled is not timed. On a GPU, `make gpu` also asks three fresh processes which "
            "kernels they choose, and the document says where they differ."
        ),
    )
    return ["\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))]


def _verdicts() -> str:
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
                    "differs from itself by as much meanwhile; or there are too few pairs"
                ),
            ),
        ],
        numeric_from=2,
    ) + (
        f"\n\nThe noise floor is how far the interval of identical arms reaches, at least "
        f"{100 * FLOOR:g} %; it is one range, told once. The intervals are of the noise within a "
        "run: a machine that is busy otherwise may move another run out of them, and a side that "
        "drifts is named. No tail percentile is printed that the samples do not support."
    )


def _explained(found: Measurements) -> list[str]:
    parts = [
        (
            "The multiply-adds promise a saving; the clock shows another. The difference is told "
            "in parts, in percentage points of the baseline's time, that add up to the measured "
            "saving. Each comes of a roofline with one effect more than the one before it, from "
            "the ceilings of the same run; the rest is what was measured and not modelled. "
            "*Realised* is the saving in time over that in multiply-adds; what *binds* is the "
            "largest of arithmetic, memory, launches and idle processors."
        )
    ]
    example = next((case for case in found.cases if _is_told(case)), None)
    if example is None or example.explanation is None:
        return parts
    rows = [
        (title, points(getattr(example.explanation, part)), what) for title, part, what in PARTS
    ]
    rows.append(("**saving**", points(example.explanation.saving), _in_words(example)))
    return [
        *parts,
        f"For example `{example.key}`, on {name_of(found.environment)}:",
        table(("part", "points", "because"), rows, text_from=2),
    ]


def _is_told(case: Measured) -> bool:
    """Whether a case has a verdict, and so an explanation."""
    verdict = case.comparison.verdict if case.comparison else "AMBIGUOUS"
    return case.explanation is not None and verdict != "AMBIGUOUS" and not beaten(case)


def _in_words(case: Measured) -> str:
    realised = case.explanation.realised if case.explanation else None
    said = "" if realised is None else f"; realised {ratio(realised)}"
    return f"measured, {interval(case)}{said}"
