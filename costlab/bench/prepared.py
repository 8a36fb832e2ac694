"""A side of a case made ready on a device: built, filled, compiled, checked, called.

It knows neither how anything is timed, nor what is asked of the device otherwise.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from costlab.bench.arms import (
    COMPILING,
    COPIED,
    attempted,
    elsewhere,
    free,
    function_of,
    graphs_compiled,
    tuned,
    unavailable,
)
from costlab.bench.calls import Forward, Rotating, Step
from costlab.bench.correctness import (
    judge,
    oracle,
    poison,
    refuse_random,
    result_of,
    tolerance_of,
)
from costlab.bench.document import Correctness
from costlab.bench.environment import free_bytes
from costlab.bench.graphs import Captured
from costlab.bench.inputs import Rotation, memory_format
from costlab.bench.mixed import mixed_of
from costlab.bench.precision import applied, flags_of, recorded
from costlab.bench.roofline import GRAPHED
from costlab.bench.seams import ArmError
from costlab.bench.subjects import build
from costlab.bench.turns import Turns, copies_of, turns_of, weights_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

    from costlab.bench.calls import Calls, Work
    from costlab.bench.seams import Compiled
    from costlab.bench.study import Arm, Case, Precision, Side

AGAIN = "each copy of the weights would be compiled anew"
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
        device = self.where.device
        self.mixed = mixed_of(case.precision, device.type, training=self.training)
        self.module: nn.Module = built.module.to(device=device, dtype=self.mixed.stored)
        with torch.no_grad():
            for tensor in (*self.module.parameters(), *self.module.buffers()):
                kept = memory_format(case.layout, tensor.dim())
                tensor.data = tensor.data.contiguous(memory_format=kept)
        generator = torch.Generator().manual_seed(seed)

        def rotation(sets: int) -> Rotation:
            return Rotation(
                built.example,
                sets,
                dtype=self.mixed.stored,
                device=device,
                layout=case.layout,
                generator=generator,
            )

        one = rotation(1)
        turns, works = self._turns(one, case)
        self.inputs = one if turns.sets == 1 else rotation(turns.sets)
        rotating = Rotating(works, self.inputs)
        for _ in range(FIRST_CALLS):
            rotating.first()
        self._peak_bytes = self._peak_of(rotating)
        self._calls: Calls | None = rotating
        if self.arm in GRAPHED:
            self._calls = Captured(works, self.inputs)
        said = {
            "rotates": turns.told,
            "precision": self.mixed.told,
            "elsewhere": "; ".join(elsewhere(works[0].function)),
            "tuned": tuned(works[0].function),
        }
        self.how: Mapping[str, str] = {name: text for name, text in said.items() if text}

    def _turns(self, one: Rotation, case: Case) -> tuple[Turns, list[Work]]:
        """What takes turns, and the work of each copy of the module, on inputs to begin with."""

        def turns(fixed: str) -> Turns:
            return turns_of(
                one.bytes,
                weights_of(self.module),
                cache_bytes=self.where.cache_bytes,
                room_bytes=free_bytes(self.where.device),
                regime=case.regime,
                training=self.training,
                fixed=fixed,
            )

        found = turns("")
        if found.modules > 1 and self.arm in COMPILING:
            # What is compiled serves every copy, unless something in it is bound to the first.
            works = self._works(2, one)
            works[0](*one.at(0)[0], **one.at(0)[1])
            before = graphs_compiled().times
            works[1](*one.at(0)[0], **one.at(0)[1])
            if graphs_compiled().times > before:
                found = turns(AGAIN)
        return found, self._works(found.modules, one)

    def _works(self, number: int, one: Rotation) -> list[Work]:
        if self.arm in COPIED:
            made = function_of(self.arm, self.module, one.at(0))
            if isinstance(made, torch.nn.Module):
                return [self._work(function, function) for function in copies_of(made, number)]
        return [
            self._work(function_of(self.arm, module, one.at(0)), module)
            for module in copies_of(self.module, number)
        ]

    def _work(self, function: Callable[..., Any], module: nn.Module) -> Work:
        if self.training:
            return Step(function, module, self.mixed)
        return Forward(function, module)

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
            plain = result_of(self.module, (args, kwargs), training=True, mixed=self.mixed)
        try:
            judged = judge(self.call.first(), reference, tolerance_of(self.precision), plain)
        except ArmError as wrong:
            # Nobody is called wrong by a reference that does not agree with itself.
            again = oracle(self.module, (args, kwargs), training=self.training)
            refuse_random(reference, again, tolerance_of(self.precision), wrong)
            raise
        return Correctness(judged.error, None, judged.tolerance, poisoned)

    @property
    def flags(self) -> Mapping[str, Any]:
        """Torch's flags on precision and the choice of kernels, as they are now."""
        return recorded()

    @property
    def peak_bytes(self) -> int | None:
        """The most memory that a call took beyond weights and inputs, None on a CPU."""
        return self._peak_bytes

    def compiled(self) -> Compiled:
        """What torch's compiler did in this process until now."""
        return graphs_compiled()

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
        if not self.where.held.users and self.arm in {*COMPILING, "best-blocks"}:
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
