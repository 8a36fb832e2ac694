"""Weights that torch.ao's quantized modules pack for their kernels, where torch registers none.

They are unpacked to be asked, into tensors of their own. Does not know what is computed with them.

Source: torch.ao.nn.quantized (`_packed_params`, `_packed_weight_ih`, `PackedParameter`); FBGEMM's
and QNNPACK's weights keep a scale and a zero point of four bytes for each channel, or one for all
(ATen/native/quantized/cpu/fbgemm_utils.h, `PackedLinearWeight`), and those in float16 none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from costlab.graph import Parameter, TensorSpec
from costlab.tracing.tensors import dtype_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from costlab.tracing.parameters import Modules

PACKING = ("torch.ao.nn.quantized.", "torch.ao.nn.intrinsic.quantized.")
"""Where the modules are that hold packed weights."""
WITHIN = "._packed_params"
"""The module within a layer that holds its weights, of those that have one."""
CELLS = "._all_weight_values."
"""The modules within a recurrent layer that hold the weights of its layers and directions."""
HELD_AS = {"qint8": "int8", "quint8": "uint8", "qint32": "int32", "float32": "float16"}
"""What holds a weight that unpacks to this type."""
SEVERAL = {"quint4x2": 2, "quint2x4": 4}
"""Weights in a byte, of the types that have several."""


class Packed(NamedTuple):
    """A weight and its bias: where they are registered, under which names, and what packs them."""

    owner: str
    names: tuple[str, str]
    held: Any


def packed_in(
    modules: Modules, number: Callable[[str, TensorSpec], int | None]
) -> tuple[tuple[Parameter, ...], tuple[str, ...]]:
    """The packed weights as parameters, and a remark on those that do not say what they are.

    `number` gives each the number of a tensor, if the module at that path ran.
    """
    kinds = {kind for kind in {type(module) for _, module in modules} if _packs(kind)}
    if not kinds:
        return (), ()
    found: list[Parameter] = []
    silent: list[str] = []
    seen: set[int] = set()
    for path, module in modules:
        if type(module) not in kinds:
            continue
        for name, value in vars(module).items():
            if isinstance(value, torch.ScriptObject) and id(value) not in seen:
                seen.add(id(value))
                try:
                    weights = list(_unpacked(path, name, value))
                except (AttributeError, RuntimeError, IndexError, ValueError, TypeError):
                    silent.append(path.removesuffix(WITHIN))
                    continue
                found += [
                    weight._replace(tensor=number(weight.owner, weight.spec)) for weight in weights
                ]
    return tuple(found), _remark(silent)


def _remark(silent: list[str]) -> tuple[str, ...]:
    if not silent:
        return ()
    more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
    remark = (
        f"{silent[0]}{more}: weights are packed where torch registers no parameters, and do not "
        "say how many they are; params and bytes do not count them"
    )
    return (remark,)


def _packs(kind: type) -> bool:
    return kind.__module__.startswith(PACKING)


def _unpacked(path: str, name: str, value: Any) -> Iterator[Parameter]:
    """The weights that an object of TorchScript's packs."""
    for owner, names, held in _parts(path, name, value):
        weights = held.unpack()
        if isinstance(weights, torch.Tensor):  # an embedding has no bias
            weights = (weights,)
        for called, tensor in zip(names, weights, strict=False):
            if tensor is not None:
                place = f"{owner}.{called}" if owner else called
                yield _parameter(place, tensor)


def _parts(path: str, name: str, value: Any) -> Iterator[Packed]:
    if name == "param":  # of a recurrent layer: its products, and its biases by themselves
        owner, _, place = path.rpartition(CELLS)
        if not owner:
            owner, place = "", path.removeprefix(CELLS[1:])
        _, _, _, _, products = value.__getstate__()[0]
        for product, side in zip(products, ("ih", "hh"), strict=True):
            yield Packed(owner, (f"weight_{side}_{place}", f"bias_{side}_{place}"), product)
        return
    owner = "" if path == WITHIN[1:] else path.removesuffix(WITHIN)
    side = name.removeprefix("_packed_weight") if name.startswith("_packed_weight_") else ""
    yield Packed(owner, (f"weight{side}", f"bias{side}"), value)


def _parameter(path: str, tensor: torch.Tensor) -> Parameter:
    """What a weight or bias is, and what holds it; no optimizer is given it."""
    shape, kind = tuple(tensor.shape), dtype_name(tensor.dtype)
    if isinstance(tensor, torch.nn.Parameter):  # a bias, which is kept as it is
        return Parameter(path, TensorSpec(shape, kind), requires_grad=False)
    values = SEVERAL.get(kind)
    if values is None:
        spec = TensorSpec(shape, HELD_AS.get(kind, kind))
    else:
        *outer, last = shape
        spec = TensorSpec((*outer, -(-last // values)), "uint8")
    stored = (spec, *_scales(tensor)) if tensor.is_quantized else (spec,)
    return Parameter(path, spec, requires_grad=False, logical=shape, stored=stored)


def _scales(tensor: torch.Tensor) -> tuple[TensorSpec, TensorSpec]:
    """The scales and zero points: one for all, or one for each channel."""
    per_tensor = tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric)
    count = 1 if per_tensor else int(tensor.q_per_channel_scales().numel())
    rows = tensor.qscheme() is torch.per_channel_affine_float_qparams
    return TensorSpec((count,), "float32"), TensorSpec((count,), "float32" if rows else "int32")
