"""The table of operations: what is in it, what is not, and that it is there without torch."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch.overrides import get_overridable_functions

from costlab.errors import UnknownOperationError
from costlab.graph import Coverage, TensorSpec
from costlab.ops import ALIASES, METADATA, OPS, PARTS, price
from tests.ops.agreement import agrees
from tests.ops.typical import CALLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from costlab.ops import Op

DESCENDED = frozenset({
    "affine_grid", "conv_tbc", "cosine_embedding_loss", "ctc_loss",
    "gaussian_nll_loss", "gumbel_softmax", "hinge_embedding_loss", "kl_div",
    "linear_cross_entropy", "margin_ranking_loss", "multi_head_attention_forward",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "pdist",
    "poisson_nll_loss", "soft_margin_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
})  # fmt: skip
"""Functionals without a rule, reviewed: compositions, losses, and what depends on values."""

UNPRICED_METHODS = frozenset({
    # Depend on values, or read them.
    "argwhere", "bincount", "equal", "allclose", "histogram", "item",
    "masked_select", "nonzero", "nonzero_static", "tolist", "unique", "unique_consecutive", "mode",
    # Decompositions and solvers.
    "cholesky", "cholesky_inverse", "cholesky_solve", "det", "geqrf", "inverse", "logdet", "lu",
    "lu_solve", "matrix_exp", "matrix_power", "orgqr", "ormqr", "pinverse", "qr", "slogdet", "svd",
    "triangular_solve",
    # Signals and statistics.
    "corrcoef", "cov", "istft", "nanmean", "nanquantile", "quantile", "stft",
    # Random numbers.
    "bernoulli", "cauchy", "exponential", "geometric", "log_normal", "multinomial", "normal",
    "random", "uniform",
    # Rare arithmetic.
    "aminmax", "angle", "conj_physical", "cross", "diff", "dist", "float_power", "frexp", "gcd",
    "heaviside", "igamma", "igammac", "isclose", "isreal", "lcm", "ldexp", "logit",
    "mvlgamma", "nextafter", "polygamma", "sgn", "trace",
    # Rare moves.
    "as_strided_scatter", "diag", "diag_embed", "diagflat", "diagonal_scatter", "fill_diagonal",
    "index_reduce", "msort", "narrow_copy", "select_scatter", "slice_scatter",
    "sum_to_size", "chalf",
})  # fmt: skip
"""Methods of a tensor without a rule, reviewed; sparse, quantized and storage ones are apart."""

PLUMBING = frozenset({
    "apply", "backward", "ccol_indices", "coalesce", "col_indices", "const_data_ptr",
    "crow_indices", "data_ptr", "dequantize", "hash_tensor", "indices", "int_repr", "ipu",
    "is_nonzero", "map", "map2", "module_load", "mtia", "numpy", "pin_memory", "q_per_channel_axis",
    "q_per_channel_scales", "q_per_channel_zero_points", "q_scale", "q_zero_point", "resize",
    "resize_as", "resize_as_sparse", "row_indices", "set", "share_memory", "slice_inverse", "smm",
    "sparse_mask", "sparse_resize", "sparse_resize_and_clear", "sspaddmm", "to_dense", "to_mkldnn",
    "to_sparse", "values", "xpu", "index",
})  # fmt: skip
"""Methods that are not of dense tensors, or make none."""


ELSEWHERE = frozenset({
    "_sparse_mm", "_sparse_addmm",  # test_sparse
    "quantized::linear_dynamic", "quantized::linear_relu_dynamic", "quantized_lstm",
    "quantized_gru",  # test_quantized_layers
    "torchvision::roi_align",  # test_detectors
})  # fmt: skip
"""Rules that read more than a shape, or whose kernel is another library's; where they are tried."""
TYPICAL = [name for name, op in OPS.items() if op.rule is not None and name not in ELSEWHERE]


@pytest.mark.parametrize("name", TYPICAL)
def test_every_rule_answers_a_typical_call(name: str) -> None:
    """No rule declines what it is there for."""
    function, args, kwargs = CALLS[name]
    assert agrees(name, function, *args, **kwargs)


def test_calls_are_of_rules() -> None:
    """The typical calls are those of the table, one each."""
    assert CALLS.keys() == set(TYPICAL)
    assert OPS.keys() >= ELSEWHERE


