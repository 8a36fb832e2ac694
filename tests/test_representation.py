"""The size of the representation at each cut, by hand, and which cuts are bottlenecks."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from costlab.claims.lab import Lab
from costlab.graph import Coverage, Graph, Node, Tensor, TensorSpec
from costlab.representation import COMPRESSION, Cut, profile
from costlab.tracing import trace
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Sequence


def chain(*sizes: int) -> Graph:
    """A graph by hand: operations in a row, each in a block of its own, of these many elements."""
    tensors = tuple(Tensor(TensorSpec((size,)), number) for number, size in enumerate(sizes))
    nodes = tuple(
        Node("op", "elementwise", Coverage.PRICED, f"block{number}", (number - 1,), (number,))
        for number in range(1, len(sizes))
    )
    return Graph(tensors, nodes, (0,), (len(sizes) - 1,), (), ())


def sizes(cuts: Sequence[Cut]) -> list[int]:
    """The elements of each cut."""
    return [cut.elements for cut in cuts]


def test_a_chain_is_cut_at_each_block() -> None:
    """Each cut knows the one before it and the narrowest before it."""
    cuts = profile(chain(100, 300, 60, 80))
    assert sizes(cuts) == [100, 300, 60, 80]
    assert [cut.before for cut in cuts] == [100, 100, 300, 60]
    assert [cut.narrowest for cut in cuts] == [100, 100, 100, 60]
    assert [cut.scope for cut in cuts] == ["input", "block1", "block2", "block3"]


def test_a_quarter_of_the_narrowest_is_a_bottleneck() -> None:
    """A quarter of the narrowest so far is one, and an element more is none."""
    flagged = [
        profile(chain(100, 400, last))[-1].is_bottleneck for last in (100 // COMPRESSION, 26, 100)
    ]
    assert flagged == [True, False, False]


def test_a_drop_is_relative_to_the_cut_before() -> None:
    """Widened fourfold and back is a drop, but no bottleneck: nothing is narrower than before."""
    widened = profile(chain(100, 400, 100))[-1]
    assert widened.is_drop
    assert not widened.is_bottleneck
    gentle = profile(chain(100, 50, 25))[-1]
    assert not gentle.is_drop
    assert not gentle.is_bottleneck


def test_the_input_is_no_bottleneck() -> None:
    """Nothing comes before it."""
    (only,) = profile(chain(100))
    assert (only.is_bottleneck, only.is_drop) == (False, False)


def test_branches_are_cut_where_they_join() -> None:
    """Where branches run side by side, or a residual is kept, no single tensor holds it all."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.left = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3, padding=1)
            self.right, self.last = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(24, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.first(x)
            left = self.left(x)
            y: torch.Tensor = self.last(torch.cat([left, self.right(x)], 1))
            return y

    cuts = profile(trace(Net(), "f32[1,3,10,10]"))
    assert [(cut.scope, cut.shape[1:]) for cut in cuts] == [
        ("input", (3, 10, 10)),
        ("first", (8, 8, 8)),
        ("", (24, 8, 8)),
        ("last", (4, 6, 6)),
    ]


def test_a_residual_passes_beside() -> None:
    """While a tensor is kept for later, what is computed beside it is no cut."""

    def forward(m: Calls, x: torch.Tensor) -> torch.Tensor:
        narrow = x @ m.weight[:, :1]
        return x + narrow @ m.weight[:1]

    assert sizes(profile(trace(Calls(forward), "f32[4,8]"))) == [32, 32]


def test_what_is_made_of_weights_alone_carries_nothing() -> None:
    """A weight that is prepared on the side is no part of the representation, nor is a view."""

    def forward(m: Calls, x: torch.Tensor) -> torch.Tensor:
        scaled = m.weight * 2.0
        return torch.flatten(F.relu(x) @ scaled, 0)

    assert sizes(profile(trace(Calls(forward), "f32[4,8]"))) == [32, 32]


def test_inception_v3() -> None:
    """Its cuts are the blocks of its trunk, of the sizes that Table 1 and its graph give them."""
    cuts = profile(Lab().graph("inception_v3"))
    expected = {
        "input": (3, 299, 299),
        "Conv2d_1a_3x3": (32, 149, 149),
        "Conv2d_2a_3x3": (32, 147, 147),
        "Conv2d_2b_3x3": (64, 147, 147),
        "MaxPool_3a": (64, 73, 73),
        "Conv2d_3b_1x1": (80, 73, 73),
        "Conv2d_4a_3x3": (192, 71, 71),
        "MaxPool_5a": (192, 35, 35),
        "Mixed_5b": (256, 35, 35),
        "Mixed_5c": (288, 35, 35),
        "Mixed_5d": (288, 35, 35),
        "Mixed_6a": (768, 17, 17),
        "Mixed_6b": (768, 17, 17),
        "Mixed_6c": (768, 17, 17),
        "Mixed_6d": (768, 17, 17),
        "Mixed_6e": (768, 17, 17),
        "Mixed_7a": (1280, 8, 8),
        "Mixed_7b": (2048, 8, 8),
        "Mixed_7c": (2048, 8, 8),
        "pool": (2048, 1, 1),
    }
    grids = {cut.scope: cut.shape[1:] for cut in cuts if len(cut.shape) == 4}
    assert grids == expected
    assert sizes(cuts)[: len(expected)] == [prod(shape) for shape in expected.values()]
    assert [cut.scope for cut in cuts if cut.is_bottleneck and cut.scope in expected] == ["pool"]


def test_the_ways_of_section_5() -> None:
    """Of d²k the pooling leaves (d/2)²k, a bottleneck; the two other ways leave 2(d/2)²k."""
    d, k = 36, 64
    found = {}
    for name in ("reduction_pool_first", "reduction_conv_first", "reduction_parallel"):
        graph = Lab().graph(name, shape=(k, d, d), inputs=k, padded=True, finish="bare")
        cuts = profile(graph)
        assert cuts[0].elements == d * d * k
        assert cuts[-1].elements == 2 * (d // 2) ** 2 * k
        found[name] = [cut.elements for cut in cuts if cut.is_bottleneck]
    assert found == {
        "reduction_pool_first": [(d // 2) ** 2 * k],
        "reduction_conv_first": [],
        "reduction_parallel": [],
    }
