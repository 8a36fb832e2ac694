"""A study measured from the command line: its axes, the file it is kept in, and interruptions.

Knows neither devices nor tables.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import FrameType
from typing import Any

from costlab.bench.document import Measurements
from costlab.bench.plan import QUICK, Plan
from costlab.bench.seams import Backend
from costlab.bench.study import ARMS, FINISHES, LAYOUTS, PRECISIONS, REGIMES, Axes, Study
from costlab.cli import INTERRUPTED
from costlab.cli.progress import bar
from costlab.cli.running import running
from costlab.cli.voice import Voice
from costlab.errors import DocumentError, UsageError, did_you_mean
from costlab.store import REMEDY, is_stream, load, save

TERMINATED = 128 + signal.SIGTERM
LARGEST_BATCH = 2**20
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
    device: str
    axes: Mapping[str, tuple[str, ...]]
    quick: bool
    limit_s: float
    out: str | None
    resume: bool
    force: bool
    plot: str | None


def measure(asked: Asked, kept: str | None, voice: Voice) -> tuple[Measurements, int]:
    """What was measured, kept in a file after every case; and the exit code of an interruption.

    That is 0 if there was none, else 128 and the number of the signal, as a shell has it.

    Raises:
        UsageError: the study, an axis, the device or the file cannot be used as it was given.
    """
    from costlab.bench.backends import choose
    from costlab.bench.runner import Request, run
    from costlab.bench.studyfile import study_of

    known = earlier(asked, kept)
    with running(asked.study):
        study = study_of(asked.study, asked.inputs)
    axes = axes_of(study, asked.axes, quick=asked.quick)
    with voice.step("import", "torch"):
        backend = choose(asked.device)
    if "tf32" in axes.precisions and not asked.axes["precision"] and not on_cuda(backend):
        axes = replace(axes, precisions=("fp32", *(p for p in axes.precisions if p not in CUDA)))
    plan = QUICK if asked.quick else Plan()
    request = Request(study, axes, asked.limit_s, plan, force=asked.force, anew=asked.resume)
    with bar(voice) as watch, terminable() as signals, running(asked.study):
        outcome = run(
            request,
            backend,
            known=known,
            keep=lambda found: save(found, kept) if kept else None,
            watch=watch,
        )
    if not outcome.interrupted:
        return outcome.found, 0
    return outcome.found, TERMINATED if signals else INTERRUPTED


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
        try:
            document = load(kept)
        except DocumentError as error:
            raise UsageError(
                f"{str(error).removesuffix(REMEDY).rstrip(' .')}: it cannot be gone on with; "
                "delete it, or give --out another file"
            ) from error
        if not isinstance(document, Measurements):
            raise UsageError(f"{kept} holds no measurements; give --out another file")
        return document
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


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end: as Ctrl-C does, and to be met in the same way."""


@contextmanager
def terminable() -> Iterator[list[int]]:
    """Within it SIGTERM raises `Terminated`, so that what was measured can be kept.

    What comes is a list, which then has the signal.
    """
    signals: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        signals.append(number)
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield signals
    finally:
        signal.signal(signal.SIGTERM, before)
