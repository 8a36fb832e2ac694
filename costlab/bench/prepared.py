"""A side of a case made ready on a device: built, filled, compiled, checked, called.

It knows neither how anything is timed, nor what is asked of the device otherwise.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from costlab.bench.arms import attempted, begin_of, free, function_of, unavailable
from costlab.bench.calls import Forward, Rotating, Step
from costlab.bench.correctness import judge, oracle, poison, result_of, tolerance_of
from costlab.bench.document import Correctness
from costlab.bench.graphs import Captured
from costlab.bench.inputs import Rotation, memory_format, sets_for
from costlab.bench.precision import applied, flags_of
from costlab.bench.seams import ArmError
from costlab.bench.study import DTYPES
from costlab.bench.subjects import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from costlab.bench.calls import Calls
    from costlab.bench.study import Arm, Case, Precision, Side

# Calls before the first check: what is compiled, tried out or set up, is so after these.
FIRST_CALLS = 2
UNSUPPORTED = {
    ("cpu", "tf32"): "tf32 is how a GPU's matrix units round float32; a CPU has fp32 and bf16",
}


@dataclass(slots=True)
class Held:
    """The precision that torch is in, for as long as a prepared side needs it.

    The sides of a case share theirs. The flags from before come back when the last is closed.
    """

    users: int = 0
    precision: Precision | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    def take(self, precision: Precision) -> None:
        """Sets a precision's flags, or raises nothing and keeps them if they are set."""
        self.users += 1
        if precision != self.precision:
            self.stack.close()
            self.stack.enter_context(applied(flags_of(precision)))
            self.precision = precision

    def give_back(self) -> None:
        """Puts the flags back after the last user."""
        self.users -= 1
        if not self.users:
            self.precision = None
            self.stack.close()


@dataclass(frozen=True, slots=True)
class Where:
    """A device, the size of its last-level cache, and the flags that its sides hold."""

    device: torch.device
    cache_bytes: int
    held: Held = field(default_factory=Held)


class Ready:
    """A side that is ready to run; `call` is also how often in a row it likes to be, `repeat`."""

    def __init__(self, side: Side, case: Case, seed: int, where: Where) -> None:
        self.arm: Arm = side.arm
        self.precision: Precision = case.precision
        self.where = where
        self.training = side.subject.training
        self._open = True
        where.held.take(case.precision)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's compiler warns of parts of its own
                self._make(side, case, seed)
        except BaseException:
            self.close()
            raise

    def _make(self, side: Side, case: Case, seed: int) -> None:
        built = build(side.subject, case.finish, case.batch, seed)
        dtype: torch.dtype = getattr(torch, DTYPES[case.precision])
        device = self.where.device
        self.module: nn.Module = built.module.to(device=device, dtype=dtype)
        with torch.no_grad():
            for tensor in (*self.module.parameters(), *self.module.buffers()):
                kept = memory_format(case.layout, tensor.dim())
                tensor.data = tensor.data.contiguous(memory_format=kept)
        generator = torch.Generator().manual_seed(seed)
        one = Rotation(
            built.example, 1, dtype=dtype, device=device, layout=case.layout, generator=generator
        )
        sets = sets_for(one.bytes, self.where.cache_bytes, case.regime)
        self.inputs = (
            one
            if sets == 1
            else Rotation(
                built.example,
                sets,
                dtype=dtype,
                device=device,
                layout=case.layout,
                generator=generator,
            )
        )
        function = function_of(self.arm, self.module, self.inputs.at(0))
        work = (Step if self.training else Forward)(function, self.module)
        rotating = Rotating(work, self.inputs, begin_of(self.arm))
        for _ in range(FIRST_CALLS):
            rotating.first()
        self._peak_bytes = self._peak_of(rotating)
        self._calls: Calls | None = rotating
        if self.arm == "graph":
            self._calls = Captured(work, self.inputs)

    @property
    def call(self) -> Calls:
        """Runs once when it is called, on the next of the rotating inputs."""
        if self._calls is None:
            raise ArmError("a side that was closed is called")
        return self._calls

    def check(self) -> Correctness:
        """The error against a float64 oracle, on fresh inputs, with outputs poisoned before.

        Raises:
            ArmError: the outputs are wrong, or an element was not written.
        """
        return attempted(f"the check of {self.arm}", self._check)

    def _check(self) -> Correctness:
        poisoned = poison(self.call.first())
        self.inputs.refill(0, anew=True)
        args, kwargs = torch.utils._pytree.tree_map(_copy, self.inputs.at(0))  # noqa: SLF001 - see `inputs`
        reference = oracle(self.module, (args, kwargs), training=self.training)
        plain = None
        if self.training:
            plain = result_of(self.module, (args, kwargs), training=True)
        judged = judge(self.call.first(), reference, tolerance_of(self.precision), plain)
        return Correctness(judged.error, None, judged.tolerance, poisoned)

    @property
    def peak_bytes(self) -> int | None:
        """The most memory that a call took beyond weights and inputs, None on a CPU."""
        return self._peak_bytes

    def _peak_of(self, calls: Calls) -> int | None:
        if self.where.device.type != "cuda":
            return None
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        calls.repeat(1)
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before

    def close(self) -> None:
        """Gives back memory, compiled code and flags; a second time it does nothing."""
        if not self._open:
            return
        self._open = False
        self._calls = None
        for name in ("module", "inputs"):
            self.__dict__.pop(name, None)
        self.where.held.give_back()
        if not self.where.held.users and self.arm.startswith("compile"):
            torch.compiler.reset()  # else each later call would look through all that was compiled
        free()


def prepare(side: Side, case: Case, seed: int, where: Where) -> Ready:
    """A side of a case, ready to run on a device.

    Raises:
        ArmError: it is not available there, does not compile, or does not fit.
    """
    why = unavailable(side.arm, where.device)
    why = why or UNSUPPORTED.get((where.device.type, case.precision), "")
    if why:
        raise ArmError(why)
    make: Callable[[], Ready] = lambda: Ready(side, case, seed, where)  # noqa: E731 - typed
    return attempted(side.arm, make)


def _copy(leaf: object) -> object:
    return leaf.clone() if isinstance(leaf, torch.Tensor) else leaf
