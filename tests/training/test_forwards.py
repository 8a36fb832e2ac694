"""Forwards as they are written for training, each held against a real step of torch's."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from costlab.tracing import trace
from costlab.training import training_of
from tests.training.layers import hold_against_torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.tracing.fallbacks import Carrier


class Parts(nn.Module):
    """Layers of several kinds, and a forward that is a function of them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(6, 6) for _ in "abc")
        self.bn, self.ln, self.gn = nn.BatchNorm1d(6), nn.LayerNorm(6), nn.GroupNorm(2, 6)
        self.embedding, self.sparse = nn.Embedding(10, 6), nn.Embedding(10, 6, sparse=True)
        self.teacher = copy.deepcopy(self.a).requires_grad_(requires_grad=False)
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        """The function's result."""
        return self.function(self, x)


def island(m: Parts, x: torch.Tensor) -> Any:
    """A factor that is made with gradients turned off."""
    y = m.a(x)
    with torch.no_grad():
        factor = m.b(y)
    return m.c(y) * factor


def inference(m: Parts, x: torch.Tensor) -> Any:
    """A factor that is made in inference mode."""
    with torch.inference_mode():
        factor = m.b(x)
    return m.c(x) * factor.clone()


def enabled_within(m: Parts, x: torch.Tensor) -> Any:
    """Gradients turned on where they are off."""
    with torch.no_grad():
        y = m.a(x)
        with torch.enable_grad():
            return m.b(y)


def switched(m: Parts, x: torch.Tensor) -> Any:
    """Gradients turned off and on by calls."""
    torch.set_grad_enabled(False)
    y = m.a(x)
    torch.set_grad_enabled(True)
    return m.b(y)


def moving_average(m: Parts, x: torch.Tensor) -> Any:
    """A teacher that follows the weights of its student."""
    with torch.no_grad():
        for mine, other in zip(m.teacher.parameters(), m.a.parameters(), strict=True):
            mine.mul_(0.9).add_(other, alpha=0.1)
        aim = m.teacher(x)
    return F.mse_loss(m.a(x), aim)


def straight_through(m: Parts, x: torch.Tensor) -> Any:
    """Rounded, with the gradient of what is rounded."""
    y = torch.sigmoid(m.a(x))
    return m.b((y > 0.5).float() - y.detach() + y)


def frozen_statistics(m: Parts, x: torch.Tensor) -> Any:
    """A batch normalization of which nothing is trained."""
    scale, shift = m.bn.weight.detach(), m.bn.bias.detach()
    return m.b(F.batch_norm(m.a(x), m.bn.running_mean, m.bn.running_var, scale, shift))


def several_losses(m: Parts, x: torch.Tensor) -> Any:
    """A loss in a dict, another one in a tuple."""
    y = m.a(x)
    return {"fit": F.mse_loss(m.b(y), x), "rest": (m.c(y).abs().mean(),)}


def stochastic_depth(m: Parts, x: torch.Tensor) -> Any:
    """A branch that is left out at random."""
    y = m.a(x)
    return y + m.b(y) * torch.bernoulli(torch.full((2, 1), 0.5)) / 0.5


def rectified(m: Parts, x: torch.Tensor) -> Any:
    """A chain of rectifications in place."""
    return F.relu_(m.c(F.relu(m.b(F.relu_(m.a(x))), inplace=True)))


def gated(m: Parts, x: torch.Tensor) -> Any:
    """A gate, and two halves of one product."""
    left, right = torch.cat([m.a(x), m.b(x)], -1).chunk(2, -1)
    return m.c(F.silu(left) * right), F.glu(m.b(x))


def expanded(m: Parts, x: torch.Tensor) -> Any:
    """A mean that is seen as all rows."""
    y = m.a(x).mean(0, keepdim=True).expand(2, 6)
    return m.b(y) * y


def picked(m: Parts, x: torch.Tensor) -> Any:
    """What is gathered, selected and scattered."""
    y, places = m.a(x), torch.zeros(2, 3, dtype=torch.long)
    scattered = torch.zeros(2, 6).scatter_add(1, torch.zeros(2, 6, dtype=torch.long), m.b(x))
    return y.gather(1, places).exp(), m.c(y.index_select(0, torch.tensor([0, 1, 1]))), scattered


