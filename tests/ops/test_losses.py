"""Loss rules give the kernels' shapes and types, or decline, and cost what they declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F

from costlab.graph import TensorSpec
from costlab.ops import price
from tests.ops.agreement import agrees
from tests.ops.draws import randomly, shape, tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

PAIRS: dict[str, Callable[..., Any]] = {
    "mse_loss": F.mse_loss,
    "l1_loss": F.l1_loss,
    "smooth_l1_loss": F.smooth_l1_loss,
    "huber_loss": F.huber_loss,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
}


@randomly(300)
def test_losses_between_two_tensors(rng: Random) -> None:
    """Losses of equal shapes, of shapes that broadcast and of other types."""
    x = tensor(*shape(rng, (0, 3), (True, 4)), dtype=rng.choice([torch.float32, torch.int64]))
    other = rng.choice([x, x[:1] if x.ndim else x, tensor(2, 3, dtype=torch.float64)])
    reduction = rng.choice(["mean", "sum", "none", "all"])
    for name, function in PAIRS.items():
        agrees(name, function, x, other, reduction=reduction)
    half = x.sigmoid()
    agrees("binary_cross_entropy", F.binary_cross_entropy, half, half, reduction=reduction)


@randomly(300)
def test_losses_of_classes(rng: Random) -> None:
    """Cross entropy and negative log-likelihood, batched, unbatched, and of maps."""
    sizes = [rng.randint(1, 4) for _ in range(rng.randint(1, 4))]
    x = tensor(*sizes, dtype=torch.float32)
    classes = sizes[:1] + sizes[2:] if len(sizes) > 1 else []
    if rng.random() < 0.2:
        classes = classes[1:]
    target = torch.zeros(classes, dtype=rng.choice([torch.int64, torch.int64, torch.float32]))
    reduction = rng.choice(["mean", "sum", "none"])
    agrees("cross_entropy", F.cross_entropy, x, target, reduction=reduction)
    agrees("nll_loss", F.nll_loss, x, target, reduction=reduction)


def test_the_cost_of_a_loss() -> None:
    """A squared error is two operations an element and a sum; cross entropy a log-softmax."""
    x, classes = TensorSpec((4, 10)), TensorSpec((4,), "int64")
    assert price("mse_loss", x, x, reduction="mean").flops == (2 + 1) * 4 * 10
    assert price("mse_loss", x, x, reduction="none").flops == 2 * 4 * 10
    assert price("cross_entropy", x, classes).flops == 5 * 4 * 10 + 4 + 4
