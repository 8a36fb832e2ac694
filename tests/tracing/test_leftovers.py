"""What a forward leaves outside the model is said, with where it is; what it does not, is not."""

from __future__ import annotations

import functools
from contextlib import suppress
from queue import Queue
from typing import Any

import pytest
import torch
from torch import nn

import costlab

KEPT: dict[str, Any] = {}
LISTED: list[Any] = []


class Box:
    """A place outside the model."""

    held: Any = None
    function: Any = None


BOX = Box()


def _holding(_: Any, x: torch.Tensor) -> None:
    """Has a function keep the tensor in a variable of its own."""
    kept: Any = None

    def keep() -> Any:
        nonlocal kept
        kept = x
        return kept

    keep()
    BOX.function = keep


def _in_a_global(_: Any, x: torch.Tensor) -> None:
    globals()["LATEST"] = x


@functools.lru_cache
def grid(size: int) -> torch.Tensor:
    """A table that is too large to be kept with its values."""
    return torch.zeros(size, size)


def _into_itself(model: Any, x: torch.Tensor) -> None:
    model.held = x
    model.listed.append(x)


def _into_a_cycle(_: Any, x: torch.Tensor) -> None:
    ring: list[Any] = [x]
    ring.append(ring)


def _under_autocast(model: Any, x: torch.Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        model.layer(x)


def _into_an_error(_: Any, x: torch.Tensor) -> None:
    with suppress(RuntimeError):
        x.view(5)


WAYS = {
    "an attribute of Box": lambda _, x: setattr(BOX, "held", x),
    "an attribute of Box ": lambda _, x: setattr(Box, "held", x),
    "an attribute of Queue": lambda model, x: setattr(model.queue, "held", x),
    "a dict": lambda _, x: KEPT.update(x=x),
    "a list": lambda _, x: LISTED.append(x),
    "a deque": lambda model, x: model.queue.put(x),
    "lru_cache": lambda _, __: grid(300),
    "a variable of a function": _holding,
    "an attribute of tests.tracing.test_leftovers": _in_a_global,
}
NOWHERE = {
    "an object of the model's": lambda model, x: setattr(model.box, "held", x),
    "the model's class": lambda model, x: setattr(type(model), "last", x),
    "a list in a tuple": lambda model, x: model.box_of_boxes[0].append(x),
    "itself": _into_itself,
    "a cycle": _into_a_cycle,
    "autocast's cache": _under_autocast,
    "an error that is caught": _into_an_error,
    "nothing": lambda _, x: x + 1,
}


class Keeper(nn.Module):
    """A layer whose result is put somewhere."""

    last: Any = None

    def __init__(self, put: Any) -> None:
        super().__init__()
        self.layer, self.put, self.box = nn.Linear(6, 6), put, Box()
        self.listed: list[Any] = []
        self.queue: Queue[Any] = Queue()
        self.box_of_boxes: tuple[list[Any], ...] = ([],)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's result."""
        y: torch.Tensor = self.layer(x)
        self.put(self, y)
        return y


def clear() -> None:
    """Forgets what is kept outside of models."""
    globals().pop("LATEST", None)
    vars(BOX).clear()
    Box.held = None
    KEPT.clear()
    LISTED.clear()


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("place", WAYS)
def test_what_is_left_outside_is_said(place: str, device: str) -> None:
    """The place is named; the count is right all the same."""
    grid.cache_clear()
    report = costlab.analyze(Keeper(WAYS[place]), torch.zeros(2, 6, device=device))
    assert report.total.macs == 2 * 6 * 6
    (warning,) = report.warnings
    assert "outside the model: it has no values" in warning
    assert place == "lru_cache" or f"in {place.strip()}" in warning
    clear()


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("place", NOWHERE)
def test_what_is_not_left_is_not_said(place: str, device: str) -> None:
    """The model's own attributes are as they were, and cycles are nobody's; inputs are given."""
    given = torch.zeros(2, 6, device=device)
    report = costlab.analyze(Keeper(NOWHERE[place]), given)
    assert report.warnings == ()
    assert given.device.type == device


def test_a_caller_may_keep_what_a_real_run_made() -> None:
    """On real tensors what is kept has values."""
    report = costlab.analyze(Keeper(WAYS["an attribute of Box"]), torch.zeros(2, 6), on="real")
    assert not any("outside the model" in warning for warning in report.warnings)
    assert BOX.held.shape == (2, 6)
    clear()
