"""One counter on every case, each in a process of its own that is forked from one that is ready.

Some counters leave torch patched when a forward fails, and are wrong from then on: so none is given
a second case in the same process. Writes a line of JSON a case.

    python benchmarks/_scoreboard_side.py COUNTER SECONDS
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import select
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for benchmarks and tests

import torch

from benchmarks._networks import torchvision_models
from benchmarks._scoreboard_counters import COUNTERS
from benchmarks._scoreboard_models import models
from tests.ops.single_operations import CASES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    Ready = Callable[[], tuple[nn.Module, Any]]

FEWEST, MOST, ENOUGH_S = 3, 30, 0.5
"""How often a counter is asked of a case: the first time is cold, and told apart."""
KIB = 1024
LONGEST = 200


def cases() -> Iterator[tuple[str, str, Ready]]:
    """Each case: its group, its name, and what makes its model and inputs."""
    for case in CASES:
        yield "operations", case.name, case.build
    for model in models():
        yield "models", model.name, model.ready


def asked(counter: str, ready: Ready) -> dict[str, Any]:
    """What a counter says of a case, how long it took, and the memory that it took above before.

    Units: `took_s` seconds of each time; `peak_bytes` bytes.
    """
    built, args = ready()
    model = built.eval()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took: list[float] = []
    counted = None
    while len(took) < FEWEST or (len(took) < MOST and sum(took) < ENOUGH_S):
        start = time.perf_counter()
        counted = COUNTERS[counter].ask(model, args)
        took.append(time.perf_counter() - start)
    assert counted is not None  # noqa: S101 - for the type checker
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "macs": counted.macs,
        "named": counted.named,
        "took_s": took,
        "peak_bytes": peak * KIB,
    }


def apart(counter: str, ready: Ready, limit_s: float) -> dict[str, Any]:
    """The same in a forked process; its error, or that it ran out of time, is told."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            try:
                told = asked(counter, ready)
            except BaseException as error:  # noqa: BLE001 - a crash is a result
                told = {"error": _said(error)}
        os.write(write, json.dumps(told).encode())
        os._exit(0)
    os.close(write)
    said = b""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if select.select([read], [], [], max(0, end - time.monotonic()))[0]:
            got = os.read(read, 1 << 16)
            if not got:
                break
            said += got
    else:
        os.kill(child, signal.SIGKILL)
        said = json.dumps({"error": f"not done in {limit_s:g} s"}).encode()
    os.close(read)
    os.waitpid(child, 0)
    found: dict[str, Any] = json.loads(said or b'{"error": "the process died"}')
    return found


def within(counter: str, ready: Ready, limit_s: float) -> dict[str, Any]:
    """The same in this process, for a counter that does not run in a forked one."""

    def late(_number: int, _frame: object) -> None:
        raise TimeoutError(f"not done in {limit_s:g} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(int(limit_s))
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return asked(counter, ready)
    except Exception as error:  # noqa: BLE001 - a crash is a result
        return {"error": _said(error)}
    finally:
        signal.alarm(0)


def _said(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {text}"[:LONGEST]


def main(counter: str, limit_s: float) -> None:
    """A line a case."""
    torch.set_num_threads(1)  # a forked process has none of its parent's threads
    warnings.simplefilter("ignore")
    torchvision_models()  # before a counter imports torchvision by itself
    with contextlib.suppress(Exception):
        # Imported once, here: a counter whose import fails says so in every case.
        COUNTERS[counter].ask(torch.nn.Linear(1, 1), (torch.ones(1, 1),))
    for group, name, ready in cases():
        how = apart if COUNTERS[counter].forks else within
        told = how(counter, ready, limit_s)
        print(json.dumps({"group": group, "case": name, **told}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
