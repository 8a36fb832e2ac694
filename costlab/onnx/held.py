"""The tensors that a file holds: which are parameters, and what each stands for.

ONNX does not tell a weight from a buffer. What is a parameter is said by how a tensor is used.
Does not know costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from costlab.graph import Parameter
from costlab.onnx.elements import is_float
from costlab.onnx.scopes import DEEPEST_BLOCK, cut, owner_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from costlab.graph import TensorSpec

QUANTIZED: dict[str, dict[int, tuple[int, ...]]] = {
    "ConvInteger": {0: (2,), 1: (3,)},
    "DequantizeLinear": {0: (1, 2)},
    "MatMulInteger": {0: (2,), 1: (3,)},
    "MatMulNBits": {1: (2, 3)},
    "QLinearConv": {3: (4, 5), 8: ()},
    "QLinearMatMul": {0: (1, 2), 3: (4, 5)},
}
"""By operator: the places of weights that may be integers, and those of their scales and zero
points, which hold them too."""

SETTINGS: dict[str, tuple[int, ...]] = {
    "BatchNormalization": (3, 4),
    "Clip": (1, 2),
    "ConvInteger": (2, 3),
    "DequantizeLinear": (1, 2),
    "Dropout": (1, 2),
    "GRU": (4, 5),
    "LSTM": (4, 5, 6),
    "MatMulInteger": (2, 3),
    "MatMulNBits": (2, 3, 4),
    "MelWeightMatrix": (0, 1, 2, 3, 4),
    "NonMaxSuppression": (2, 3, 4),
    "OneHot": (1, 2),
    "Pad": (1, 2, 3),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "QuantizeLinear": (1, 2),
    "RNN": (4, 5),
    "Range": (0, 1, 2),
    "Resize": (1, 2, 3),
    "Upsample": (1,),
}
"""By operator: the places of what is no weight even where it is a float: scales, first states, …"""

WEIGHTS: dict[str, tuple[int, ...]] = {
    "BatchNormalization": (1, 2),
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "GRU": (1, 2, 3),
    "Gather": (0,),
    "Gemm": (0, 1, 2),
    "GroupNormalization": (1, 2),
    "InstanceNormalization": (1, 2),
    "LSTM": (1, 2, 3, 7),
    "LayerNormalization": (1, 2),
    "MatMul": (0, 1),
    "PRelu": (1,),
    "RMSNormalization": (1,),
    "RNN": (1, 2, 3),
}
"""By operator: the places where a constant of the graph is a weight, as some exporters write it."""


class Use(NamedTuple):
    """An operator that reads a held tensor, at which place, in which block."""

    op: str
    slot: int
    scope: str
    operands: tuple[int | None, ...]
    shape: tuple[int, ...] | None = None


class Holding(NamedTuple):
    """A tensor that the file holds, as an initializer or `written` into a node of the graph."""

    name: str
    number: int
    written: bool = False


Uses = Mapping[int, Sequence[Use]]
"""The uses of tensors, by number."""


def grouped(uses: Iterable[tuple[int, Use]]) -> dict[int, list[Use]]:
    """The uses of each tensor."""
    found: dict[int, list[Use]] = {}
    for number, use in uses:
        found.setdefault(number, []).append(use)
    return found


def sorted_out(
    held: Sequence[Holding],
    uses: Uses,
    aside: Uses,
    specs: Mapping[int, TensorSpec],
    scopes: Container[str] = (),
    levels: int = DEEPEST_BLOCK,
) -> tuple[tuple[Parameter, ...], tuple[TensorSpec, ...]]:
    """The parameters and the specs of the buffers among the tensors that a file holds.

    What is used `aside`, by what does not run, is a parameter that is not executed. A parameter's
    path begins with the path of its block, of so many levels at most: its own name's, where such a
    block is among `scopes`, or that of its first use.
    """
    parameters: list[Parameter] = []
    buffers: list[TensorSpec] = []
    taken: set[str] = set()
    for name, number, written in held:
        spec, used = specs[number], (*uses.get(number, ()), *aside.get(number, ()))
        if not _is_weight(spec, used, written):
            buffers.append(spec)
            continue
        path = _path(name, used, scopes, levels)
        while path in taken:
            path += "_"
        taken.add(path)
        logical, stored = _quantized(spec, used, specs)
        ran = number if number in uses else None
        parameters.append(Parameter(path, spec, ran, logical=logical, stored=stored))
    return tuple(parameters), tuple(buffers)


def _is_weight(spec: TensorSpec, used: Sequence[Use], written: bool) -> bool:
    """Whether a tensor is a weight by a use of it; an initializer that nothing reads is one too."""
    if not used:
        return is_float(spec.dtype) and not written
    for use in used:
        if use.slot in QUANTIZED.get(use.op, {}):
            return True
        if not is_float(spec.dtype) or use.slot in SETTINGS.get(use.op, ()):
            continue
        if not written or use.slot in WEIGHTS.get(use.op, ()):
            return True
    return False


def _quantized(
    spec: TensorSpec, used: Sequence[Use], specs: Mapping[int, TensorSpec]
) -> tuple[tuple[int, ...] | None, tuple[TensorSpec, ...]]:
    """The shape of what a tensor stands for, and the tensors that hold it, its scales with it."""
    for op, slot, _, operands, shape in used:
        scales = QUANTIZED.get(op, {}).get(slot)
        if scales is not None:
            numbers = [operands[place] for place in scales if place < len(operands)]
            parts = [specs[number] for number in numbers if number is not None and number in specs]
            return shape, ((spec, *parts) if parts else ())
    return None, ()


def _path(name: str, used: Sequence[Use], scopes: Container[str], levels: int) -> str:
    owner = cut(owner_of(name), levels)
    if owner in scopes and owner:
        return f"{owner}.{name.rpartition('.')[2]}"
    last = name.replace("/", ".").rstrip(".").rpartition(".")[2] or "weight"
    scope = cut(used[0].scope, levels) if used else ""
    return f"{scope}.{last}" if scope else last
