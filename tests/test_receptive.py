"""Receptive fields along the graph's edges, against gradients of real tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from costlab.receptive import Window, receptive_field, receptive_fields
from costlab.tracing import trace
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from collections.abc import Callable

GRID = 60
SPEC = f"f32[1,1,{GRID},{GRID}]"

SIDES = st.tuples(st.integers(1, 5), st.integers(1, 5))
STEPS = st.tuples(st.integers(1, 3), st.integers(1, 3))
SPREADS = st.tuples(st.integers(1, 3), st.integers(1, 3))


def filled(convolution: nn.Conv2d) -> nn.Conv2d:
    """The same with weights of one, so that no gradient cancels."""
    nn.init.ones_(convolution.weight)
    return convolution


@st.composite
def layers(draw: st.DrawFn) -> nn.Module:
    """A convolution or an average pooling of some patch, stride, padding and dilation."""
    sides, steps = draw(SIDES), draw(STEPS)
    pads = draw(st.tuples(*(st.integers(0, side // 2) for side in sides)))
    kind = draw(st.sampled_from(("conv", "same", "pool", "relu")))
    if kind == "conv":
        return filled(nn.Conv2d(1, 1, sides, steps, pads, draw(SPREADS), bias=False))
    if kind == "same":
        return filled(nn.Conv2d(1, 1, sides, 1, "same", draw(SPREADS), bias=False))
    return nn.AvgPool2d(sides, steps, pads) if kind == "pool" else nn.ReLU()


def span(model: Callable[[torch.Tensor], torch.Tensor], at: tuple[int, int]) -> list[int]:
    """First and last row, then first and last column, on which the output at a place depends."""
    image = torch.rand(1, 1, GRID, GRID, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(model(image)[0, :, at[0], at[1]].sum(), image)
    found = []
    for axis in (1, 0):
        places = slope[0, 0].ne(0).any(axis).nonzero().flatten()
        found += [int(places[0]), int(places[-1])]
    return found


def inner(window: Window) -> int:
    """A place whose window lies within the image, the one nearest to its middle."""
    places = [
        place
        for place in range(GRID)
        if place * window.stride + window.first >= 0 and place * window.stride + window.last < GRID
    ]
    assume(places)
    return places[len(places) // 2]


def assert_seen(model: nn.Module, windows: tuple[Window, Window]) -> None:
    """Asserts that a place inside depends on just the rows and columns of its windows."""
    at = inner(windows[0]), inner(windows[1])
    expected = [
        place * window.stride + edge
        for place, window in zip(at, windows, strict=True)
        for edge in (window.first, window.last)
    ]
    assert span(model.double(), at) == expected


# Of an even patch with an odd dilation torch says that it may copy its input.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even:UserWarning")

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


@QUICK
@given(st.lists(layers(), min_size=1, max_size=4))
def test_chains(chain: list[nn.Module]) -> None:
    """Of convolutions and poolings in a row, where each place's window begins and ends."""
    model = nn.Sequential(*chain)
    try:
        model(torch.zeros(1, 1, GRID, GRID))
    except RuntimeError:
        assume(False)
    graph = trace(model, SPEC)
    assert_seen(model, receptive_fields(graph)[graph.outputs[0]])


class Branches(nn.Module):
    """Branches that keep the grid, behind a common first layer; they are joined or added."""

    def __init__(self, first: nn.Module, branches: list[nn.Module], *, add: bool) -> None:
        super().__init__()
        self.first, self.branches, self.add = first, nn.ModuleList(branches), add

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """All branches side by side, or their sum."""
        x = self.first(x)
        written = [branch(x) for branch in self.branches]
        return sum(written[1:], written[0]) if self.add else torch.cat(written, 1)


@st.composite
def keeping(draw: st.DrawFn) -> nn.Module:
    """A convolution that keeps the grid; an even patch is padded more behind than before."""
    return filled(nn.Conv2d(1, 1, draw(SIDES), 1, "same", draw(SPREADS), bias=False))


