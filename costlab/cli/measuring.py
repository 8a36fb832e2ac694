"""A study measured from the command line: its axes, the file it is kept in, and interruptions.

Knows neither devices nor tables.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from costlab.bench import crowd
from costlab.bench.document import Measurements
from costlab.bench.plan import QUICK, Plan
from costlab.bench.seams import Backend
from costlab.bench.study import ARMS, FINISHES, LAYOUTS, PRECISIONS, REGIMES, Axes, Study
from costlab.bench.studyvalues import LARGEST_BATCH
from costlab.cli import INTERRUPTED, TERMINATED
from costlab.cli.ending import overdue, terminable
from costlab.cli.lasting import Lasting
from costlab.cli.measurements import loaded
from costlab.cli.progress import bar
from costlab.cli.running import running
from costlab.cli.voice import Voice
from costlab.errors import UsageError, did_you_mean
from costlab.store import is_stream

THREADS = "OMP_NUM_THREADS"
PROPOSED = re.compile(r"costlab report(?= .+ --input )")
AROUND = 1 / 9
"""Of the time of a short look, what is for starting Python and for showing the result: it is over
within a minute of its command, torch's import and all."""
GONE_ON = "it cannot be gone on with; delete it, or give --out another file"
KNOWN: dict[str, tuple[str, tuple[str, ...]]] = {
    "precision": ("precisions", PRECISIONS),
    "layout": ("layouts", LAYOUTS),
    "finish": ("finishes", FINISHES),
    "regime": ("regimes", REGIMES),
    "arm": ("arms", ARMS),
}
"""The options that choose from an axis: its field, and the values that it may have."""
CUDA = ("tf32", "fp32")
"""Precisions that elsewhere there is one of, which a study's axes are then made to begin with."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks to measure."""

    study: str
    inputs: tuple[str, ...]
    inputs_from: str
    device: str
    axes: Mapping[str, tuple[str, ...]]
    quick: bool
    limit_s: float
    out: str | None
    resume: bool
    force: bool
    plot: str | None


def measure(
    asked: Asked, kept: str | None, voice: Voice, show: Callable[[Measurements, int], None]
) -> tuple[Measurements, int]:
    """What was measured, kept in a file after every case; and the exit code of an interruption.

    That is 0 if there was none, else 128 and the number of the signal, as a shell has it. `show` is
    given the same two where the process is to end at once, and ends when it has shown them.

    Raises:
        UsageError: the study, an axis, the device or the file cannot be used as it was given.
    """
    begun_s = time.monotonic()
    from costlab.bench.backends import choose
    from costlab.bench.request import Request
    from costlab.bench.runner import run
    from costlab.bench.studyfile import study_of

    known = earlier(asked, kept)
    with running(asked.study), _to_be_measured():
        study = study_of(asked.study, asked.inputs, asked.inputs_from)
    axes = axes_of(study, asked.axes, quick=asked.quick)
    threads, notes = threads_for(asked, known)
    with voice.step("import", "torch"):
        backend = choose(asked.device, threads)
    if "tf32" in axes.precisions and not asked.axes["precision"] and not on_cuda(backend):
        axes = replace(axes, precisions=("fp32", *(p for p in axes.precisions if p not in CUDA)))
    plan = QUICK if asked.quick else Plan()
    request = Request(
        study,
        axes,
        asked.limit_s,
        plan,
        force=asked.force,
        anew=asked.resume,
        notes=notes,
        spent_s=time.monotonic() - begun_s + AROUND * asked.limit_s if asked.quick else 0.0,
    )
    lasting = Lasting(kept, asked.limit_s, voice, show)
    # A compiler, or a model of the user's, does not ask what time it is.
    clock: AbstractContextManager[None]
    left_s = (1 + AROUND) * asked.limit_s - (time.monotonic() - begun_s)
    clock = overdue(max(left_s, 0.0), lasting.late) if asked.quick else nullcontext()
    with clock, terminable(lasting.last) as signals, lasting.around as around:
        watch = lasting.watched(around.enter_context(bar(voice)))
        around.enter_context(running(asked.study))
        outcome = run(request, backend, known=known, keep=lasting.keep, watch=watch)
    if not outcome.interrupted:
        return outcome.found, 0
    return outcome.found, TERMINATED if signals else INTERRUPTED


