"""Random small networks: forward and backward, against what torch really runs."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.training.real import counted_macs, kept_bytes, traced

WIDTHS = st.integers(1, 5)


class Factor(nn.Module):
    """A product of the last axis with a matrix, from the right, or of the result with itself."""

    def __init__(self, channels: int, width: int, *, squared: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, width))
        self.squared = squared

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The product."""
        y = x @ self.weight
        return y @ y.transpose(-1, -2) @ y if self.squared else y


class Cut(nn.Module):
    """The result of a layer, made without gradients."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's result, of which nothing is to be learned."""
        with torch.no_grad():
            y: torch.Tensor = self.layer(x)
        return y


@st.composite
def networks(draw: st.DrawFn) -> tuple[nn.Sequential, torch.Tensor]:
    """A network of convolutions, then of products, some of it frozen or cut off; and its input."""
    channels, size = draw(WIDTHS), 9
    x = torch.randn(2, channels, size, size, requires_grad=draw(st.booleans()))
    layers: list[nn.Module] = []

    def add(layer: nn.Module) -> None:
        if draw(st.integers(0, 3)) == 0:
            layer.requires_grad_(False)
        layers.append(Cut(layer) if draw(st.integers(0, 9)) == 0 else layer)

    for _ in range(draw(st.integers(0, 2))):
        width, kernel = draw(WIDTHS), draw(st.integers(1, 3))
        kind = draw(st.sampled_from([nn.Conv2d, nn.ConvTranspose2d]))
        add(
            kind(channels, width, kernel, bias=draw(st.booleans()), padding=draw(st.integers(0, 1)))
        )
        channels = width
        if draw(st.booleans()):
            add(nn.BatchNorm2d(channels))
        layers.append(draw(st.sampled_from([nn.ReLU(), nn.Tanh(), nn.GELU(), nn.Identity()])))
    layers.append(nn.Flatten(2))
    with torch.no_grad():
        features = nn.Sequential(*layers)(x).shape[-1]
    for _ in range(draw(st.integers(0, 3))):
        width = draw(WIDTHS)
        if draw(st.booleans()):
            add(nn.Linear(features, width, bias=draw(st.booleans())))
        else:
            add(Factor(features, width, squared=draw(st.booleans())))
        features = width
        layers.append(draw(st.sampled_from([nn.ReLU(), nn.Sigmoid(), nn.Softmax(-1)])))
    return nn.Sequential(*layers), x


@given(networks())
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],  # torch is imported by the first example
)
def test_a_step_is_what_torch_runs(case: tuple[nn.Sequential, torch.Tensor]) -> None:
    """Any such network has the multiply-adds that FlopCounterMode sees, and keeps what it keeps."""
    model, x = case
    total = traced(model, x).total
    assert total.macs == counted_macs(model, x)
    assert total.saved_bytes == kept_bytes(model, x)
