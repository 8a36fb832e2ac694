"""The dispatch mode that prices an operation without a rule, kernel by kernel.

It sees kernels rather than what the model's author wrote; it is there so that nothing is ever
counted as zero in silence.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from costlab.graph import Coverage
from costlab.ops import Effect
from costlab.tracing.names import lookup, names_of
from costlab.tracing.stops import NeedsMoreError, has_no_kernel, no_kernel
from costlab.tracing.tensors import map_tensors, tensors_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from costlab.ops import Op
    from costlab.tracing.operations import Operations

BOOKKEEPING = frozenset({
    "_unsafe_view", "detach", "alias", "lift_fresh", "empty", "empty_like", "empty_strided",
    "new_empty", "new_empty_strided", "zeros", "ones", "full", "scalar_tensor", "arange",
    "_reshape_alias", "resize_", "set_", "sym_size", "zeros_like", "ones_like", "full_like",
    "new_zeros", "new_ones", "new_full", "_local_scalar_dense", "lift", "_assert_tensor_metadata",
    "_efficientzerotensor", "_new_zeros_with_same_feature_meta", "resize_as_", "record_stream",
    "set_data", "retain_grad",
})  # fmt: skip
"""Dispatcher operations that only make or rename memory."""
COPIES = frozenset({"_to_copy", "copy_", "clone", "_pin_memory"})
"""Dispatcher operations that move every element and compute nothing."""
PICKS = frozenset({"nonzero", "masked_select", "index"})
"""Dispatcher operations that read every element and write as many as positions or values say."""
DRAWS = frozenset({
    "uniform_", "normal_", "random_", "exponential_", "geometric_", "cauchy_", "log_normal_",
    "rand", "randn", "randint", "rand_like", "randn_like", "randint_like", "randperm", "bernoulli",
    "bernoulli_",
})  # fmt: skip
"""Dispatcher operations that make random numbers, which costs nothing (`tracing/entries.py`)."""
TORCHS = frozenset({"aten", "prims", "prim", "profiler", "debugprims", "inductor"})
"""Namespaces of operations that are torch's own."""
SPELLINGS = {"_softmax": "softmax", "_log_softmax": "log_softmax"}
"""Dispatcher names of operations that the table lists under another."""


PRODUCTS = frozenset({"convolution", "linear", "matmul"})
"""Families whose operands must be of one type; their kernels on meta do not check it."""


def refuse_mixed(name: str, operands: list[torch.Tensor]) -> None:
    """Does what the real kernels do, those on meta not: refuses operands of different types.

    Raises:
        RuntimeError: types differ.
    """
    types = {operand.dtype for operand in operands}
    if len(types) > 1:
        told = " and ".join(sorted(str(kind).removeprefix("torch.") for kind in types))
        raise RuntimeError(f"{name} wants operands of one type, and these are {told}")


