"""Element-wise operations of activations, pooling, normalization and the rest."""

from __future__ import annotations

import pytest

from costlab.graph import TensorSpec
from costlab.ops import price
from tests.ops import loops

IMAGE = TensorSpec((2, 64, 8, 8))
ELEMENTS = 2 * 64 * 8 * 8
MATRIX = TensorSpec((6, 10))


@pytest.mark.parametrize(("size", "count"), [(8, 1), (8, 8), (7, 3), (5, 4), (3, 7), (17, 5)])
def test_adaptive_windows_against_loops(size: int, count: int) -> None:
    """Adaptive windows overlap where the sizes do not divide."""
    effect = price("adaptive_avg_pool1d", TensorSpec((1, 1, size)), count)
    assert effect.flops == loops.windows_covered(size, count)


def test_adaptive_pooling() -> None:
    """Inception-v3's last pooling, 8 x 8 to 1 x 1 over 2048 channels, takes 131,072 operations."""
    pooled = price("adaptive_avg_pool2d", TensorSpec((1, 2048, 8, 8)), (1, 1))
    assert pooled.flops == 8 * 8 * 2048 == 131_072
    assert pooled.shape == (1, 2048, 1, 1)
    assert price("adaptive_avg_pool2d", IMAGE, (4, None)).flops == ELEMENTS


def test_pooling() -> None:
    """A pooling looks at the whole window of each output element, padding included."""
    assert price("max_pool2d", IMAGE, 3, 2).flops == 2 * 64 * 3 * 3 * 9
    assert price("max_pool2d", IMAGE, 3, 2, 1).flops == 2 * 64 * 4 * 4 * 9
    assert price("avg_pool2d", IMAGE, (2, 4)).flops == 2 * 64 * 4 * 2 * 8
    values_and_places = price("max_pool2d_with_indices", IMAGE, 2)
    assert values_and_places.shapes == ((2, 64, 4, 4),) * 2
    assert values_and_places.dtype == ("same", "int64")
    assert price("lp_pool2d", IMAGE, 2, 2).flops == 2 * 64 * 4 * 4 * (4 + 1) + ELEMENTS


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "hardswish", "sigmoid", "exp", "add"])
def test_one_operation_an_element(name: str) -> None:
    """An activation is one operation an element, and so is a sum."""
    operands = [IMAGE, IMAGE] if name == "add" else [IMAGE]
    assert price(name, *operands)[1:3] == (0, ELEMENTS)


def test_broadcast_operands() -> None:
    """The elements of the output are counted, not those of an operand."""
    assert price("mul", IMAGE, TensorSpec((64, 1, 1))).flops == ELEMENTS
    assert price("__add__", TensorSpec((3, 1)), TensorSpec((1, 5))).flops == 3 * 5


def test_softmax_as_in_attention() -> None:
    """A softmax takes the 5 operations a score that attention counts."""
    q = TensorSpec((1, 1, 7, 4))
    scores = TensorSpec((1, 1, 7, 7))
    attention = price("scaled_dot_product_attention", q, q, q)
    assert price("softmax", scores, dim=-1).flops == attention.flops == 5 * 7 * 7


def test_normalizations() -> None:
    """With statistics at hand 2 operations an element, from the data 5."""
    c = TensorSpec((64,))
    assert price("batch_norm", IMAGE, c, c, c, c).flops == 2 * ELEMENTS
    assert price("batch_norm", IMAGE, c, c, c, c, training=True).flops == 5 * ELEMENTS
    assert price("layer_norm", IMAGE, (8, 8)).flops == 5 * ELEMENTS
    assert price("rms_norm", IMAGE, (8,)).flops == 4 * ELEMENTS
    assert price("local_response_norm", IMAGE, 5).flops == 9 * ELEMENTS


def test_dropout_in_each_mode() -> None:
    """In eval dropout is the input itself; in training it masks and scales."""
    assert price("dropout", IMAGE, 0.5, training=False).unchanged
    assert price("dropout", IMAGE, 0.5, training=False).flops == 0
    assert price("dropout", IMAGE, 0.5, training=True).flops == 2 * ELEMENTS
    for name in ("dropout", "dropout2d", "alpha_dropout", "feature_alpha_dropout"):
        assert price(name, IMAGE, 0.0, training=True).unchanged, "torch returns its input"


def test_reductions() -> None:
    """A reduction is one operation an input element; a variance 3, a norm 2, a sort n log n."""
    assert price("mean", MATRIX, 1).flops == 6 * 10
    assert price("var", MATRIX, 1).flops == 3 * 6 * 10
    assert price("norm", MATRIX).flops == 2 * 6 * 10
    assert price("logsumexp", MATRIX, 0).flops == 4 * 6 * 10
    assert price("topk", MATRIX, 3).flops == 6 * 10
    assert price("sort", MATRIX).flops == 6 * 10 * 4  # 2⁴ is the first power of two above 10
    assert price("argmax", MATRIX, 1).dtype == "int64"


