"""The page on measuring: how it is done, one result of a CPU, and the GPUs that were measured.

It measures nothing, and types no figure: limits come from the code, results from
`benchmarks/results/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.bench.allotment import UNSEEN_S
from costlab.bench.document import Measurements
from costlab.bench.inputs import CACHES
from costlab.bench.mixed import SCALES
from costlab.bench.plan import Plan
from costlab.bench.roofs import beaten
from costlab.bench.standards import NULL_SHARE
from costlab.bench.studies import BLOCKS, NETWORKS
from costlab.bench.turns import MOST_COPIES, MOST_SETS, SHARE
from costlab.cli import COULD_NOT_SAY, INTERRUPTED, TERMINATED
from costlab.cli.bench import QUICK_MINUTES
from costlab.render.bench_columns import PAGE
from costlab.units import ratio
from docs import bench_cpu, bench_method, bench_studyfile
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
QUICK = (
    "`--quick` takes a few cases of a study within a minute: what `costlab bench --list` counts, "
    "the cheapest first, and all of an arm before the next, so that what needs no compiler is "
    "there first. Of the networks that is {networks}, and of the blocks {blocks}, as they are "
    "written, without a compiler. It cannot wait until others are done: if they use cores of a "
    "CPU, it measures with so many threads fewer, at least one, and says so; `OMP_NUM_THREADS` "
    "sets another number. Of the {minutes:g} min that are left for it, {begun} included, identical "
    "arms get {null:g} % a time and are tried again in the first half only, and an arm that was "
    "not met before is begun while {unseen:g} s or a quarter are left: nobody knows how long a "
    "compiler takes. Ctrl-C and SIGTERM end a "
    "run within a moment, also while a kernel or a compiler runs, and what was measured is shown "
    "and kept."
)
ENDED = (
    f"{COULD_NOT_SAY} where a case could not be measured (it failed, or too few of its blocks "
    "count), time was left for only some of them, or an arm that `--arm` names cannot run on this "
    "device: what was measured is shown and kept all the same, and stderr says what is lacking. "
    f"{INTERRUPTED} is Ctrl-C and {TERMINATED} SIGTERM. 0 is for all that was asked for, whatever "
    "the verdicts; `costlab show` of the document is 0 too."
)
SHOWN = (
    "What all cases share stands in the title, with the threads of a CPU, as verdicts depend on "
    f"them. A page has {PAGE} columns where nothing else says so, as in a pipe: what can best be "
    "spared goes and is named, `COLUMNS=200` and wider terminals show more, and CSV has all. "
    "*Rate* and *bandwidth* are the FLOPs and the bytes of the operands, each read or written "
    "once, over the median; *gaps* is the time of a call in which no kernel ran, by the profiler; "
    "*power* is the median of what the device drew while both sides were timed in turn, which a "
    "sensor that averages over a second does not tell apart: *energy* is of each side alone, in a "
    "loop of its own. `--plot FILE.svg` draws the time of a call, with its interval, beside the "
    "multiply-adds, and what is saved of both."
)
PARTS = (
    ("multiply-adds", "mac", "the saving if time went by multiply-adds alone"),
    ("memory", "memory", "some convolutions wait for their bytes instead"),
    ("passes", "passes", "normalization, ReLU and the like as kernels of their own"),
    ("waves", "waves", "the last tiles of a kernel leave processors idle"),
    ("launch", "launch", "each kernel has to be launched"),
    ("rest", "residual", "all that is not modelled: how good each kernel is, above all"),
)


def page(results: Mapping[str, Any], folder: Path = GPUS) -> str:
    """The page as Markdown, with a document of measurements of a CPU, and others of a folder."""
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
        *bench_method.protocol(Plan()),
        "## Ceilings",
        bench_method.ceilings(),
        "## A short look",
        QUICK.format(
            networks=listed(NETWORKS.quick.pairs),
            blocks=listed(BLOCKS.quick.pairs),
            minutes=QUICK_MINUTES,
            begun="the import of torch",
            null=100 * NULL_SHARE,
            unseen=UNSEEN_S,
        ),
        "## What is shown, and exit codes",
        f"{SHOWN}\n\nThe exit code is {ENDED}",
        "## What a verdict means",
        bench_method.verdicts(),
        "## On a busy machine",
        bench_method.BUSY,
        "## Why a saving is what it is",
        *_explained(found),
        "## What binds",
        bench_method.bound(),
        "## A run that goes on",
        bench_method.RESUMED,
        "## Two runs",
        bench_method.contrasted(),
        *bench_cpu.told(folder, found),
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
        "normalization and ReLU. `costlab bench --list` lists the studies, and `costlab bench "
        "--list STUDY` the pairs of one, of a file's or a model's too, by the names that `--pair` "
        "takes. Three *regimes* are "
        "never mixed: *cold*, where inputs and weights take turns, through buffers of "
        f"{CACHES} times the last-level cache together, so that none is still there; *warm*, where "
        "the same input comes again; *wall*, the host's time, launches included. The copies of the "
        f"weights may take 1/{SHARE} of the memory that is free, and are {MOST_COPIES} at most: "
        f"else inputs alone take turns, in {MOST_SETS} sets at most, which such as are very small "
        "do not fill that much with. Each side of a document says what did (`how`), and the "
        "notes under a table too. Outputs are written to where they were written before.\n\n"
        "A training step is a forward, a backward and a step of SGD with momentum. In bf16 and "
        "fp16 it runs under autocast: weights, gradients and momentum stay in float32; in fp16 the "
        f"loss is scaled by {SCALES['fp16']:g}, by a factor that stays. An inference in half "
        "precision has weights of that type."
    )


def _explained(found: Measurements) -> list[str]:
    parts = [
        (
            "The multiply-adds promise a saving; the clock shows another. The difference is told "
            "in parts, in percentage points of the baseline's time, that add up to the measured "
            "saving. Each comes of a roofline with one effect more than the one before it, from "
            "the ceilings of the same run; the rest is what was measured and not modelled. "
            "*Realised* is the saving in time over that in multiply-adds. What has no verdict, or "
            "has a side above its roof, is not told in parts, and a line says how many those are; "
            "nor is one model in two arms, which saves no multiply-adds."
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
