"""The trap of products: the order, the batch and the geometry in which they are made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.backends import opt_einsum
from torch.nn import functional as F

import costlab
from tests.ops import loops
from tests.tracing.networks import Calls, macs

if TYPE_CHECKING:
    from collections.abc import Callable

R = torch.randn

CHAIN = "ij,jk,kl->il"
SIZES = [(2, 30), (30, 20), (20, 1)]
FROM_THE_LEFT = 2 * 30 * 20 + 2 * 20 * 1
FROM_THE_RIGHT = 30 * 20 * 1 + 2 * 30 * 1


@pytest.fixture
def with_path(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[tuple[int, int]] | None], None]:
    """A function that has torch find opt_einsum with this path, or not find it at all."""

    def find(path: list[tuple[int, int]] | None) -> None:
        package = SimpleNamespace(contract_path=lambda *_, **__: (path, None))
        monkeypatch.setattr(opt_einsum, "is_available", lambda: path is not None)
        monkeypatch.setattr(opt_einsum, "get_opt_einsum", lambda: package)
        monkeypatch.setattr(opt_einsum, "enabled", path is not None)

    return find


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (None, FROM_THE_LEFT),
        ([(0, 1), (0, 1)], FROM_THE_LEFT),
        ([(1, 2), (0, 1)], FROM_THE_RIGHT),
    ],
    ids=["without opt_einsum", "from the left", "from the right"],
)
def test_einsum_of_three_costs_the_path_that_is_taken(
    path: list[tuple[int, int]] | None, expected: int, with_path: Callable[[Any], None]
) -> None:
    """Of three operands those products count that torch makes, in the order that it finds."""
    with_path(path)
    model = Calls(lambda _, *x: torch.einsum(CHAIN, *x))
    assert macs(model, tuple(R(shape) for shape in SIZES)) == expected


@pytest.mark.parametrize(
    ("equation", "shapes", "expected"),
    [
        ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 6)], 2 * 5 * 3 * 4 * 6),
        ("...i,ij,...j->...", [(7, 3), (3, 4), (7, 4)], 7 * 3 * 4 + 7 * 4),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 8), (2, 3, 5, 8)], 2 * 3 * 4 * 5 * 8),
        ("bqhd,bkhd->bhqk", [(2, 4, 3, 8), (2, 5, 3, 8)], 2 * 3 * 4 * 5 * 8),
        ("ij,jk,kl,lm->im", [(2, 3), (3, 4), (4, 5), (5, 6)], 2 * 3 * 4 + 2 * 4 * 5 + 2 * 5 * 6),
    ],
)
def test_einsum(
    equation: str, shapes: list[tuple[int, ...]], expected: int, with_path: Callable[[Any], None]
) -> None:
    """Ellipses, operands given in one list, and chains, from the left where torch has no path."""
    with_path(None)
    operands = tuple(R(shape) for shape in shapes)
    assert macs(Calls(lambda _, *x: torch.einsum(equation, *x)), operands) == expected
    assert macs(Calls(lambda _, *x: torch.einsum(equation, list(x))), operands) == expected


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (SIZES, FROM_THE_RIGHT),
        ([(1, 20), (20, 30), (30, 2)], 20 * 30 + 30 * 2),
        ([(30,), (30, 20), (20,)], 30 * 20 + 20),
        ([(3, 4), (4, 5)], 3 * 4 * 5),
        ([(3, 4), (4, 5), (5, 6), (6, 1)], 5 * 6 + 4 * 5 + 3 * 4),
    ],
)
def test_multi_dot_is_in_the_cheapest_order(shapes: list[tuple[int, ...]], expected: int) -> None:
    """`multi_dot` multiplies in the order that costs least, as torch does."""
    model = Calls(lambda _, *x: torch.linalg.multi_dot(x))
    assert macs(model, tuple(R(shape) for shape in shapes)) == expected


def test_a_kronecker_product_sums_nothing() -> None:
    """Each element of a Kronecker product is one multiplication, and no multiply-add."""
    report = costlab.analyze(Calls(lambda _, a, b: torch.kron(a, b)), (R(2, 3), R(4, 5)))
    assert (report.total.macs, report.total.flops) == (0, 2 * 4 * 3 * 5)
    assert report.coverage.unknown == ()


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_distances(p: float) -> None:
    """Euclidean distances are a matrix product; others take three operations a pair and feature."""
    report = costlab.analyze(Calls(lambda _, a, b: torch.cdist(a, b, p=p)), (R(5, 8), R(6, 8)))
    assert report.coverage.unknown == ()
    products, others = (5 * 6 * 8, 0) if p == 2 else (0, 3 * 5 * 6 * 8)
    assert (report.total.macs, report.total.flops) == (products, 2 * products + others)


def by_output(
    input: tuple[int, ...],
    out: tuple[int, ...],
    kernel: int,
    stride: int,
    outputs: int,
    groups: int,
) -> int:
    """Products of a transposed convolution, asked of each place that its kernels reach.

    A place in the output, before padding takes some away, meets a tap for each input place that is
    at a whole number of strides from it.
    """
    batch, channels, *spatial = input
    count = 0
    for row in range(out[0]):
        for column in range(out[1]):
            for tap in range(kernel):
                for other in range(kernel):
                    down, along = row - tap, column - other
                    hits = down % stride == 0 and along % stride == 0
                    inside = 0 <= down < stride * spatial[0] and 0 <= along < stride * spatial[1]
                    count += hits and inside
    return count * batch * outputs * (channels // groups)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("padding", [0, 1])
def test_transposed_convolutions_by_their_output(stride: int, groups: int, padding: int) -> None:
    """What each output place sums is what each input place hands out, at any stride and groups."""
    layer = nn.ConvTranspose2d(4, 8, 3, stride, padding, groups=groups)
    whole = tuple((size - 1) * stride + 3 for size in (5, 6))
    truth = by_output((2, 4, 5, 6), whole, 3, stride, 8, groups)
    assert truth == loops.transposed_convolution((2, 4, 5, 6), tuple(layer.weight.shape))
    assert macs(layer, R(2, 4, 5, 6)) == truth
    assert macs(layer, R(4, 5, 6)) == truth // 2
    made = costlab.trace(layer, R(2, 4, 5, 6))
    assert made.tensors[made.outputs[0]].spec.shape == tuple(layer(R(2, 4, 5, 6)).shape)


def test_unfolding_and_folding_sum_no_product() -> None:
    """`unfold` moves elements; `fold` adds them up where windows meet: neither multiplies."""
    image = costlab.analyze(nn.Unfold(3, padding=1), R(2, 3, 8, 8), strict=True).total
    columns = costlab.analyze(nn.Fold((8, 8), 3, padding=1), R(2, 27, 64), strict=True).total
    assert (image.macs, image.flops) == (0, 0)
    assert (columns.macs, columns.flops) == (0, 2 * 27 * 64)


def product(name: str, *shapes: tuple[int, ...], macs: int) -> Any:
    """A case: the function of this name in `PRODUCTS`, its operands' shapes, its MACs."""
    return pytest.param(name, shapes, macs, id=name)