def test_interpolation() -> None:
    """Nearest neighbours are moved; a linear mode takes 2 taps an axis, a cubic one 4."""
    doubled = 2 * 64 * 16 * 16
    assert price("interpolate", IMAGE, scale_factor=2).flops == 0
    assert price("interpolate", IMAGE, 16, mode="bilinear").flops == 2 * 2 * doubled
    assert price("interpolate", IMAGE, 16, mode="bicubic").flops == 4 * 2 * doubled
    halved = price("interpolate", IMAGE, 4, mode="bilinear", antialias=True)
    assert halved.flops == (2 * 2 + 2 * 2) * 2 * 64 * 4 * 4
    assert price("interpolate", IMAGE, (4, 4), mode="area").flops == ELEMENTS


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("cat", ([IMAGE, IMAGE], 1)),
        ("pad", (IMAGE, (1, 1))),
        ("flip", (IMAGE, 1)),
        ("clone", (IMAGE,)),
        ("half", (TensorSpec((2, 3), "float64"),)),
        ("embedding", (TensorSpec((2, 9), "int64"), TensorSpec((100, 16)))),
        ("pixel_shuffle", (IMAGE, 2)),
        ("unfold", (IMAGE, 3)),
    ],
)
def test_moving_elements_is_no_operation(name: str, args: tuple[object, ...]) -> None:
    """What only moves elements costs bytes, not operations."""
    effect = price(name, *args)
    assert (effect.macs, effect.flops) == (0, 0)
    assert not effect.unchanged


def test_adding_at_positions() -> None:
    """Scattered sums add an element of their source each; folded patches of the columns."""
    index = TensorSpec((4, 5), "int64")
    table, source = TensorSpec((9, 5)), TensorSpec((4, 5))
    assert price("scatter_add", table, 0, index, source).flops == 4 * 5
    assert price("scatter", table, 0, index, source).flops == 0
    columns = TensorSpec((3 * 4, 9))
    assert price("fold", columns, (4, 4), 2).flops == 3 * 4 * 9


def test_conversion_to_the_same_type() -> None:
    """A conversion to the type that a tensor has returns the tensor itself."""
    assert price("float", IMAGE).unchanged
    assert not price("half", IMAGE).unchanged
    assert price("type_as", IMAGE, MATRIX).unchanged


def test_weight_norm() -> None:
    """Each element is squared, added and scaled; each norm takes a root and a division."""
    v, g = TensorSpec((8, 3, 5)), TensorSpec((8, 1, 1))
    assert price("_weight_norm_interface", v, g).flops == 3 * 8 * 3 * 5 + 2 * 8
    assert price("_weight_norm_interface", v, TensorSpec((1, 1, 5)), 2).shapes == (
        (8, 3, 5),
        (1, 1, 5),
    )


def test_histogram() -> None:
    """Each element is shifted, scaled and counted; limits that are not given are looked for."""
    assert price("histc", MATRIX, 4, 0, 1).flops == 3 * 60
    assert price("histc", MATRIX).flops == 5 * 60
    assert price("histc", MATRIX).shape == (100,)


def test_searches() -> None:
    """A search halves what is left: among 7 there are 8 places, 3 comparisons; among 8, 4."""
    values = TensorSpec((4, 5))
    assert price("bucketize", values, TensorSpec((7,))).flops == 4 * 5 * 3
    assert price("searchsorted", TensorSpec((4, 8)), values).flops == 4 * 5 * 4
    assert price("isin", values, 2).flops == 4 * 5
    assert price("isin", values, TensorSpec((7,))).flops == 7 * 3 + 4 * 5 * 3


def test_the_rarer_operations() -> None:
    """What joins and moves costs nothing; the rest what its neighbours do."""
    x, at = TensorSpec((4, 5)), TensorSpec((3,), "int64")
    assert price("polar", x, x).flops == 4 * 5
    assert price("complex", x, x).flops == 0
    assert price("block_diag", x, x).flops == price("take", x, at).flops == 0
    assert price("put", x, at, TensorSpec((3,))).flops == 0
    assert price("put", x, at, TensorSpec((3,)), True).flops == 3
    assert price("logcumsumexp", x, 0).flops == 4 * 4 * 5
    assert price("renorm", x, 2, 0, 1.0).flops == 3 * 4 * 5
    assert price("nanmedian", x).flops == 4 * 5
