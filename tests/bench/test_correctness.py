"""The correctness gate: what is wrong does not pass."""

import copy

import pytest
import torch
from torch import Tensor, nn

from costlab.bench.correctness import judge, oracle, poison, result_of, tolerance_of
from costlab.bench.seams import ArmError


def reference() -> Tensor:
    """Numbers in float64."""
    return torch.randn(64, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.half)])
def test_one_rounding_passes(precision: str, dtype: torch.dtype) -> None:
    """Rounded to its type, a result is well within the tolerance of the precision."""
    ref = reference()
    judged = judge([ref.to(dtype)], [ref], tolerance_of(precision))  # type: ignore[arg-type]  # a precision by its own name
    assert 0 < judged.error < judged.tolerance / 10


def test_bf16_does_not_pass_for_fp32() -> None:
    """Lower precision than was asked for is an error, not a speed."""
    ref = reference()
    with pytest.raises(ArmError, match="wrong"):
        judge([ref.bfloat16()], [ref], tolerance_of("fp32"))


def test_ten_bits_do_not_pass_for_fp32() -> None:
    """A product whose factors were rounded as tf32 rounds is noticed where fp32 was asked for."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(64, 512, dtype=torch.float64, generator=generator) for _ in range(2))

    def rounded(x: Tensor) -> Tensor:
        fraction, exponent = torch.frexp(x)
        return torch.ldexp((fraction * 2**11).round() / 2**11, exponent)

    with pytest.raises(ArmError, match="wrong"):
        judge([rounded(a) @ rounded(b).T], [a @ b.T], tolerance_of("fp32"))
    judge([rounded(a) @ rounded(b).T], [a @ b.T], tolerance_of("tf32"))


def test_a_wrong_result_does_not_pass() -> None:
    """A tenth of the rows computed from something else is far beyond rounding."""
    ref = reference()
    wrong = ref.clone()
    wrong[:6] = wrong[6:12].clone()
    with pytest.raises(ArmError, match="wrong: relative error 0"):
        judge([wrong], [ref], tolerance_of("bf16"))


def test_one_unwritten_element_does_not_pass() -> None:
    """A single NaN that poisoning left is told, with how many there are."""
    ref = reference()
    out = ref.clone()
    out[63, 7] = torch.nan
    with pytest.raises(ArmError, match="1 of 512 elements"):
        judge([out], [ref], 0.5)


def test_another_shape_does_not_pass() -> None:
    """An output of another shape is not compared."""
    with pytest.raises(ArmError, match="should be"):
        judge([torch.zeros(3)], [torch.zeros(4).double()], 0.5)


def test_poison_fills_every_output() -> None:
    """Outputs are NaN afterwards; whole numbers cannot be, and that is told."""
    out = torch.ones(3)
    assert poison([out, torch.ones(2, dtype=torch.int64)])
    assert bool(out.isnan().all())
    assert not poison([torch.ones(2, dtype=torch.int64)])


def test_the_oracle_leaves_the_module_as_it_is() -> None:
    """Weights, types and gradients of the module are the same after its oracle was asked."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)).bfloat16()
    state, x = copy.deepcopy(model.state_dict()), torch.randn(2, 3, 8, 8).bfloat16()
    kept = x.clone()
    (out, *_), grads = oracle(model, ((x,), {}), training=True), model[0].weight.grad
    assert out.dtype == torch.float64
    assert grads is None
    assert torch.equal(x, kept)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_gradients_are_judged() -> None:
    """A gradient of the wrong sign does not pass, though the outputs are right."""
    model = nn.Linear(8, 8)
    example = ((torch.randn(4, 8),), {})  # type: ignore[var-annotated]  # no keyword arguments
    exact = oracle(model, example, training=True)
    plain = result_of(model, example, training=True)
    judge(plain, exact, tolerance_of("fp32"), plain)
    with pytest.raises(ArmError, match="wrong"):
        judge([plain[0], -plain[1], plain[2]], exact, tolerance_of("fp32"), plain)


def test_where_rounding_decides_only_the_size_counts() -> None:
    """A gradient that eager itself gets wrong is checked for its size, and for nothing else."""
    ref = [torch.ones(8).double(), torch.ones(8).double()]
    plain = [torch.ones(8), torch.ones(8) * torch.tensor([1.0, -1.0] * 4)]
    judge([torch.ones(8), -torch.ones(8)], ref, 1e-4, plain)
    with pytest.raises(ArmError, match="size"):
        judge([torch.ones(8), 100 * torch.ones(8)], ref, 1e-4, plain)
