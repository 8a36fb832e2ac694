"""The kernels of an arm as a fresh process chooses them, and whether several processes agree.

cuDNN and torch's compiler try kernels out when they first run, and time each but once or a few
times: another process may choose others. Run as `python -m costlab.bench.fresh`, it reads cases and
sides as JSON, and writes a line with the names of the kernels for each.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from costlab.bench.seams import ArmError
from costlab.bench.study import Case, Side, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Without them, the second process would read what the first has chosen.
NO_CACHES = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
CACHES = ("XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
"""What names the folders of caches: of our tilings, of Inductor and of Triton. Each process gets
empty ones of its own."""
LIMIT_S = 300.0
TOLD = 300


Kernels: TypeAlias = tuple[tuple[str, int], ...]
"""What one process ran: pairs of a kernel and its calls, in order of name."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The kernels that each process ran."""

    runs: tuple[Kernels, ...]

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
    wanted = {"side": (case, side or case.variant)}
    runs = []
    for _ in range(processes):
        found = choices(wanted, device=device, seed=seed, limit_s=limit_s)["side"]
        if isinstance(found, str):
            raise ArmError(found)
        runs.append(found)
    return Agreement(tuple(runs))


def choices(
    sides: Mapping[str, tuple[Case, Side]],
    *,
    device: str = "cuda",
    seed: int = 0,
    limit_s: float = LIMIT_S,
    run_by: Callable[[Sequence[str]], list[str]] = list,
) -> dict[str, Kernels | str]:
    """The kernels of sides, by name, as one fresh process chooses them; of a failed one, why.

    Of those that it did not come to before the limit, that is why. `run_by` makes of its command
    the one that runs it.
    """
    with tempfile.TemporaryDirectory(prefix="costlab-", ignore_cleanup_errors=True) as folder:
        caches = {name: os.path.join(folder, name.lower()) for name in CACHES}  # noqa: PTH118 - text
        return _choices(sides, device, seed, limit_s, run_by, {**NO_CACHES, **caches})


def _choices(
    sides: Mapping[str, tuple[Case, Side]],
    device: str,
    seed: int,
    limit_s: float,
    run_by: Callable[[Sequence[str]], list[str]],
    besides: Mapping[str, str],
) -> dict[str, Kernels | str]:
    asked = [
        {"case": asdict(case), "side": asdict(side), "device": device, "seed": seed}
        for case, side in sides.values()
    ]
    process = subprocess.Popen(  # noqa: S603 - this file, run by this Python
        run_by([sys.executable, "-m", "costlab.bench.fresh"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, **besides},
        start_new_session=True,
    )
    why = f"a fresh process took longer than {limit_s:.0f} s"
    try:
        output, errors = process.communicate(json.dumps(asked), timeout=max(limit_s, 0.01))
        lines = errors.strip().splitlines() or [f"exit code {process.returncode}"]
        why = f"a fresh process failed: {lines[-1][:TOLD]}"
    except subprocess.TimeoutExpired:
        _end(process)
        output, _ = process.communicate()
    except BaseException:
        _end(process)
        raise
    told = [json.loads(line) for line in output.splitlines() if line.endswith("]}")]
    found: dict[str, Kernels | str] = dict.fromkeys(sides, why)
    for name, one in zip(sides, told, strict=False):
        kernels = tuple((str(kernel), int(calls)) for kernel, calls in one["kernels"])
        found[name] = f"a fresh process failed: {one['error']}" if one["error"] else kernels
    return found


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a process that leads a session, and the compilers that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def read_side(data: Mapping[str, Any]) -> Side:
    """A side, as `dataclasses.asdict` and JSON left it."""
    subject = dict(data["subject"])
    subject.update({name: tuple(subject[name]) for name in ("shape", "inputs")})
    return Side(Subject(**subject), data["arm"])


def read_case(data: Mapping[str, Any]) -> Case:
    """A case, as `dataclasses.asdict` and JSON left it."""
    sides = {name: read_side(data[name]) for name in ("baseline", "variant")}
    return Case(**{**data, **sides})


def chosen(asked: Mapping[str, Any]) -> Sequence[tuple[str, int]]:
    """The kernels of what is asked for, by name, and the tilings that our own were given for it."""
    from costlab.bench.backends import choose
    from costlab.bench.kernels.tuning import SETTLED

    before = set(SETTLED)
    backend = choose(asked["device"])
    prepared = backend.prepare(read_side(asked["side"]), read_case(asked["case"]), asked["seed"])
    try:
        kernels, _ = backend.kernels(prepared)
    finally:
        prepared.close()
    tilings = [(f"{key}: {SETTLED[key]}", 1) for key in SETTLED if key not in before]
    return sorted([*((kernel.name, kernel.calls) for kernel in kernels), *tilings])


def answer(asked: Mapping[str, Any]) -> str:
    """The kernels of what is asked for as a line, or the error."""
    try:
        found: dict[str, Any] = {"error": "", "kernels": chosen(asked)}
    except Exception as error:  # noqa: BLE001 - an arm that fails leaves the others to be asked
        lines = str(error).strip().splitlines() or [type(error).__name__]
        found = {"error": lines[0][:TOLD], "kernels": []}
    return json.dumps(found)


if __name__ == "__main__":
    for one in json.loads(sys.stdin.read()):
        with redirect_stdout(sys.stderr):  # a user's model may print
            line = answer(one)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
