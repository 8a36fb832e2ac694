"""How much of an image one place of a tensor sees: the receptive field, along the graph's edges.

Knows neither torch nor any network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from costlab.graph import Graph, Node

AXES = 2
WINDOWED = frozenset({"convolution", "pooling"})
"""Families whose operations slide a patch, and say its size, stride and padding."""
PLACED = frozenset(
    {"normalization", "activation", "elementwise", "conversion", "rearrangement", "view"}
)
"""Families whose operations leave each place where it is, if they leave the grid as it is."""
MOVING = frozenset(
    {"flip", "fliplr", "flipud", "rot90", "roll", "transpose", "swapaxes", "swapdims", "permute"}
    | {"movedim", "moveaxis", "t", "T", "H", "mT", "mH", "adjoint", "numpy_T"}
)
"""Operations of these families that move places about, even where the grid stays as it is."""


class Window(NamedTuple):
    """What index j along an axis sees of the image: from j·stride + first to j·stride + last."""

    stride: int = 1
    first: int = 0
    last: int = 0

    @property
    def size(self) -> int:
        """The pixels that one place sees, if none of them is padding."""
        return self.last - self.first + 1

    def slid(self, kernel: int, stride: int, padding: int, dilation: int) -> Window:
        """The window behind a patch that slides over this one.

        >>> Window().slid(3, 2, 0, 1).slid(3, 1, 1, 1).size
        7
        """
        reach = dilation * (kernel - 1)
        first = self.first - self.stride * padding
        last = self.last + self.stride * (reach - padding)
        return Window(self.stride * stride, first, last)

    def joined(self, other: Window) -> Window:
        """The window that sees what either does; both have the same stride."""
        return Window(self.stride, min(self.first, other.first), max(self.last, other.last))


def receptive_fields(graph: Graph) -> Mapping[int, tuple[Window, Window]]:
    """Of each tensor that is a map over the first input, its windows over rows and columns.

    Tensors that no longer have places are left out: behind flattening, a pooling of everything, a
    product of matrices, a transposed convolution, or anything else that moves places about.

    Shapes: images n×c×h×w.

    Source: the recursion of Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural
    Networks", with the paddings kept, so that branches may differ.
    """
    fields = {graph.inputs[0]: (Window(), Window())}
    displaced: set[int] = set()  # of the image, but no longer a map over it
    for node in graph.nodes:
        read = [number for number in node.inputs if number in fields]
        moved = not displaced.isdisjoint(node.inputs)
        if not read and not moved:
            continue
        windows = None if moved else _through(node, read, fields, graph)
        if windows is None:
            displaced.update(node.outputs)
        else:
            fields.update(dict.fromkeys(node.outputs, windows))
    return fields


def receptive_field(graph: Graph) -> tuple[int, int]:
    """Rows and columns of the image that one place of the last map sees.

    Raises:
        ValueError: no operation of the graph keeps the places of its input.
    """
    fields = receptive_fields(graph)
    last = max(fields)
    if last in graph.inputs:
        message = "no operation of this graph keeps the places of its input"
        raise ValueError(message)
    return fields[last][0].size, fields[last][1].size


def _through(
    node: Node, read: Sequence[int], fields: Mapping[int, tuple[Window, Window]], graph: Graph
) -> tuple[Window, Window] | None:
    """The windows behind an operation; None if what it writes has no places."""
    told = node.attributes
    windows, *others = (fields[number] for number in read)
    for other in others:
        if any(one.stride != two.stride for one, two in zip(windows, other, strict=True)):
            return None  # maps of different grids do not lie on each other
        windows = windows[0].joined(other[0]), windows[1].joined(other[1])
    if node.family in WINDOWED:
        if len(told.get("kernel", ())) != AXES or told.get("transposed"):
            return None
        slid = [
            window.slid(kernel, stride, padding, dilation)
            for window, kernel, stride, padding, dilation in zip(
                windows,
                told["kernel"],
                told["stride"],
                _paddings(told),
                _pair(told.get("dilation", 1)),
                strict=True,
            )
        ]
        return slid[0], slid[1]
    if node.family not in PLACED or node.op in MOVING:
        return None
    grid = graph.tensors[read[0]].spec.shape[-AXES:]
    written = graph.tensors[node.outputs[0]].spec.shape if node.outputs else ()
    return windows if len(written) > AXES and written[-AXES:] == grid else None


def _paddings(told: Mapping[str, Any]) -> Sequence[int]:
    """The padding before rows and columns."""
    padding = told["padding"]
    if padding == "same":
        dilations = _pair(told.get("dilation", 1))
        return [d * (k - 1) // 2 for d, k in zip(dilations, told["kernel"], strict=True)]
    return (0, 0) if padding == "valid" else _pair(padding)


def _pair(value: Any) -> Sequence[int]:
    """One number for both axes, or a number for each."""
    if isinstance(value, int):
        return value, value
    pair: Sequence[int] = tuple(value) * AXES if len(value) == 1 else tuple(value)
    return pair
