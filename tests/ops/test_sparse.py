"""Products with sparse matrices: the elements that are stored are multiplied, and no others."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import costlab

if TYPE_CHECKING:
    from collections.abc import Callable

EDGES = ((0, 1), (1, 0), (1, 2), (2, 1), (3, 0), (3, 1), (3, 3))
NODES, WIDTH = 4, 3
LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "coo": lambda dense: dense.to_sparse(),
    "csr": lambda dense: dense.to_sparse_csr(),
    "csc": lambda dense: dense.to_sparse_csc(),
    "bsr": lambda dense: dense.to_sparse_bsr((2, 2)),
}
sparse: Any = torch.sparse
PRODUCTS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "sparse.mm": sparse.mm,
    "sparse.addmm": lambda a, x: sparse.addmm(x, a, x),
    "@": lambda a, x: a @ x,
    "mm": torch.mm,
    "matmul": torch.matmul,
    "addmm": lambda a, x: torch.addmm(x, a, x),
}


class Graph(nn.Module):
    """A product of a sparse matrix that the model holds and its input."""

    adjacency: torch.Tensor

    def __init__(self, layout: str, product: Callable[[Any, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        dense = torch.zeros(NODES, NODES)
        dense[tuple(zip(*EDGES, strict=True))] = 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # compressed layouts are in beta
            self.register_buffer("adjacency", LAYOUTS[layout](dense))
        self.product = product

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One step along the edges."""
        return self.product(self.adjacency, x)


def multiplied(matrix: torch.Tensor, columns: int) -> int:
    """The multiplications of a product, in a loop over what the matrix stores."""
    values = matrix._values() if matrix.layout is torch.sparse_coo else matrix.values()
    return sum(1 for _ in values.flatten() for _ in range(columns))


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_stored_elements_are_multiplied(
    layout: str, product: Callable[[Any, torch.Tensor], torch.Tensor]
) -> None:
    """Their number times the columns, however it is written; of blocks all of their elements."""
    model = Graph(layout, product)
    report = costlab.analyze(model, torch.randn(NODES, WIDTH))
    expected = {"bsr": 4 * 4}.get(layout, len(EDGES)) * WIDTH
    assert multiplied(model.adjacency, WIDTH) == expected == report.total.macs
    assert report.coverage.unknown == ()


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
def test_all_tensors_count_the_same(on: str) -> None:
    """A matrix that the model holds stores what it stores, whatever the forward runs on."""
    model = Graph("coo", PRODUCTS["sparse.mm"])
    assert costlab.analyze(model, torch.randn(NODES, WIDTH), on=on).total.macs == 7 * WIDTH


def test_a_vector_and_the_other_side() -> None:
    """A vector is one column; a sparse right operand meets each row of the left one."""
    vector = Graph("coo", torch.mv)
    assert costlab.analyze(vector, torch.randn(NODES)).total.macs == len(EDGES)
    right = Graph("csr", lambda a, x: x @ a)
    assert costlab.analyze(right, torch.randn(5, NODES)).total.macs == 5 * len(EDGES)


@pytest.mark.parametrize("on", ["auto", "real"])
@pytest.mark.parametrize("layout", ["coo", "csr"])
def test_a_linear_layer_multiplies_its_stored_weights(layout: str, on: str) -> None:
    """Each stored weight meets each row, whether the layer or its function is called."""
    model = Graph(layout, lambda a, x: nn.functional.linear(x, a))
    assert costlab.analyze(model, torch.randn(5, NODES), on=on).total.macs == 5 * len(EDGES)
    layer = nn.Linear(NODES, NODES, bias=False)
    layer.weight = nn.Parameter(model.adjacency, requires_grad=False)
    assert costlab.analyze(layer, torch.randn(5, NODES), on=on).total.macs == 5 * len(EDGES)


@pytest.mark.parametrize("on", ["auto", "real"])
def test_rows_of_a_batch_meet_a_sparse_matrix(on: str) -> None:
    """Torch lays the rows of a batch out in one matrix: each meets each stored element."""
    model = Graph("csr", lambda a, x: x @ a)
    assert costlab.analyze(model, torch.randn(2, 3, NODES), on=on).total.macs == 6 * len(EDGES)


def test_a_sparse_input_on_shapes_is_unknown() -> None:
    """A spec of a sparse input has no elements, so that no number is made up; a real one has."""
    model = Graph("coo", lambda a, x: sparse.mm(x, a.to_dense()))
    given = model.adjacency
    on_shapes = costlab.analyze(model, given, on="meta")
    assert on_shapes.total.macs == 0
    assert on_shapes.is_lower_bound
    on_values = costlab.analyze(model, given, on="real")
    assert on_values.total.macs == len(EDGES) * NODES


def test_two_sparse_operands_are_unknown() -> None:
    """How many elements meet depends on where they are."""
    report = costlab.analyze(Graph("coo", lambda a, x: sparse.mm(a, a) @ x), torch.randn(4, 3))
    assert report.is_lower_bound