def embedded(m: Parts, x: torch.Tensor) -> Any:
    """A table that is also the last layer, and one with sparse gradients."""
    del x
    rows = torch.tensor([[1, 2], [3, 4]])
    return m.embedding(rows) @ m.embedding.weight.t(), m.b(m.sparse(rows))


def converted(m: Parts, x: torch.Tensor) -> Any:
    """Products in bfloat16, of one weight twice, around weights of float32."""
    with torch.autocast("cpu", torch.bfloat16):
        return m.a(m.gn(m.bn(m.ln(m.a(x))))).float().softmax(-1)


def attention(m: Parts, x: torch.Tensor) -> Any:
    """Attention written out, with a mask."""
    scores = (m.a(x) @ m.b(x).T / math.sqrt(6)).masked_fill(torch.ones(2, 2).tril() == 0, -1e9)
    return scores.softmax(-1) @ m.c(x)


def assigned(m: Parts, x: torch.Tensor) -> Any:
    """Halves that are written into a place made for them."""
    y = torch.zeros(2, 12)
    y[:, :6], y[:, 6:] = m.a(x), m.b(x)
    return y.tanh()


def contrasted(m: Parts, x: torch.Tensor) -> Any:
    """Two views of the same rows, normalized, each the other's class."""
    left, right = F.normalize(m.a(x), dim=-1), F.normalize(m.b(x), dim=-1)
    return F.cross_entropy(left @ right.T / 0.1, torch.arange(2), label_smoothing=0.1)


def autoencoder(m: Parts, x: torch.Tensor) -> Any:
    """A drawn code, and how far it is from a normal one."""
    mean, spread = m.a(x), m.b(x)
    code = mean + torch.randn_like(mean) * (spread * 0.5).exp()
    return m.c(code), -0.5 * (1 + spread - mean**2 - spread.exp()).sum()


def partly_written(m: Parts, x: torch.Tensor) -> Any:
    """A part that is written to with its gradient."""
    y = m.a(x) * 1
    y[:, 0].mul_(m.b(x)[:, 0])
    return m.c(y)


def detached_written(m: Parts, x: torch.Tensor) -> Any:
    """What is written to a detached tensor is in the other's memory, and not in its history."""
    y = torch.zeros(2, 6)
    other = y.detach()
    other.add_(m.a(x))
    return m.b(y), m.c(other)


def leaves_made(m: Parts, x: torch.Tensor) -> Any:
    """Leaves that the forward makes, one of which it turns off again."""
    first = torch.zeros(2, 6, requires_grad=True)
    second = torch.zeros(2, 6).requires_grad_()
    y = m.teacher(x + first) + m.teacher(x + second)
    second.requires_grad_(False)
    return y + m.teacher(second)


def in_segments(m: Parts, x: torch.Tensor) -> Any:
    """Layers in two checkpoints, then one in a re-entrant one."""
    y = checkpoint_sequential([m.a, nn.ReLU(), m.b], 2, x, use_reentrant=False)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return checkpoint(m.c, y, use_reentrant=True)


FORWARDS: dict[str, Callable[[Parts, torch.Tensor], Any]] = {
    "detached": lambda m, x: m.b(m.a(x).detach()) + m.c(x),
    "island": island,
    "inference": inference,
    "enabled within": enabled_within,
    "switched": switched,
    "moving average": moving_average,
    "straight through": straight_through,
    "tied": lambda m, x: F.linear(m.a(x).relu(), m.a.weight.t()),
    "frozen statistics": frozen_statistics,
    "several losses": several_losses,
    "stochastic depth": stochastic_depth,
    "rectified": rectified,
    "gated": gated,
    "expanded": expanded,
    "picked": picked,
    "embedded": embedded,
    "converted": converted,
    "attention": attention,
    "assigned": assigned,
    "contrasted": contrasted,
    "autoencoder": autoencoder,
    "partly written": partly_written,
    "detached written": detached_written,
    "leaves made": leaves_made,
    "in segments": in_segments,
}


@pytest.mark.parametrize("carrier", ["meta", "real"])
@pytest.mark.parametrize("name", FORWARDS)
def test_a_step_costs_what_it_costs_torch(name: str, carrier: Carrier) -> None:
    """Its products, the bytes that it keeps, and the weights that get a gradient."""
    model = Parts(FORWARDS[name])
    found = training_of(trace(model, torch.randn(2, 6), mode="train", on=carrier))
    hold_against_torch(found, model)