def test_torch_is_not_imported() -> None:
    """Rules are there without torch, and cost no second to import."""
    check = "import costlab.ops, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_views_are_free_and_fast() -> None:
    """The kernels of views run on meta without importing torch's symbolic shapes."""
    check = """
import sys, torch
x = torch.empty(4, 6, 8, 8, device="meta")
m = torch.empty(6, 8, device="meta")
x.view(4, -1), x.reshape(4, -1), x.transpose(1, 2).reshape(4, -1), x.flatten(1), x.ravel()
x.unflatten(1, (2, 3)), x.permute(0, 2, 3, 1), x.transpose(1, 2), m.t(), m.T, x.mT, x.squeeze()
x.unsqueeze(0), x.expand(2, 4, 6, 8, 8), m.expand_as(x[:, 0, :6]), x.narrow(1, 0, 2)
x.select(1, 0), x.chunk(2), x.split(2), x.split_with_sizes([1, 3]), x.unbind(), x.tensor_split(2)
x.unfold(2, 2, 2), x.diagonal(), x.view_as(x), x.detach(), x.data, x.swapaxes(0, 1)
x.movedim(0, 1), x[0], x[..., None], x[:, 1:3], x.contiguous(), x.real
torch.broadcast_tensors(x, x), torch.meshgrid(m[0], m[0], indexing="ij"), torch.atleast_2d(x)
assert "sympy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", check], check=True)


def twice(parts: Iterable[Mapping[str, Op]]) -> set[str]:
    """The names that stand in more than one table."""
    return {name for name, times in Counter(chain.from_iterable(parts)).items() if times > 1}


def test_a_name_stands_in_one_table() -> None:
    """No table replaces an operation of another one; one that is listed twice is found."""
    assert twice(PARTS) == set()
    assert twice([*PARTS, PARTS[0]]) == PARTS[0].keys()


def test_kinds_do_not_overlap() -> None:
    """An operation is priced, or free, or tells only about a tensor."""
    assert not METADATA & OPS.keys()
    assert not METADATA & ALIASES.keys()
    assert not ALIASES.keys() & OPS.keys()
    assert set(ALIASES.values()) <= OPS.keys()
    for op in OPS.values():
        assert (op.rule is None) == (op.coverage is Coverage.FREE)


def test_metadata_is_of_torch() -> None:
    """What is named exists, so that no misspelling hides in the set."""
    missing = {name for name in METADATA if not hasattr(torch.Tensor, name)}
    assert missing <= {
        "can_cast",
        "result_type",
        "_has_compatible_shallow_copy_type",
        "is_view",
        "names",
    }


def listed(name: str) -> bool:
    """Whether a function of this name has a rule, is free or tells only about a tensor."""
    return (
        name in METADATA
        or name in OPS
        or name in ALIASES
        or f"Tensor.{name}" in OPS
        or (name.endswith("_") and not name.endswith("__") and listed(name[:-1]))
    )


def overridable(namespace: Any) -> set[str]:
    """The names of the functions of a namespace that torch lets others carry out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of what is deprecated among them
        functions = get_overridable_functions()[namespace]
    return {getattr(function, "__name__", "") for function in functions}


def test_functionals_without_a_rule_are_known() -> None:
    """A functional is listed, or stands in the reviewed set: a new one of torch is noticed."""
    assert {name for name in overridable(F) if not listed(name)} == DESCENDED


def test_methods_without_a_rule_are_known() -> None:
    """A method of a tensor is listed, or stands in one of the reviewed sets."""
    public = {name for name in overridable(torch.Tensor) if not name.startswith("_")}
    unlisted = {name.removesuffix("_") for name in public if not listed(name)}
    assert unlisted <= UNPRICED_METHODS | PLUMBING


def test_operators_are_listed() -> None:
    """Each operator of Python, also reflected and in place, finds its operation."""
    operators = {
        name
        for name in overridable(torch.Tensor)
        if name.startswith("__") and hasattr(int, name) and not listed(name)
    }
    values = {"__bool__", "__float__", "__int__", "__index__", "__format__", "__reduce_ex__"}
    assert operators - values <= {"__rlshift__", "__rrshift__"}


def test_unknown_names() -> None:
    """A name that no rule has is refused, with the nearest that one has."""
    with pytest.raises(UnknownOperationError, match=r"no rule prices conv2; .* mean conv2d"):
        price("conv2")
    with pytest.raises(UnknownOperationError, match="nothing is to be priced of the view reshape"):
        price("reshape", TensorSpec((2, 3)), (3, 2))