@QUICK
@given(layers(), st.lists(keeping(), min_size=1, max_size=3), st.booleans())
def test_branches(first: nn.Module, branches: list[nn.Module], add: bool) -> None:
    """What joins branches sees whatever one of them does."""
    model = Branches(first, branches, add=add)
    graph = trace(model, SPEC)
    assert_seen(model, receptive_fields(graph)[graph.outputs[0]])


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_a_dilated_max_pooling(dilation: int) -> None:
    """A max pooling spreads its patch as a convolution does."""
    pooling = nn.MaxPool2d(3, stride=2, dilation=dilation)
    side = 2 * dilation + 1
    assert receptive_field(trace(pooling, SPEC)) == (side, side)


def test_by_hand() -> None:
    """3×3 of stride 2, 3×3, 3×3, pooling of stride 2: 3, 7, 11, 15 pixels; strides 2 and 4."""
    model = nn.Sequential(
        nn.Conv2d(1, 1, 3, 2), nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3), nn.MaxPool2d(3, 2)
    )
    graph = trace(model, SPEC)
    fields = receptive_fields(graph)
    seen = [fields[node.outputs[0]][0] for node in graph.nodes]
    assert [window.size for window in seen] == [3, 7, 11, 15]
    assert [window.stride for window in seen] == [2, 2, 2, 4]


NO_PLACES: dict[str, Callable[[Calls, torch.Tensor], torch.Tensor]] = {
    "flatten": lambda _, x: torch.flatten(x, 1),
    "pool everything": lambda _, x: F.adaptive_avg_pool2d(x, 1),
    "transpose": lambda _, x: x.transpose(2, 3),
    "flip": lambda _, x: x.flip(3),
    "roll": lambda _, x: x.roll(1, 2),
    "product": lambda _, x: x @ x,
    "transposed convolution": lambda m, x: F.conv_transpose2d(
        x, m.weight[:1, :1, None, None], padding=0
    ),
    "mean over places": lambda _, x: x.mean((2, 3)),
    "upsampled": lambda _, x: F.interpolate(x, scale_factor=2),
}


@pytest.mark.parametrize("name", NO_PLACES)
def test_no_places_are_left(name: str) -> None:
    """What moves places about or does away with them has no receptive field, nor what follows."""
    moved = trace(Calls(NO_PLACES[name]), SPEC)
    assert list(receptive_fields(moved)) == [0]
    followed = trace(Calls(lambda m, x: torch.relu(NO_PLACES[name](m, x))), SPEC)
    with pytest.raises(ValueError, match="keeps the places"):
        receptive_field(followed)


def test_places_are_kept_by_what_acts_on_each() -> None:
    """Activations, normalizations, constants first and slices of channels see as much as before."""

    def forward(_: Calls, x: torch.Tensor) -> torch.Tensor:
        x = F.avg_pool2d(torch.cat([x, x], 1), 3, 1)
        x = F.group_norm(torch.tensor(2.0) - F.gelu(x), 1)
        return torch.cat([x[:, 1:], x[:, :1]], 1).contiguous()

    assert receptive_field(trace(Calls(forward), SPEC)) == (3, 3)


def test_what_is_joined_with_moved_places_has_none() -> None:
    """A map that something else of the image is added to is not said to see less than it does."""
    gated = Calls(lambda _, x: x * torch.sigmoid(F.adaptive_avg_pool2d(x, 1)))
    cropped = Calls(lambda _, x: F.avg_pool2d(x, 2) + x[:, :, : GRID // 2, : GRID // 2])
    for model in (gated, cropped):
        graph = trace(model, SPEC)
        assert graph.outputs[0] not in receptive_fields(graph)


def test_maps_of_different_grids_do_not_join() -> None:
    """A sum of maps of one size, but of different strides, has no single receptive field."""
    model = Calls(lambda _, x: F.avg_pool2d(x, 30, 30) + F.avg_pool2d(x, 59, 1))
    graph = trace(model, SPEC)
    fields = receptive_fields(graph)
    strides = {fields[node.outputs[0]][0].stride for node in graph.nodes[:2]}
    assert strides == {30, 1}
    assert graph.outputs[0] not in fields


def test_shares_of_a_window() -> None:
    """A join has the least first and the greatest last pixel, and the common stride."""
    assert Window(2, -3, 4).joined(Window(2, -1, 9)) == Window(2, -3, 9)
    assert Window().slid(5, 1, 2, 1) == Window(1, -2, 2)
    assert Window().slid(3, 2, 0, 2).slid(2, 2, 1, 1) == Window(4, -2, 4)
