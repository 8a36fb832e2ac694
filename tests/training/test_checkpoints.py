"""Checkpoints within checkpoints: what a backward runs anew and keeps is what torch's does."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils.checkpoint import (
    checkpoint,
    create_selective_checkpoint_contexts,
    set_checkpoint_early_stop,
)

from tests.training.layers import CARRIERS, LAYER, Layers, hold_against_torch, on
from tests.training.real import counted_macs, traced

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.tracing.fallbacks import Carrier


def keeping(reentrant: bool, inside: bool) -> Callable[[Layers, torch.Tensor], Any]:
    """A checkpoint around another one."""

    def outer(model: Layers, x: torch.Tensor) -> torch.Tensor:
        made = checkpoint(model.inner, x, use_reentrant=inside)
        result: torch.Tensor = model.c(made) + model.b(x)
        return result

    def forward(model: Layers, x: torch.Tensor) -> Any:
        return checkpoint(outer, model, model.a(x), use_reentrant=reentrant)

    return forward


def thrice(model: Layers, x: torch.Tensor) -> Any:
    """Three checkpoints, each around the next one."""

    def middle(y: torch.Tensor) -> Any:
        return model.c(checkpoint(model.inner, y, use_reentrant=False)).relu()

    def outer(y: torch.Tensor) -> Any:
        return model.a(checkpoint(middle, y, use_reentrant=False))

    return checkpoint(outer, x, use_reentrant=False)


def only_around(model: Layers, x: torch.Tensor) -> Any:
    """A checkpoint that does nothing but call another one."""

    def outer(y: torch.Tensor) -> Any:
        return checkpoint(model.inner, y, use_reentrant=False)

    return model.c(checkpoint(outer, x, use_reentrant=False))


def to_the_end(model: Layers, x: torch.Tensor) -> Any:
    """A checkpoint that does not stop early."""
    return checkpoint(model.inner, model.c(x), use_reentrant=False, early_stop=False)


def all_to_the_end(model: Layers, x: torch.Tensor) -> Any:
    """The same by a setting, which goes before what the call says."""
    with set_checkpoint_early_stop(False):
        return checkpoint(model.inner, model.c(x), use_reentrant=False)


FORWARDS: dict[str, Callable[[Layers, torch.Tensor], Any]] = {
    "nested": keeping(reentrant=False, inside=False),
    "nested re-entrant": keeping(reentrant=True, inside=True),
    "re-entrant inside": keeping(reentrant=False, inside=True),
    "re-entrant around": keeping(reentrant=True, inside=False),
    "nested twice": thrice,
    "nested alone": only_around,
    "to the end": to_the_end,
    "to the end by a setting": all_to_the_end,
}


@pytest.mark.parametrize("name", FORWARDS)
def test_a_region_is_run_anew_as_by_torch(name: str) -> None:
    """As many as FlopCounterMode counts in a real step, and the bytes that autograd keeps."""
    model = Layers(FORWARDS[name])
    hold_against_torch(on("meta", model), model)


@pytest.mark.parametrize("name", FORWARDS)
def test_a_step_is_the_same_on_real_tensors(name: str) -> None:
    """Whatever the forward is run on."""
    model = Layers(FORWARDS[name])
    assert on("meta", model) == on("real", model)


def test_a_selective_checkpoint_is_named_as_an_estimate() -> None:
    """Its policy says kernel by kernel what it keeps."""
    contexts = functools.partial(
        create_selective_checkpoint_contexts, [torch.ops.aten.addmm.default]
    )
    model = Layers(lambda m, x: checkpoint(m.inner, x, use_reentrant=False, context_fn=contexts))
    found = traced(model, torch.randn(2, 6))
    assert found.is_estimate
    assert found.assumed == ("a checkpoint with a context_fn",)


def asked(model: Layers, x: torch.Tensor) -> Any:
    """A layer in a re-entrant checkpoint of what wants no gradient, and one of two after it."""
    y: torch.Tensor = checkpoint(model.a, x, use_reentrant=True)
    return model.b(y) if y.requires_grad else model.c(model.b(y))


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_reentrant_checkpoint_of_what_wants_no_gradient_has_none(carrier: Carrier) -> None:
    """Whatever weights it uses; a forward that asks is told so."""
    model, x = Layers(asked), torch.randn(2, 6)
    found = on(carrier, model)
    with pytest.warns(UserWarning, match="None of the inputs"):
        assert found.total.macs == counted_macs(model, x)
    assert found.trainable == 2 * LAYER
