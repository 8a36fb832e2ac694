"""Functionals, compiled functions and dispatcher operations that share a name, not their arguments.

Each is compared with what torch returns, and by hand where there are multiply-adds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import costlab
from tests.ops.draws import tensor
from tests.ops.single_cases import Operation

if TYPE_CHECKING:
    from collections.abc import Callable

ON = ("meta", "fake", "real")
ATEN: Any = torch.ops.aten
NN: Any = torch._C._nn


def windows(x: torch.Tensor) -> torch.Tensor:
    """Products of the windows of rows, each with each."""
    found = x.unfold(2, 3, 1)
    return found @ found.transpose(-1, -2)


class Unpooled(nn.Module):
    """A convolution of what was pooled and put back."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The convolution."""
        y: torch.Tensor = self.conv(self.unpool(*self.pool(x)))
        return y


EXPORTED: dict[str, tuple[nn.Module, tuple[int, ...], int]] = {
    # 6 rows of windows, 8 of 3 numbers each: (8, 3) @ (3, 8) for each of 2·3·6 matrices.
    "unfold": (Operation(windows), (2, 3, 8, 8), 2 * 3 * 6 * 8 * 8 * 3),
    # Back at 8·8, of which the kernel leaves 6·6.
    "max_unpool2d": (Unpooled(), (1, 3, 8, 8), 4 * 6 * 6 * 3 * 3 * 3),
}


@pytest.mark.parametrize("on", ON)
@pytest.mark.parametrize("name", EXPORTED)
def test_an_exported_program_calls_the_dispatcher(name: str, on: Any) -> None:
    """An exported program costs by its own names what was written."""
    model, shape, macs = EXPORTED[name]
    x = torch.rand(shape)
    exported = torch.export.export(model, (x,)).module()
    for each in (model, exported):
        report = costlab.analyze(each, (x,), on=on)
        assert report.total.macs == macs
        assert report.coverage.unknown == ()


X, Y, CLASSES = torch.rand(4, 5), torch.rand(4, 5), torch.tensor([0, 1, 2, 3])
LOSSES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy")
CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    **{f"_nn.{name}": (getattr(NN, name), (X, Y)) for name in (*LOSSES, "soft_margin_loss")},
    **{f"aten.{name}": (getattr(ATEN, name), (X, Y)) for name in LOSSES},
    "_nn.nll_loss": (NN.nll_loss, (X, CLASSES)),
    "aten.nll_loss": (ATEN.nll_loss, (X, CLASSES)),
    "torch.bce": (torch.binary_cross_entropy_with_logits, (X, Y)),
    "aten.bce": (ATEN.binary_cross_entropy_with_logits, (X, Y)),
    **{
        f"torch.bce {number}": (torch.binary_cross_entropy_with_logits, (X, Y, None, None, number))
        for number in (0, 1, 2)
    },
    **{f"_nn.mse_loss {number}": (NN.mse_loss, (X, Y, number)) for number in (0, 1, 2)},
    "F.smooth_l1_loss β=0": (lambda x, y: F.smooth_l1_loss(x, y, beta=0), (X, Y)),
    "_nn.max_unpool2d": (
        lambda x, at: NN.max_unpool2d(x, at, [6, 7]),
        (tensor(1, 2, 3, 3), torch.arange(9).view(3, 3).expand(1, 2, 3, 3)),
    ),
    "_nn.max_unpool3d": (
        lambda x, at: NN.max_unpool3d(x, at, [4, 5, 6], [2, 2, 2], [0, 0, 0]),
        (tensor(1, 2, 2, 2, 2), torch.arange(8).view(1, 1, 2, 2, 2).expand(1, 2, 2, 2, 2)),
    ),
    "F.max_unpool2d, no whole stride": (
        lambda x, at: F.max_unpool2d(x, at, 3, 2.0, output_size=[7, 7]),  # type: ignore[arg-type]  # torch takes it
        (tensor(1, 2, 3, 3), torch.arange(9).view(3, 3).expand(1, 2, 3, 3)),
    ),
    "aten.block_diag": (lambda x, y: ATEN.block_diag([x, y]), (X, Y)),
    "batch norm without statistics": (
        lambda x, w: ATEN._native_batch_norm_legit.no_stats(x, w, w, True, 0.1, 1e-5)[0],
        (tensor(2, 3, 4), tensor(3)),
    ),
}
UNPRICED = frozenset({"_nn.soft_margin_loss"})


@pytest.mark.parametrize("on", ON)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_by_another_name_is_torchs(name: str, on: Any) -> None:
    """What comes out has torch's shape, as a compiled function has defaults of its own."""
    function, args = CALLS[name]
    shapes = []

    def told(*operands: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = function(*(*operands, *args[len(operands) :]))
        shapes.append(made.shape)
        return made

    tensors = tuple(arg for arg in args if isinstance(arg, torch.Tensor))
    report = costlab.analyze(Operation(told), tensors, on=on)
    assert shapes[-1] == function(*args).shape
    assert bool(report.coverage.unknown) == (name in UNPRICED)


def test_the_same_loss_costs_the_same_by_each_name() -> None:
    """A mean is a sum more than an element-wise loss; for β = 0 a smooth loss is that of sizes."""

    def flops(function: Callable[..., Any], *options: Any) -> int:
        model = Operation(lambda x, y: function(x, y, *options))
        return costlab.analyze(model, (X, Y)).total.flops

    assert flops(torch.binary_cross_entropy_with_logits) == 6 * 20
    assert flops(torch.binary_cross_entropy_with_logits, None, None, 2) == (6 + 1) * 20
    assert flops(F.binary_cross_entropy_with_logits) == (6 + 1) * 20
    assert flops(lambda x, y: F.smooth_l1_loss(x, y, beta=0.0)) == flops(F.l1_loss) == (2 + 1) * 20


def test_a_check_of_all_is_priced() -> None:
    """`torch._check_tensor_all` reads each flag once, and leaves nothing unknown."""

    def checked(x: torch.Tensor) -> torch.Tensor:
        torch._check_tensor_all(x >= 0)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return x

    report = costlab.analyze(Operation(checked), (X,), on="real")
    assert report.total.flops == 20 + 20
    assert not report.is_lower_bound


def test_pads_without_values_are_torchs_to_refuse() -> None:
    """Pads are whole numbers, be they tensors; a value beside a mirror is refused unless 0."""
    image = tensor(1, 2, 6, 6)
    pads: Any = (torch.tensor(1), torch.tensor(1), 0, 0)
    padded = Operation(lambda x: F.pad(x, pads, "reflect", 0.0))
    assert costlab.analyze(padded, (image,), on="meta").coverage.unknown == ()
    wrong: tuple[tuple[Any, ...], ...] = (((0, 1.0),), ((1, 1, 0, 0), "reflect", 1.0))
    for options in wrong:
        with pytest.raises((TypeError, RuntimeError)) as refused:
            F.pad(image, *options)
        with pytest.raises(costlab.TraceError, match=type(refused.value).__name__):
            costlab.analyze(
                Operation(lambda x, given=options: F.pad(x, *given)), (image,), on="meta"
            )
