"""The kernels of an arm as a fresh process chooses them, and whether several processes agree.

cuDNN and torch's compiler try kernels out when they first run, and time each but once or a few
times: another process may choose others. Run as `python -m costlab.bench.fresh`, it reads a case
and a side as JSON, and writes the names of the kernels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from costlab.bench.seams import ArmError
from costlab.bench.study import Case, Side, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Without them, the second process would read what the first has chosen.
NO_CACHES = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
LIMIT_S = 300.0
TOLD = 300


@dataclass(frozen=True, slots=True)
class Agreement:
    """The kernels that each process ran, as pairs of a name and its calls, in order of name."""

    runs: tuple[tuple[tuple[str, int], ...], ...]

    @property
    def agree(self) -> bool:
        """Whether all processes ran the same kernels as often."""
        return len(set(self.runs)) <= 1


def agreement(
    case: Case,
    processes: int = 3,
    *,
    side: Side | None = None,
    device: str = "cuda",
    seed: int = 0,
    limit_s: float = LIMIT_S,
) -> Agreement:
    """The kernels of a side, by default the variant, in so many processes one after the other.

    Raises:
        ArmError: one of them failed or took longer than the limit; the message is its own.
    """
    asked = json.dumps(
        {"case": asdict(case), "side": asdict(side or case.variant), "device": device, "seed": seed}
    )
    return Agreement(tuple(_asked(asked, limit_s) for _ in range(processes)))


def _asked(asked: str, limit_s: float) -> tuple[tuple[str, int], ...]:
    command = [sys.executable, "-m", "costlab.bench.fresh"]
    try:
        done = subprocess.run(  # noqa: S603 - this very module, with this very Python
            command,
            input=asked,
            capture_output=True,
            text=True,
            timeout=limit_s,
            env={**os.environ, **NO_CACHES},
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"a fresh process took longer than {limit_s:.0f} s"
        raise ArmError(message) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        message = f"a fresh process failed: {lines[-1][:TOLD]}"
        raise ArmError(message)
    found = json.loads(done.stdout.splitlines()[-1])
    return tuple((str(name), int(calls)) for name, calls in found)


def read_side(data: Mapping[str, Any]) -> Side:
    """A side, as `dataclasses.asdict` and JSON left it."""
    subject = dict(data["subject"])
    subject["shape"] = tuple(subject["shape"])
    return Side(Subject(**subject), data["arm"])


def read_case(data: Mapping[str, Any]) -> Case:
    """A case, as `dataclasses.asdict` and JSON left it."""
    sides = {name: read_side(data[name]) for name in ("baseline", "variant")}
    return Case(**{**data, **sides})


def chosen(asked: str) -> Sequence[tuple[str, int]]:
    """The kernels of what is asked for, by name."""
    from costlab.bench.backends import choose

    data = json.loads(asked)
    backend = choose(data["device"])
    prepared = backend.prepare(read_side(data["side"]), read_case(data["case"]), data["seed"])
    try:
        kernels, _ = backend.kernels(prepared)
    finally:
        prepared.close()
    return sorted((kernel.name, kernel.calls) for kernel in kernels)


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # a user's model may print
        names = chosen(sys.stdin.read())
    sys.stdout.write(json.dumps(names) + "\n")