@contextmanager
def _to_be_measured() -> Iterator[None]:
    """Within it, a command that is proposed for a model that needs inputs measures it.

    Raises:
        UsageError: what was raised, with that command.
    """
    try:
        yield
    except UsageError as error:
        raise UsageError(PROPOSED.sub("costlab bench", str(error))) from error


def threads_for(asked: Asked, known: Measurements | None) -> tuple[int | None, tuple[str, ...]]:
    """The threads that a CPU is measured with, None for torch's own; and what is to be said of it.

    A short look cannot wait for neighbours to end, so that it leaves them the cores that they use.
    What goes on keeps the threads of what it goes on with; who sets them, is left alone.
    """
    cores = os.cpu_count() or 1
    if THREADS in os.environ or asked.device == "cuda" or not (asked.quick or known):
        return None, ()
    if known is not None:
        threads = known.environment.get("threads")
        return (threads if type(threads) is int and 1 <= threads <= cores else None), ()
    used = crowd.others()
    if used is None or (threads := crowd.threads_beside(used, cores)) == cores:
        return None, ()
    so_many = f"{threads} thread{'' if threads == 1 else 's'}"
    told = (
        f"Others use {used:.1f} of the {cores} cores: measured with {so_many}, so that none waits "
        f"for a core ({THREADS} sets another number)."
    )
    return threads, (told,)


def on_cuda(backend: Backend) -> bool:
    """Whether a backend is a GPU: only there calls can be recorded as a graph."""
    return "graph" in backend.arms()


def earlier(asked: Asked, kept: str | None) -> Measurements | None:
    """What the file holds that is to be gone on with; None if there is none yet.

    Raises:
        UsageError: there is no file to go on with, or one that was not to be replaced.
        DocumentError: the file holds no measurements that this version reads.
    """
    if asked.resume and kept is None:
        raise UsageError("--resume goes on with a file; name it with --out FILE")
    if kept is None or not Path(kept).exists() or is_stream(kept):
        return None
    if Path(kept).is_dir():
        raise UsageError(f"{kept} is a folder; name a file in it")
    if asked.resume:
        return loaded(kept, GONE_ON)
    if asked.out is not None:
        raise UsageError(
            f"{kept} is there already; --resume goes on with it, or give --out another file"
        )
    return None


def axes_of(study: Study, given: Mapping[str, tuple[str, ...]], *, quick: bool) -> Axes:
    """The axes of a study, with what the options choose.

    Raises:
        UsageError: an option names no value of its axis, or no pair of the study.
    """
    axes = study.quick if quick else study.axes
    chosen: dict[str, Any] = {}
    for option, (field, known) in KNOWN.items():
        values = _listed(option, given[option])
        for value in values:
            if value not in known:
                raise UsageError(
                    f"--{option} is {value!r}; it must be of {', '.join(known)}."
                    f"{did_you_mean(value, known)}"
                )
        if values:
            chosen[field] = values
    if given["batch"]:
        own = [pair.name for pair in study.pairs if pair.variant.has_own_batch]
        if len(own) == len(study.pairs):
            raise UsageError(
                f"--batch is for one input of float32; the inputs of {own[0]} say their own batch: "
                "change those, and leave --batch out"
            )
        chosen["batches"] = tuple(map(_batch, _listed("batch", given["batch"])))
    if given["pair"]:
        chosen["pairs"] = _pairs(study, given["pair"])
    return replace(axes, **chosen)


def _listed(option: str, given: tuple[str, ...]) -> tuple[str, ...]:
    """The values of a repeatable option, of which each may list several.

    >>> _listed("batch", ("1,32", "256"))
    ('1', '32', '256')
    """
    values = tuple(value.strip() for text in given for value in text.split(","))
    for value in values:
        if values.count(value) > 1:
            raise UsageError(f"--{option} names {value!r} twice")
    return values


def _batch(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LARGEST_BATCH):
        raise UsageError(
            f"--batch is {text!r}; it must be a number of images, 1 to {LARGEST_BATCH}"
        )
    return int(text)


def _pairs(study: Study, patterns: tuple[str, ...]) -> tuple[str, ...]:
    names = [pair.name for pair in study.pairs]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(
                f"--pair {pattern!r} is none of {study.name}.{did_you_mean(pattern, names)} "
                f"Pairs: {'; '.join(names)}"
            )
    return tuple(name for name in names if any(fnmatchcase(name, p) for p in patterns))
