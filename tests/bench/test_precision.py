"""The precision of a case: set, recorded, put back."""

import pytest
import torch

from costlab.bench.precision import applied, flags_of, recorded
from costlab.bench.study import PRECISIONS


@pytest.mark.parametrize("precision", PRECISIONS)
def test_only_tf32_rounds_products(precision: str) -> None:
    """Both convolutions and matrix products round float32 in tf32, and in nothing else."""
    with applied(flags_of(precision)):  # type: ignore[arg-type]  # PRECISIONS are those
        assert torch.backends.cudnn.allow_tf32 is (precision == "tf32")
        assert torch.backends.cuda.matmul.allow_tf32 is (precision == "tf32")


@pytest.mark.parametrize("matmul", ["highest", "high", "medium"])
def test_flags_come_back(matmul: str) -> None:
    """Whatever the flags were, they are the same afterwards."""
    torch.set_float32_matmul_precision(matmul)
    try:
        before = recorded()
        with applied(flags_of("fp32")):
            assert torch.backends.cudnn.benchmark
        assert recorded() == before
        assert torch.get_float32_matmul_precision() == matmul
    finally:
        torch.set_float32_matmul_precision("highest")


def test_flags_come_back_after_an_exception() -> None:
    """An arm that raises leaves no flag behind."""
    before = recorded()

    def stop() -> None:
        with applied(flags_of("tf32")):
            assert recorded() != before
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop()
    assert recorded() == before


def test_the_newer_names_stay_readable_and_come_back() -> None:
    """Flags that were set by their newer names, which exclude the older, are put back as well."""
    matmul = torch.backends.cuda.matmul
    kept = matmul.fp32_precision
    matmul.fp32_precision = "tf32"
    try:
        with pytest.raises(RuntimeError, match="mix"):
            _ = matmul.allow_tf32
        with applied(flags_of("fp32")):
            assert matmul.fp32_precision == "ieee"
        assert matmul.fp32_precision == "tf32"
    finally:
        torch.set_float32_matmul_precision("highest")
        matmul.fp32_precision = kept


def test_what_is_recorded_is_what_is_set() -> None:
    """The record has the flags as they are meanwhile."""
    with applied(flags_of("tf32", benchmark=False)):
        now = recorded()
    assert (now["cudnn.allow_tf32"], now["cudnn.benchmark"]) == (True, False)