PRODUCTS: dict[str, Any] = {
    "matmul by operator": lambda m, x: x @ m.weight,
    "matmul from the right": lambda m, x: torch.matmul(m.weight, x),
    "broadcast on the left": lambda _, x, y: x @ y,
    "matrix by vector": lambda _, x, y: x @ y,
    "einsum with an ellipsis": lambda _, x, y: torch.einsum("...ij,...jk->...ik", x, y),
    "einsum of three": lambda _, x, y, z: torch.einsum("ij,jk,kl->il", x, y, z),
    "tensordot": lambda _, x, y: torch.tensordot(x, y, 2),
    "multi_dot": lambda _, x, y, z: torch.linalg.multi_dot([x, y, z]),
    "addmm": lambda _, x, y, z: torch.addmm(x, y, z),
    "baddbmm": lambda _, x, y, z: torch.baddbmm(x, y, z),
    "outer": lambda _, x, y: torch.outer(x, y),
    "dot": lambda _, x, y: torch.dot(x, y),
    "attention by keyword": lambda _, q, k, v: F.scaled_dot_product_attention(
        query=q, key=k, value=v, is_causal=True
    ),
    "attention of grouped queries": lambda _, q, k, v: F.scaled_dot_product_attention(
        q, k, v, enable_gqa=True
    ),
    "unfold and product": lambda m, x: m.weight.new_zeros(4, 27) @ F.unfold(x, 3),
}


