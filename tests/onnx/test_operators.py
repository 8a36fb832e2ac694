"""Each operator that contracts, against loops written out; and that no operator is forgotten."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto, defs, helper

from costlab.graph import Coverage
from costlab.onnx.operators import MICROSOFT, TABLE, UNKNOWN
from tests.onnx.making import counted, held, model, numbers, single, values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTROL = {"If", "Loop", "Scan"}
SINGLE_PRODUCTS: dict[str, tuple[tuple[int, ...], ...]] = {
    "vectors": ((5,), (5,)),
    "a vector and a matrix": ((5,), (5, 3)),
    "batches": ((4, 1, 2, 5), (3, 5, 6)),
}


def test_every_operator_is_priced_free_or_named_as_unknown() -> None:
    """An operator that a release of ONNX adds fails here until it is sorted."""
    for schema in defs.get_all_schemas():
        if schema.domain:
            continue
        name: Any = schema.name
        defined = schema.has_function or schema.has_context_dependent_function  # type: ignore[attr-defined]  # published types lack these two
        sorted_in = [("", name) in TABLE, name in UNKNOWN, name in CONTROL]
        assert sum(sorted_in) == 1 or (not any(sorted_in) and defined), name


def test_unknown_operators_are_operators() -> None:
    """The list of unknown operators holds no name that ONNX does not have."""
    known = {schema.name for schema in defs.get_all_schemas() if not schema.domain}
    assert known >= UNKNOWN
    unregistered = {op for domain, op in TABLE if not domain and op not in known}
    assert unregistered == {"SimplifiedLayerNormalization"}


def windows(size: int, kernel: int, stride: int, dilation: int, pads: tuple[int, int]) -> int:
    """How often a kernel fits along an axis, by trying each place."""
    reach = dilation * (kernel - 1)
    places = range(-pads[0], size + pads[1] - reach, stride)
    return len(places)


def convolutions() -> Iterator[dict[str, Any]]:
    """Convolutions with every combination of some options."""
    for kernel, stride, dilation, group, pads in product(
        ((1, 1), (3, 2)), ((1, 1), (2, 1)), ((1, 1), (2, 2)), (1, 2), ((0, 0, 0, 0), (1, 0, 2, 1))
    ):
        yield {
            "kernel_shape": kernel,
            "strides": stride,
            "dilations": dilation,
            "group": group,
            "pads": pads,
        }


@pytest.mark.parametrize("options", list(convolutions()))
def test_a_convolution_costs_its_products(options: dict[str, Any], tmp_path: Path) -> None:
    """Each output element takes the kernel and the channels of its group, padding included."""
    image, outputs = (2, 4, 9, 8), 6
    kernel, pads = options["kernel_shape"], options["pads"]
    weight = held("w", outputs, image[1] // options["group"], *kernel)
    total = single(tmp_path, "Conv", [image], initializers=[weight], **options).total
    grid = [
        windows(size, *each)
        for size, *each in zip(
            image[2:], kernel, options["strides"], options["dilations"],
            [(pads[0], pads[2]), (pads[1], pads[3])], strict=True,
        )
    ]  # fmt: skip
    channels = image[1] // options["group"]
    assert total.macs == 2 * outputs * grid[0] * grid[1] * channels * kernel[0] * kernel[1]
    assert total.flops == 2 * total.macs


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_a_convolution_pads_itself(auto: str, tmp_path: Path) -> None:
    """`auto_pad` gives the grid that ONNX infers."""
    total = single(
        tmp_path, "Conv", [(1, 3, 10, 7)], initializers=[held("w", 5, 3, 3, 4), held("b", 5)],
        auto_pad=auto, strides=[2, 2],
    ).total  # fmt: skip
    grid = 5 * 4 if auto != "VALID" else 4 * 2
    assert total.macs == 5 * grid * 3 * 3 * 4
    assert total.flops == 2 * total.macs + 5 * grid


def test_a_transposed_convolution_costs_its_inputs(tmp_path: Path) -> None:
    """Each input element meets the whole kernel, whatever is cut off at the edges."""
    total = single(
        tmp_path, "ConvTranspose", [(2, 6, 5, 4)],
        initializers=[held("w", 6, 3, 3, 2), held("b", 6)],
        strides=[2, 2], pads=[1, 0, 0, 1], output_padding=[1, 0], group=2,
    ).total  # fmt: skip
    assert total.macs == 2 * 6 * 5 * 4 * 3 * 3 * 2
    assert total.flops == 2 * total.macs + 2 * 6 * (4 * 2 - 1 + 3 + 1) * (3 * 2 - 1 + 2)


def test_a_deformed_convolution_samples(tmp_path: Path) -> None:
    """Each product reads 4 taps between the grid's points, and one more for a mask."""
    shapes = [(1, 4, 6, 6), (8, 4, 3, 3), (1, 18, 4, 4), (8,), (1, 9, 4, 4)]
    total = single(tmp_path, "DeformConv", shapes, opset=19).total
    assert total.macs == 8 * 4 * 4 * 4 * 3 * 3
    assert total.flops == 2 * total.macs + 8 * 16 + 4 * 9 * 16 * (4 + 1)


