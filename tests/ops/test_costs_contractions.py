"""MACs of convolutions and products against plain loops and torch's own counter."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from costlab.graph import TensorSpec
from costlab.ops import price
from tests.ops import loops
from tests.ops.agreement import effect_of
from tests.ops.draws import randomly, tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random


def spec(*sizes: int) -> TensorSpec:
    """A float32 tensor of this shape."""
    return TensorSpec(sizes)


def counted(function: Callable[..., Any], *args: Any, **kwargs: Any) -> int:
    """MACs as torch's counter has them: half its FLOPs."""
    with FlopCounterMode(display=False) as counter:
        function(*args, **kwargs)
    return int(counter.get_total_flops()) // 2


@randomly(60)
def test_convolution_against_loops(rng: Random) -> None:
    """Each product of a convolution is counted once, those with padding too."""
    rank, groups = rng.randint(1, 2), rng.choice([1, 1, 2, 3])
    image = (rng.randint(1, 2), groups * rng.randint(1, 2), *[rng.randint(3, 7)] * rank)
    weight = (groups * rng.randint(1, 2), image[1] // groups, *[rng.randint(1, 3)] * rank)
    stride, padding, dilation = (
        tuple(rng.randint(*span) for _ in range(rank)) for span in ((1, 3), (0, 2), (1, 2))
    )
    effect = effect_of(
        f"conv{rank}d", spec(*image), spec(*weight), None, stride, padding, dilation, groups
    )
    truth = loops.convolution(image, weight, stride, padding, dilation, groups)
    assert (0 if effect is None else effect.macs) == truth


@randomly(60)
def test_transposed_convolution_against_loops(rng: Random) -> None:
    """A transposed convolution multiplies at input positions, whatever its stride."""
    rank, groups = rng.randint(1, 2), rng.choice([1, 1, 2, 3])
    image = (rng.randint(1, 2), groups * rng.randint(1, 2), *[rng.randint(1, 5)] * rank)
    weight = (image[1], rng.randint(1, 3), *[rng.randint(1, 3)] * rank)
    effect = price(
        f"conv_transpose{rank}d",
        spec(*image),
        spec(*weight),
        None,
        rng.randint(1, 3),
        groups=groups,
    )
    assert effect.macs == loops.transposed_convolution(image, weight)


@randomly(40)
def test_matrix_product_against_loops(rng: Random) -> None:
    """Batches are broadcast from either side."""
    n, m, p, b = (rng.randint(1, 4) for _ in range(4))
    left = rng.choice([(n, m), (b, n, m), (2, 1, n, m), (1, n, m)])
    right = rng.choice([(m, p), (b, m, p), (3, 1, m, p), (1, m, p)])
    if len(left) == len(right) == 4:
        left = (2, b, n, m)
        right = (1, b, m, p)
    effect = price("matmul", spec(*left), spec(*right))
    assert effect.macs == loops.matrix_product(left, right)


EQUATIONS = [
    ("ij", "jk", "ik"),
    ("bij", "bjk", "bik"),
    ("bhqd", "bhkd", "bhqk"),
    ("ijk", "jl", "il"),
    ("ij", "kj", "k"),
    ("bi", "oij", "bo"),
    ("i", "i", ""),
]


@pytest.mark.parametrize(("left", "right", "output"), EQUATIONS)
def test_einsum_against_loops_and_torch(left: str, right: str, output: str) -> None:
    """What contracts a label is counted as it is executed, after sums of one operand alone."""
    sizes = {label: 2 + at for at, label in enumerate("bhijklqdo")}
    operands = [tensor(*[sizes[label] for label in labels]) for labels in (left, right)]
    equation = f"{left},{right}->{output}"
    macs = price("einsum", equation, *operands).macs
    assert macs == loops.contraction(sizes, left, right, output)
    assert macs == counted(torch.einsum, equation, *operands)


@randomly(150)
def test_einsum_against_torch(rng: Random) -> None:
    """Random equations of two operands cost what the executed products cost."""
    sizes = {label: rng.randint(2, 4) for label in "ijkl"}
    left, right = ("".join(rng.sample("ijkl", rng.randint(0, 3))) for _ in range(2))
    output = [label for label in "ijkl" if label in left + right and rng.random() < 0.5]
    rng.shuffle(output)
    operands = [tensor(*[sizes[label] for label in labels]) for labels in (left, right)]
    equation = f"{left},{right}->{''.join(output)}"
    assert price("einsum", equation, *operands).macs == counted(torch.einsum, equation, *operands)


def test_einsum_of_elementwise_products() -> None:
    """What contracts nothing is element-wise; what is summed first costs an add an element."""
    a, b = spec(3, 4), spec(4, 5)
    assert price("einsum", "ij,ij->ij", a, a)[1:3] == (0, 3 * 4)
    assert price("einsum", "i,j->ij", spec(3), spec(5))[1:3] == (0, 3 * 5)
    assert price("einsum", "ij->i", a)[1:3] == (0, 3 * 4)
    assert price("einsum", "ij->ji", a)[1:3] == (0, 0)
    assert price("einsum", "ij,jk->j", a, b)[1:3] == (0, 3 * 4 + 4 * 5 + 4)
    assert price("einsum", "ij,jk->k", a, b)[1:3] == (4 * 5, 3 * 4)
    assert effect_of("einsum", "ij,jk,kl->il", a, b, spec(5, 6)) is None


@pytest.mark.parametrize(
    ("name", "function", "shapes"),
    [
        ("mm", torch.mm, [(3, 4), (4, 5)]),
        ("bmm", torch.bmm, [(2, 3, 4), (2, 4, 5)]),
        ("addmm", torch.addmm, [(3, 5), (3, 4), (4, 5)]),
        ("baddbmm", torch.baddbmm, [(2, 3, 5), (2, 3, 4), (2, 4, 5)]),
        ("matmul", torch.matmul, [(2, 3, 4), (4, 5)]),
        ("matmul", torch.matmul, [(3, 4), (2, 4, 5)]),
        ("tensordot", torch.tensordot, [(2, 3, 4), (3, 4, 5)]),
        ("inner", torch.inner, [(2, 3, 4), (5, 4)]),
        ("linear", F.linear, [(2, 7, 3), (5, 3)]),
        ("conv1d", F.conv1d, [(2, 3, 9), (4, 3, 3)]),
        ("conv3d", F.conv3d, [(2, 3, 5, 6, 7), (4, 3, 3, 1, 2)]),
        ("conv_transpose2d", F.conv_transpose2d, [(2, 3, 5, 6), (3, 4, 2, 3)]),
        ("scaled_dot_product_attention", F.scaled_dot_product_attention, [(2, 4, 5, 8)] * 3),
    ],
)
def test_against_torch(name: str, function: Callable[..., Any], shapes: list[Any]) -> None:
    """Where torch's counter sees a product, the rule has the same count."""
    tensors = [torch.ones(sizes, requires_grad=True) for sizes in shapes]
    with torch.device("meta"):
        operands = [torch.empty(sizes) for sizes in shapes]
    # On meta, torch decomposes attention into the products that it is made of.
    assert price(name, *tensors).macs == counted(function, *operands)


def test_products_that_other_counters_miss() -> None:
    """Products of vectors, `same` padding and groups are counted like any other."""
    assert price("matmul", spec(3, 4), spec(4)).macs == 3 * 4
    assert price("dot", spec(7), spec(7)).macs == 7
    assert price("linear", spec(10, 197, 768), spec(3072, 768)).macs == 10 * 197 * 768 * 3072
    same = price("conv2d", spec(1, 96, 17, 17), spec(64, 96, 3, 3), padding="same")
    assert same.macs == 96 * 17 * 17 * 64 * 9
    depthwise = price("conv2d", spec(1, 32, 112, 112), spec(32, 1, 3, 3), None, 1, 1, 1, 32)
    assert depthwise.macs == 32 * 112 * 112 * 9
    assert (
        price("bilinear", spec(5, 3), spec(5, 4), spec(2, 3, 4)).macs == 5 * 2 * 3 * 4 + 5 * 2 * 4
    )
    assert price("cdist", spec(2, 5, 8), spec(2, 6, 8)).macs == 2 * 5 * 6 * 8
    assert price("cdist", spec(5, 8), spec(6, 8), 1.0).flops == 3 * 5 * 6 * 8


@pytest.mark.parametrize(
    ("rows", "heads", "causal"), list(product([1, 197], [1, 12], [False, True]))
)
def test_attention(rows: int, heads: int, causal: bool) -> None:
    """Full attention is counted, causal or not: two products of rows by rows."""
    q = spec(2, heads, rows, 64)
    effect = price("scaled_dot_product_attention", q, q, q, is_causal=causal)
    assert effect.macs == 2 * heads * rows * rows * (64 + 64)
    assert effect.flops == 2 * heads * rows * rows * (6 if causal else 5)