@pytest.mark.parametrize(
    ("name", "shapes", "expected"),
    [
        product("matmul by operator", (3, 8), macs=3 * 8 * 8),
        product("matmul from the right", (8, 3), macs=8 * 8 * 3),
        product("broadcast on the left", (4, 8), (5, 8, 3), macs=5 * 4 * 8 * 3),
        product("matrix by vector", (4, 8), (8,), macs=4 * 8),
        product("einsum with an ellipsis", (2, 4, 8), (2, 8, 3), macs=2 * 4 * 8 * 3),
        product("einsum of three", (4, 8), (8, 3), (3, 5), macs=4 * 8 * 3 + 4 * 3 * 5),
        product("tensordot", (2, 3, 4), (3, 4, 5), macs=2 * 3 * 4 * 5),
        product("multi_dot", (4, 8), (8, 3), (3, 5), macs=4 * 8 * 3 + 4 * 3 * 5),
        product("addmm", (4, 3), (4, 8), (8, 3), macs=4 * 8 * 3),
        product("baddbmm", (2, 4, 3), (2, 4, 8), (2, 8, 3), macs=2 * 4 * 8 * 3),
        product("outer", (4,), (3,), macs=4 * 3),
        product("dot", (4,), (4,), macs=4),
        product("attention by keyword", *[(2, 4, 5, 8)] * 3, macs=2 * 4 * 5 * 5 * (8 + 8)),
        product(
            "attention of grouped queries",
            (2, 4, 5, 8),
            (2, 2, 5, 8),
            (2, 2, 5, 8),
            macs=2 * 4 * 5 * 5 * (8 + 8),
        ),
        product("unfold and product", (1, 3, 8, 8), macs=4 * 27 * 6 * 6),
    ],
)
def test_functional_products_are_counted(
    name: str, shapes: tuple[tuple[int, ...], ...], expected: int
) -> None:
    """A product costs its sizes, however it is written."""
    model = Calls(PRODUCTS[name])
    assert macs(model, tuple(R(shape) for shape in shapes)) == expected


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.ConvTranspose2d(8, 6, 4, 2, 1, groups=2), (2, 8, 5, 5), 2 * 8 * 5 * 5 * 3 * 4 * 4),
        (nn.Conv2d(3, 4, 3, padding="same"), (3, 8, 8), 4 * 8 * 8 * 3 * 3 * 3),
        (nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), (1, 3, 8, 8), 4 * 64 * 27),
        (nn.Conv1d(8, 8, 3, groups=8, dilation=2), (2, 8, 20), 2 * 8 * 16 * 3),
        (nn.Linear(8, 4), (2, 10, 8), 2 * 10 * 8 * 4),
        (nn.Linear(8, 4), (8,), 8 * 4),
        (nn.LSTM(8, 16, 2, bidirectional=True), (5, 2, 8), 10 * 2 * (64 * 24 + 64 * 48)),
        (nn.GRU(8, 16), (5, 2, 8), 10 * 3 * 16 * (8 + 16)),
        (nn.LSTMCell(8, 16), (2, 8), 2 * 4 * 16 * (8 + 16)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_layers_cost_their_equation(
    layer: nn.Module, shape: tuple[int, ...], expected: int
) -> None:
    """Transposed, padded, unbatched, grouped and recurrent layers cost what their equation says."""
    assert macs(layer, R(shape)) == expected