@pytest.mark.parametrize("shapes", SINGLE_PRODUCTS.values(), ids=SINGLE_PRODUCTS)
def test_a_product_costs_its_sums(shapes: tuple[tuple[int, ...], ...], tmp_path: Path) -> None:
    """Each element that numpy's product has is a sum over the common axis."""
    total = single(tmp_path, "MatMul", shapes).total
    made = np.matmul(*(np.zeros(shape) for shape in shapes))
    assert total.macs == made.size * 5


@pytest.mark.parametrize(("a", "b"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_gemm_may_turn_its_operands(a: int, b: int, tmp_path: Path) -> None:
    """A transposed operand costs the same; a third one an addition an element."""
    shapes = [(4, 5) if a else (5, 4), (6, 4) if b else (4, 6), (6,)]
    total = single(tmp_path, "Gemm", shapes, transA=a, transB=b).total
    assert total.macs == 5 * 6 * 4
    assert total.flops == 2 * total.macs + 5 * 6


def test_an_einstein_sum_costs_its_pairs(tmp_path: Path) -> None:
    """A sum over a label is a product a combination of all labels."""
    total = single(tmp_path, "Einsum", [(2, 3, 4), (2, 4, 5)], equation="bij,bjk->bik").total
    assert total.macs == 2 * 3 * 4 * 5
    three = single(tmp_path, "Einsum", [(2, 3), (3, 4), (4, 5)], equation="ij,jk,kl->il")
    assert [unknown.op for unknown in three.coverage.unknown] == ["Einsum"]


@pytest.mark.parametrize(("op", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_a_recurrent_layer_costs_its_gates(op: str, gates: int, tmp_path: Path) -> None:
    """Each step multiplies the input and the state by the weights of every gate."""
    steps, batch, width, hidden, directions = 5, 3, 7, 4, 2
    weights = [
        held("w", directions, gates * hidden, width),
        held("r", directions, gates * hidden, hidden),
        held("b", directions, 2 * gates * hidden),
    ]
    made = single(
        tmp_path, op, [(steps, batch, width)], initializers=weights,
        hidden_size=hidden, direction="bidirectional",
    )  # fmt: skip
    each = sum(hidden * (width + hidden) for _ in range(gates))
    assert made.total.macs == steps * batch * directions * each
    assert made.total.params == directions * gates * hidden * (width + hidden + 2)
    short = single(
        tmp_path, op, [(steps, batch, width)],
        initializers=[*weights, numbers("lengths", [5, 1, 2], np.int32)],
        hidden_size=hidden, direction="bidirectional",
    )  # fmt: skip
    assert short.total.macs == (5 + 1 + 2) * directions * each


def test_attention_costs_two_products(tmp_path: Path) -> None:
    """Scores and values, over a cache too, in full under a causal mask; few keys serve many."""
    query, key, past = (2, 8, 5, 16), (2, 4, 6, 16), (2, 4, 10, 16)
    total = single(
        tmp_path, "Attention", [query, key, key, None, past, past], opset=23, is_causal=1
    ).total
    scores = 2 * 8 * 5 * (10 + 6)
    assert total.macs == scores * 2 * 16
    assert total.flops == 2 * total.macs + scores * (5 + 1)
    flat = single(
        tmp_path, "Attention", [(2, 5, 128), (2, 6, 64), (2, 6, 64)],
        opset=23, q_num_heads=8, kv_num_heads=4,
    ).total  # fmt: skip
    assert flat.macs == 2 * 8 * 5 * 6 * 2 * 16


def test_attention_of_onnxruntime(tmp_path: Path) -> None:
    """Its three forms: with projections, after them, and with keys for groups of heads."""
    whole = single(
        tmp_path, "Attention", [(2, 5, 32)], initializers=[held("w", 32, 96), held("b", 96)],
        domain=MICROSOFT, num_heads=4,
    ).total  # fmt: skip
    scores = 2 * 4 * 5 * 5
    assert whole.macs == 2 * 5 * 32 * 96 + scores * 2 * 8
    assert whole.flops == 2 * whole.macs + 2 * 5 * 96 + scores * 5
    each = single(
        tmp_path, "MultiHeadAttention", [(2, 5, 32), (2, 7, 32), (2, 7, 32)],
        domain=MICROSOFT, num_heads=4,
    ).total  # fmt: skip
    assert each.macs == 2 * 4 * 5 * 7 * 2 * 8
    grouped = single(
        tmp_path, "GroupQueryAttention",
        [(1, 3, 32), (1, 3, 16), (1, 3, 16), (1, 2, 9, 8), (1, 2, 9, 8)],
        domain=MICROSOFT, num_heads=4, kv_num_heads=2,
    ).total  # fmt: skip
    assert grouped.macs == 4 * 3 * (9 + 3) * 2 * 8


def test_weights_of_four_bits_count_as_what_they_are(tmp_path: Path) -> None:
    """`MatMulNBits` packs two weights in a byte: N·K parameters, N·K products a row."""
    rows, columns, block = 24, 64, 32
    packed = held("w", rows, columns // block, block // 2, dtype=np.uint8)
    made = single(
        tmp_path, "MatMulNBits", [(5, columns)],
        initializers=[packed, held("s", rows * columns // block)],
        domain=MICROSOFT, N=rows, K=columns, bits=4, block_size=block,
    )  # fmt: skip
    assert made.total.macs == 5 * rows * columns
    assert made.total.params == rows * columns
    assert made.parameters is not None
    assert made.parameters.bytes == rows * columns // 2 + 4 * rows * columns // block


def test_integers_cost_the_products_of_floats(tmp_path: Path) -> None:
    """Quantized convolutions and products have the multiply-adds and weights of plain ones."""
    image, weight = (1, 4, 6, 6), held("w", 8, 4, 3, 3, dtype=np.int8)
    scales, zero = (
        [numbers(f"s{at}", 1.0, np.float32) for at in range(3)],
        numbers("z", 0, np.uint8),
    )
    zero_w = numbers("zw", 0, np.int8)
    conv = single(
        tmp_path, "ConvInteger", [image], initializers=[weight], types=[TensorProto.UINT8]
    )
    assert conv.total.macs == 8 * 4 * 4 * 4 * 3 * 3
    assert conv.total.params == 8 * 4 * 3 * 3
    node = helper.make_node(
        "QLinearConv", ["x", "s0", "z", "w", "s1", "zw", "s2", "z"], ["y"], name="/q/conv"
    )
    made = counted(
        model(
            [node], values({"x": image}, TensorProto.UINT8), ["y"],
            [*scales, zero, zero_w, weight],
        ),
        tmp_path,
    )  # fmt: skip
    assert made.total.macs == conv.total.macs
    assert made.total.flops == 2 * made.total.macs + 8 * 16 * 4 + 4 * 36 + 8 * 36
    assert made.total.params == 8 * 4 * 3 * 3
    assert made.parameters is not None
    assert made.parameters.bytes == 8 * 36 + 4 + 1
    product_of = single(
        tmp_path, "MatMulInteger", [(3, 5)], types=[TensorProto.UINT8],
        initializers=[held("w", 5, 7, dtype=np.int8)],
    )  # fmt: skip
    assert product_of.total.macs == 3 * 5 * 7


def test_fused_operators_are_the_sum_of_their_parts(tmp_path: Path) -> None:
    """Fusions of onnxruntime cost the operation and what is fused to it."""
    conv = single(
        tmp_path, "FusedConv", [(1, 3, 6, 6)], initializers=[held("w", 4, 3, 3, 3), held("b", 4)],
        domain=MICROSOFT, activation="Relu",
    ).total  # fmt: skip
    assert conv.flops == 2 * conv.macs + 4 * 16 + 4 * 16
    turned = single(
        tmp_path, "FusedMatMul", [(2, 5, 3), (2, 5, 7)], domain=MICROSOFT, transA=1, alpha=0.5
    ).total
    assert turned.macs == 2 * 3 * 5 * 7
    assert turned.flops == 2 * turned.macs + 2 * 3 * 7


def test_an_operator_that_nobody_knows_is_named(tmp_path: Path) -> None:
    """One of a domain of its own is unknown, by name and place, and the total a lower bound."""
    made = single(tmp_path, "Mystery", [(2, 3)], domain="org.example")
    (unknown,) = made.coverage.unknown
    assert unknown.op == "org.example.Mystery"
    assert any("lower bound" in warning for warning in made.warnings)
    assert all(op.coverage is not Coverage.UNKNOWN for op in TABLE.values())


def test_an_operator_without_a_rule_is_counted_by_its_definition(tmp_path: Path) -> None:
    """What ONNX defines by other operators costs what they do."""
    made = single(tmp_path, "DynamicQuantizeLinear", [(4, 8)], outputs=3)
    assert made.coverage.unknown == ()
    assert "ReduceMax" in {op.op for block in made.root.walk() for op in block.ops}
