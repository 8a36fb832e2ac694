"""The trap of silence: what has no number that people agree on is named, and never zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import costlab
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

R = torch.randn
SQUARE = (R(4, 4),)
SYSTEM = (R(4, 4), R(4, 2))

UNKNOWN: dict[str, tuple[Callable[..., Any], tuple[torch.Tensor, ...], str]] = {
    "fft": (torch.fft.fft, (R(4, 16),), "_fft_"),
    "rfft2": (torch.fft.rfft2, (R(4, 16, 16),), "_fft_r2c"),
    "irfft": (lambda x: torch.fft.irfft(torch.fft.rfft(x)), (R(4, 16),), "_fft_c2r"),
    "stft": (
        lambda x: torch.stft(x, 16, window=torch.ones(16), return_complex=True), (R(64),),
        "_fft_r2c",
    ),
    "solve": (torch.linalg.solve, SYSTEM, "_linalg_solve_ex"),
    "inv": (torch.linalg.inv, SQUARE, "linalg_inv_ex"),
    "svd": (torch.linalg.svd, SQUARE, "_linalg_svd"),
    "svdvals": (torch.linalg.svdvals, SQUARE, "_linalg_svd"),
    "cholesky": (torch.linalg.cholesky, SQUARE, "linalg_cholesky_ex"),
    "qr": (torch.linalg.qr, SQUARE, "linalg_qr"),
    "eigh": (torch.linalg.eigh, SQUARE, "_linalg_eigh"),
    "det": (torch.linalg.det, SQUARE, "_linalg_det"),
    "lu": (torch.linalg.lu, SQUARE, "linalg_lu"),
    "pinv": (torch.linalg.pinv, SQUARE, "linalg_pinv"),
    "matrix_exp": (torch.linalg.matrix_exp, SQUARE, "linalg_matrix_exp"),
    "solve_triangular": (
        lambda a, b: torch.linalg.solve_triangular(a, b, upper=True), SYSTEM,
        "linalg_solve_triangular",
    ),
    "cross": (torch.linalg.cross, (R(5, 3), R(5, 3)), "linalg_cross"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_not_priced_is_named(case: str) -> None:
    """Each is unknown by its kernel's name, with what it wrote; the total is a lower bound."""
    function, inputs, kernel = UNKNOWN[case]
    report = costlab.analyze(Calls(lambda _, *x: function(*x)), inputs)
    named = {unknown.op: unknown.elements for unknown in report.coverage.unknown}
    assert any(kernel in op and elements > 0 for op, elements in named.items()), named
    assert report.is_lower_bound
    with pytest.raises(costlab.UnknownOperationError, match=kernel):
        costlab.analyze(Calls(lambda _, *x: function(*x)), inputs, strict=True)


HIDDEN: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "a quantized tensor": (
        lambda: Calls(lambda _, x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8).dequantize()),
        "quantize",
    ),
    "a sparse product": (lambda: Calls(lambda _, x: torch.sparse.mm(x.to_sparse(), x)), "sparse"),
    "a compressed product": (lambda: Calls(lambda _, x: x.to_sparse_csr() @ x), "sparse"),
    "a sparse weight": (lambda: Calls(lambda m, x: m.weight.to_sparse() @ x), "sparse"),
}


@pytest.mark.parametrize("on", ["auto", "meta"])
@pytest.mark.parametrize("case", HIDDEN)
@pytest.mark.filterwarnings("ignore")  # torch.ao is deprecated, and sparse layouts are in beta
def test_quantized_and_sparse_tensors_are_named(case: str, on: str) -> None:
    """Where there is no kernel on shapes, the operation is named: by an error, or as unknown."""
    build, named = HIDDEN[case]
    try:
        report = costlab.analyze(build(), R(8, 8), on=on)
    except costlab.TraceError as error:
        assert named in str(error)  # noqa: PT017 - either is right, as long as it is named
    else:
        assert named in " ".join(unknown.op for unknown in report.coverage.unknown)


COUNTED: dict[str, tuple[Callable[..., Any], tuple[torch.Tensor, ...], int, int]] = {
    "int8 product": (
        torch._int_mm,
        (torch.ones(17, 32, dtype=torch.int8), torch.ones(32, 24, dtype=torch.int8)),
        17 * 24 * 32, 0,
    ),
    "float8 product": (
        lambda a, b: torch._scaled_mm(
            a, b.t(), scale_a=torch.ones(()), scale_b=torch.ones(()), out_dtype=torch.bfloat16
        ),
        (torch.ones(16, 32).to(torch.float8_e4m3fn), torch.ones(48, 32).to(torch.float8_e4m3fn)),
        16 * 48 * 32, 2 * 16 * 48,
    ),
    "rounding that is imitated": (
        lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, 0, 255), (R(4, 8),), 0,
        6 * 4 * 8,
    ),
    "sum of rows": (
        lambda i, w: F.embedding_bag(i, w, mode="sum"), (torch.ones(2, 3).long(), R(9, 8)), 0,
        2 * 3 * 8,
    ),
    "mean of rows": (
        lambda i, w: F.embedding_bag(i, w, torch.tensor([0, 2]), mode="mean"),
        (torch.ones(5).long(), R(9, 8)), 0, 5 * 8 + 2 * 8,
    ),
    "weighted rows": (
        lambda i, w, s: F.embedding_bag(i, w, mode="sum", per_sample_weights=s),
        (torch.ones(2, 3).long(), R(9, 8), R(2, 3)), 0, 2 * (2 * 3 * 8),
    ),
    "rows": (F.embedding, (torch.ones(2, 3).long(), R(9, 8)), 0, 0),
    "written rows": (
        lambda x, i, v: x.index_put((i,), v), (R(9, 8), torch.ones(3).long(), R(3, 8)), 0, 0
    ),
    "added rows": (
        lambda x, i, v: x.index_put((i,), v, accumulate=True),
        (R(9, 8), torch.ones(3).long(), R(3, 8)), 0, 3 * 8,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", COUNTED)
def test_what_is_seldom_counted(case: str) -> None:
    """Products in eight bits are products; sums of rows cost an operation an element read."""
    function, inputs, products, others = COUNTED[case]
    report = costlab.analyze(Calls(lambda _, *x: function(*x)), inputs, strict=True)
    assert (report.total.macs, report.total.flops) == (products, 2 * products + others)
