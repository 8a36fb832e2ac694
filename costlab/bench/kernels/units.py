"""The convolutions of a traced module with what stands behind each, and which share a launch.

It knows shapes and no tensors; nothing is launched or chosen by time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import fx, nn

from costlab.bench.fused import RELUS
from costlab.bench.kernels.arguments import OUTPUTS
from costlab.bench.kernels.in_series import refusal_in_series
from costlab.bench.kernels.running import Pooling
from costlab.bench.kernels.weights import changed, refusal_of, weights_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from costlab.bench.kernels.weights import Weights
    from costlab.bench.kernels.work import Shape

FOUR = 4
"""Axes of images: number, channels, rows, columns."""

Kind = Literal["one", "siblings", "split", "series", "reduction"]


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A convolution with its normalization and ReLU: reads what `source` gives, stands for `last`.

    `absorbed` are the nodes that it replaces; `why` is why the kernels do not take it.
    """

    name: str
    source: fx.Node
    last: fx.Node
    absorbed: tuple[fx.Node, ...]
    weights: Weights
    shape: Shape
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Units that one launch computes, and the pooling beside them of a reduction."""

    kind: Kind
    units: tuple[Unit, ...]
    pool: fx.Node | None = None
    pooling: Pooling | None = None


def units_of(traced: fx.GraphModule, shapes: Mapping[str, torch.Size]) -> Iterator[Unit]:
    """Each two-dimensional convolution, with the normalization and ReLU that only it feeds."""
    modules = dict(traced.named_modules())
    for node in traced.graph.nodes:
        conv = modules.get(str(node.target)) if node.op == "call_module" else None
        if type(conv) is not nn.Conv2d:
            continue
        absorbed, norm = [node], None
        follower = _only_user(node)
        if follower is not None and follower.op == "call_module":
            behind = modules.get(str(follower.target))
            if type(behind) is nn.BatchNorm2d and _settled(behind):
                norm = behind
                absorbed.append(follower)
                follower = _only_user(follower)
        relu = follower is not None and _is_relu(follower, modules)
        if follower is not None and relu:
            absorbed.append(follower)
        (source,) = node.all_input_nodes  # which may be given by its name
        if refusal_of(conv) or len(shapes[source.name]) != FOUR:  # left as it is written
            continue
        weights = weights_of(conv, norm, relu=relu)
        shape = weights.shape(shapes[source.name])
        yield Unit(str(node.target), source, absorbed[-1], tuple(absorbed), weights, shape)


def refused(traced: fx.GraphModule, shapes: Mapping[str, torch.Size]) -> Iterator[str]:
    """The convolutions that no unit is made of, each with why."""
    single = {
        str(node.target)
        for node in traced.graph.nodes
        if node.op == "call_module" and node.name in shapes and len(shapes[node.name]) != FOUR
    }
    for name, module in traced.named_modules():
        if isinstance(module, nn.modules.conv._ConvNd):  # noqa: SLF001 - all convolutions
            if type(module) is not nn.Conv2d:
                yield f"{name}: {type(module).__name__} is none of the kernels'"
            elif why := refusal_of(module):
                yield f"{name}: {why}"
            elif name in single:
                yield f"{name}: its input is one image, and no batch"


def groups_of(
    traced: fx.GraphModule,
    units: list[Unit],
    shapes: Mapping[str, torch.Size],
    written: Collection[fx.Node] = (),
) -> list[Group]:
    """Units that are taken, in the launches that compute them: each unit is in one.

    What shares a launch runs where the first or the last of it stands, so that what reads a value
    that is `written` in place runs alone.
    """
    free = dict.fromkeys(unit for unit in units if not unit.why)
    found: list[Group] = []

    def take(group: Group) -> None:
        found.append(group)
        for unit in group.units:
            del free[unit]

    by_start = {unit.absorbed[0]: unit for unit in free}
    for unit in list(free):
        after = by_start.get(_only_user(unit.last)) if unit in free else None  # type: ignore[arg-type]  # None is no key
        if after is not None and after in free and _in_series(unit, after):
            take(Group("series", (unit, after)))
    for pool, pooling in _poolings(traced):
        beside = next((unit for unit in free if _reduces(unit, pool, shapes)), None)
        if beside is not None and not {beside.source, pool.all_input_nodes[0]} & set(written):
            take(Group("reduction", (beside,), pool, pooling))
    for unit in list(free):
        if unit in free:
            alone = unit.source in written
            take(Group("one", (unit,)) if alone else _sharing(unit, list(free)))
    return found


def _sharing(unit: Unit, free: list[Unit]) -> Group:
    """A unit with those that read the same tensor, as far as one launch computes them."""
    alike = [other for other in free if _sibling(unit, other)][:OUTPUTS]
    if len(alike) > 1:
        return Group("siblings", tuple(alike))
    beside = next((other for other in free if _beside(unit, other)), None)
    if beside is not None:
        return Group("split", (unit, beside))
    return Group("one", (unit,))


def _in_series(first: Unit, second: Unit) -> bool:
    spread = first.shape.taps > 1 and second.shape.taps > 1
    return spread and not refusal_in_series(first.shape, second.shape)


def _sibling(unit: Unit, other: Unit) -> bool:
    """Whether two units are pointwise convolutions of the same tensor, with the same finish."""
    same = unit.source is other.source and unit.weights.relu == other.weights.relu
    return same and all(
        one.shape.taps == 1 and one.shape.stride == (1, 1) and one.shape.out == one.shape.grid
        for one in (unit, other)
    )


def _beside(unit: Unit, other: Unit) -> bool:
    """Whether two units read the same tensor on the same grid, each with a patch of its own."""
    a, b = unit.weights, other.weights
    alike = a.relu == b.relu and (a.bias is None) == (b.bias is None)
    return (
        unit is not other
        and unit.source is other.source
        and alike
        and all(
            one.shape.taps > 1 and one.shape.stride == (1, 1) and one.shape.out == one.shape.grid
            for one in (unit, other)
        )
    )


def _reduces(unit: Unit, pool: fx.Node, shapes: Mapping[str, torch.Size]) -> bool:
    """Whether a strided unit and a pooling are joined by the same concatenation."""
    joined = _only_user(unit.last)
    return (
        unit.shape.stride != (1, 1)
        and joined is not None
        and joined is _only_user(pool)
        and joins_channels(joined)
        and tuple(shapes[pool.name][2:]) == unit.shape.out
    )


def joins_channels(node: fx.Node) -> bool:
    """Whether a node is a concatenation along the channels, written as most are.

    What is told by name, or where to write, is left as it is.
    """
    if node.op != "call_function" or node.target not in {torch.cat, torch.concat}:
        return False
    if not node.kwargs.keys() <= {"dim"}:
        return False
    dim = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    return bool(dim == 1)


def _poolings(traced: fx.GraphModule) -> Iterator[tuple[fx.Node, Pooling]]:
    """The max poolings with a square patch, undilated."""
    modules = dict(traced.named_modules())
    for node in traced.graph.nodes:
        layer = modules.get(str(node.target)) if node.op == "call_module" else None
        if type(layer) is not nn.MaxPool2d or layer.return_indices or changed(layer):
            continue
        sizes = [
            (size, size) if isinstance(size, int) else tuple(size)
            for size in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        ]
        if all(rows == columns for rows, columns in sizes) and sizes[3] == (1, 1):
            yield node, Pooling(*(rows for rows, _ in sizes[:3]))


def _settled(norm: nn.BatchNorm2d) -> bool:
    """Whether a normalization has statistics of its own, takes them, and does nothing else."""
    return norm.running_mean is not None and not norm.training and not changed(norm)


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _is_relu(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "call_module":
        layer = modules.get(str(node.target))
        return type(layer) is nn.ReLU and not changed(layer)
    return node.op in {"call_function", "call_method"} and node.target in RELUS
