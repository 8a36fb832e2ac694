"""What a model holds: its parameters, each once, with all their names, and its buffers.

Knows how libraries keep several weights in one element; not operations.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from costlab.errors import UsageError, words_of
from costlab.graph import Parameter, TensorSpec, rows
from costlab.tracing.tensors import dtype_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Modules = list[tuple[str, torch.nn.Module]]

VALUES = {"float4_e2m1fn_x2": 2, "bits4x2": 2, "bits2x4": 4, "bits1x8": 8}
"""Values in one element, of the types that say so; they lie along the last axis (torch.dtype)."""

INTEGERS = frozenset({"uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"})
"""Types in which libraries pack weights, without a word to torch about how many."""

ONE_MEMORY = (
    "{} share their memory and are parameters of their own to torch: params and parameter_bytes "
    "count each, as model.parameters() does; register one parameter under both names to tie them"
)
"""What is said of parameters over one memory, such as `Parameter(other.weight.data)`."""


class Held(NamedTuple):
    """The parameters of a model, each once, by the first path that it is registered at.

    `aliases` are the further paths of those that have any, by their place in `named`.
    """

    named: list[tuple[str, torch.Tensor]]
    aliases: dict[int, tuple[str, ...]]

    def described(
        self, specs: Sequence[TensorSpec], numbers: Sequence[int | None]
    ) -> tuple[Parameter, ...]:
        """The parameters as a graph has them, with these specs and numbers of tensors."""
        count = len(self.named)
        tensors = [tensor for _, tensor in self.named]
        aliases: list[tuple[str, ...]] = [()] * count
        for place, paths in self.aliases.items():
            aliases[place] = paths
        found = rows(
            Parameter,
            [path for path, _ in self.named],
            specs,
            numbers,
            [tensor.requires_grad for tensor in tensors],
            aliases,
            [None] * count,
            [()] * count,
            [""] * count,
        )
        # One element is one weight, in a parameter of torch's own class and of a usual type.
        if {type(tensor) for tensor in tensors} <= {torch.nn.Parameter} and not {
            spec.dtype for spec in specs
        } & (INTEGERS | VALUES.keys()):
            return found
        return tuple(map(_unpacked, found, tensors))

    def one_memory(self) -> tuple[str, ...]:
        """A remark on parameters that are several to torch and one memory; nothing without any."""
        with suppress(NotImplementedError, RuntimeError):
            memories = {tensor.untyped_storage()._cdata for _, tensor in self.named}  # noqa: SLF001 - torch has no public name for it
            if len(memories) == len(self.named):  # as in nearly all models
                return ()
        over: dict[tuple[int, ...], list[str]] = {}
        for path, tensor in self.named:
            if type(tensor) is torch.nn.Parameter and tensor.numel():
                with suppress(NotImplementedError, RuntimeError):  # it has no memory of its own
                    over.setdefault(_extent(tensor), []).append(path)
        shared = [paths for paths in over.values() if len(paths) > 1]
        if not shared:
            return ()
        named = f"{', '.join(shared[0][:3])}{', …' if len(shared[0]) > 3 else ''}"  # noqa: PLR2004 - a few names
        more = f", and {len(shared) - 1} more such groups," if len(shared) > 1 else ""
        return (ONE_MEMORY.format(named + more),)


def _extent(tensor: torch.Tensor) -> tuple[int, ...]:
    """Which memory a tensor is over: parts of one that lie apart, as of an LSTM on a GPU, differ.

    Raises:
        NotImplementedError, RuntimeError: it has no memory, or none of its own.
    """
    last = sum((n - 1) * by for n, by in zip(tensor.shape, tensor.stride(), strict=True))
    memory = int(tensor.untyped_storage()._cdata)  # noqa: SLF001 - as above
    return memory, int(tensor.storage_offset()), last, tensor.numel()


def parameters_of(modules: Modules) -> Held:
    """Each parameter once, with every path that it is registered at.

    Raises:
        UsageError: a lazy module, whose parameters have no shape before its first forward.
    """
    named: list[tuple[str, torch.Tensor]] = []
    places: dict[int, int] = {}
    aliases: dict[int, tuple[str, ...]] = {}
    for path, module in modules:
        for name, parameter in module._parameters.items():  # noqa: SLF001 - named_parameters walks the tree again for each module
            if parameter is None:
                continue
            place = f"{path}.{name}" if path else name
            known = places.get(id(parameter))
            if known is not None:
                aliases[known] = (*aliases.get(known, ()), place)
                continue
            if type(parameter) is not torch.nn.Parameter:
                _refuse_lazy(place, parameter)
            places[id(parameter)] = len(named)
            named.append((place, parameter))
    return Held(named, aliases)


def buffers_of(modules: Modules) -> Iterator[torch.Tensor]:
    """Each buffer once."""
    found = chain.from_iterable(module._buffers.values() for _, module in modules)  # noqa: SLF001 - as above
    return iter({id(buffer): buffer for buffer in found if buffer is not None}.values())


def _refuse_lazy(place: str, parameter: torch.Tensor) -> None:
    lazy: bool = torch.nn.parameter.is_lazy(parameter)
    if lazy:
        message = (
            f"{place} has no shape before the first forward (a lazy module), and the first forward "
            "would change the model; run it once, then analyze it"
        )
        raise UsageError(message)


def _unpacked(parameter: Parameter, tensor: torch.Tensor) -> Parameter:
    """The parameter with the shape of the weight that it stands for, and what holds it.

    Source: bitsandbytes' `Params4bit`, whose `quant_state` has the weight's shape and the scales;
    torch's protocol of tensors that are made of tensors (`__tensor_flatten__`), which torchao's
    quantized weights follow, and whose own shape is the weight's.
    """
    spec = parameter.spec
    state = getattr(tensor, "quant_state", None)
    shape = getattr(state, "shape", None)
    if isinstance(shape, tuple) and prod(shape) >= spec.elements:
        held = tuple(_spec(one) for one in (tensor, *_tensors_of(state)))
        return parameter._replace(logical=tuple(shape), stored=held)
    if hasattr(tensor, "__tensor_flatten__"):
        try:
            held = tuple(_spec(one) for one in _parts(tensor))
        except Exception as error:  # noqa: BLE001 - a library's own code, which may raise anything
            why = f"{type(error).__name__}: {words_of(error)}"
            remark = f"its bytes are those of {spec.dtype}: {why}"
            return parameter._replace(remark=remark)
        return parameter._replace(stored=held)
    if spec.dtype in VALUES and spec.shape:
        *outer, last = spec.shape
        return parameter._replace(logical=(*outer, last * VALUES[spec.dtype]))
    if spec.dtype in INTEGERS:
        remark = f"{spec.dtype} may pack several weights in one element; each element counts as one"
        return parameter._replace(remark=remark)
    return parameter


def _tensors_of(state: Any) -> Iterator[torch.Tensor]:
    """The tensors of a state of quantization, and of the state within: scales are quantized too."""
    for value in getattr(state, "__dict__", {}).values():
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, type(state)):
            yield from _tensors_of(value)


def _parts(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The tensors that a tensor is made of, down to those that are made of none."""
    flatten = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        yield tensor
        return
    names, _ = flatten()
    for name in names:
        yield from _parts(getattr(tensor, name))


def _spec(tensor: torch.Tensor) -> TensorSpec:
    return TensorSpec(tuple(tensor.shape), dtype_name(tensor.dtype))