def written_to(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """The tensors that an operation says in its schema that it writes to."""
    arguments = func._schema.arguments  # noqa: SLF001 - torch has no public name for it
    given = {argument.name: value for argument, value in zip(arguments, args, strict=False)}
    given.update(kwargs)
    marked = [one.name for one in arguments if one.alias_info and one.alias_info.is_write]
    return tensors_in([given.get(name) for name in marked])


def empties_written(func: Any, args: Any, kwargs: Any) -> list[tuple[torch.Tensor, torch.Size]]:
    """The empty tensors that an operation writes to in place, with their shapes."""
    if torch.Tag.inplace_view in func.tags:
        return []  # it is to have another shape
    written = written_to(func, args, {key: kwargs[key] for key in kwargs.keys() - outs_of(func)})
    return [(tensor, tensor.shape) for tensor in written if not tensor.numel()]


def refuse_grown(empties: list[tuple[torch.Tensor, torch.Size]]) -> None:
    """Does what the real kernels do: refuses to write a result into a tensor of another shape.

    Raises:
        RuntimeError: an empty tensor has another shape; kernels on meta give it that of the result.
    """
    for tensor, shape in empties:
        if tensor.shape != shape:
            message = f"a result of shape {list(tensor.shape)} cannot be written into {list(shape)}"
            raise RuntimeError(message)


@lru_cache(maxsize=1024)
def outs_of(func: Any) -> frozenset[str]:
    """The names of the arguments that an operation is given to write its results into."""
    arguments = func._schema.arguments  # noqa: SLF001 - as above
    return frozenset(argument.name for argument in arguments if argument.is_out)


def is_torchs(func: Any) -> bool:
    """Whether an operation is one of torch's own, which returns no tensor if it only asks."""
    return str(func.namespace) in TORCHS


def _plainly(func: Any, args: Any, kwargs: Any) -> Any:
    return func(*args, **kwargs)


class Descent(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Runs kernels on meta and records each as a node: priced, free or unknown."""

    def __init__(
        self, recorder: Operations, *, computes: bool = False, on_meta: bool = False
    ) -> None:
        """A descent into an operation that has no rule, or into scripted code.

        It `computes` where the operands have values, as constants have, which a forward may read.
        `on_meta` it leaves a kernel that does not run on meta to its caller.
        """
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.recorder, self.computes, self.on_meta = recorder, computes, on_meta
        # Asked here: within a dispatch mode torch denies it.
        self.autocast = any(map(torch.is_autocast_enabled, ("cpu", "cuda")))
        self.casts = recorder.autocast if self.autocast and not computes else None

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False: torch would import its compiler, a second, to keep itself from compiling this.

        Nothing is compiled during a trace anyway (`costlab.tracing.hidden`).
        """
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The kernel's result on meta."""
        recorder = self.recorder
        if self.casts is not None:
            args, kwargs = self.casts.operands(names_of(func)[-1], args, kwargs or {})
        change = recorder.value if self.computes else recorder.twin
        twins, named = map_tensors(change, (args, kwargs or {}))
        if named.get("device") is not None and not self.computes:
            named["device"] = "meta"
        name, op, in_place = self._op(func)
        product = op is not None and op.family in PRODUCTS and not self.autocast
        if product and self._effect(op, twins, named) is None:
            refuse_mixed(name, tensors_in((twins, named)))
        empties = empties_written(func, twins, named) if in_place else []
        recorder.within += 1
        try:
            run = _plainly if self.on_meta else recorder.run_kernel
            made = run(func, twins, named)
        except RuntimeError as error:
            if not has_no_kernel(error):
                raise
            raise NeedsMoreError(no_kernel(names_of(func)[0])) from error
        finally:
            recorder.within -= 1
        refuse_grown(empties)
        read = {key: named[key] for key in named if key not in outs_of(func)} if in_place else named
        inputs = tensors_in((twins, read))
        outputs = tensors_in(made)
        effect = self._effect(op, twins, named)
        family, coverage = self._kind(func, name, op, effect)
        if not outputs:
            written = written_to(func, twins, named)
            if coverage is not Coverage.FREE and (written or not is_torchs(func)):
                recorder.record_written(name, family, coverage, inputs, written, effect)
            return made
        if effect is None and family == "elementwise":
            effect = Effect((), flops=sum(out.numel() for out in outputs))
        view = func.is_view and coverage is Coverage.FREE
        if view and all(recorder.registry.knows(out) for out in outputs):
            return made
        recorder.record(
            name, family, coverage, inputs, outputs, effect, view=view, in_place=in_place
        )
        return made

    def _op(self, func: Any) -> tuple[str, Op | None, bool]:
        """The operation's name, its entry in the table if it has one, and whether it writes."""
        ops = self.recorder.entries.ops
        names = names_of(func)
        found = lookup((*names, SPELLINGS.get(names[-1], "")), ops)
        mutates = bool(func._schema.is_mutable)  # noqa: SLF001 - torch has no public name for it
        if found is None:
            return names[-1], None, mutates
        return found[0].removeprefix("aten::"), ops[found[0]], mutates

    @staticmethod
    def _effect(op: Op | None, args: Any, kwargs: Any) -> Effect | None:
        if op is None or op.rule is None:
            return None
        # The kernel ran: where the rule's signature is not the dispatcher's, its tag decides.
        from costlab.tracing.leaves import RULE_MISMATCH

        try:
            return op.rule(*args, **{name: kwargs[name] for name in kwargs if name != "out"})
        except RULE_MISMATCH:
            return None

    @staticmethod
    def _kind(func: Any, name: str, op: Op | None, effect: Effect | None) -> tuple[str, Coverage]:
        if op is not None and (effect is not None or op.rule is None):
            return op.family, op.coverage
        if func.is_view or name in BOOKKEEPING or name in DRAWS:
            return "view", Coverage.FREE
        if name in COPIES:
            return "conversion", Coverage.PRICED
        if name in PICKS:
            return "indexing", Coverage.PRICED
        if torch.Tag.pointwise in func.tags:
            return "elementwise", Coverage.PRICED
        return "unknown", Coverage.UNKNOWN
