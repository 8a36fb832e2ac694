"""Questions, constants, assignments and initializers inside a forward."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import costlab
from costlab.tracing.names import body_of, lookup, names_of
from tests.tracing.networks import Calls, macs


def test_a_tensor_is_where_the_model_believes_it_is() -> None:
    """A forward sees its device, not "meta", and makes constants there."""
    seen: list[Any] = []

    def look(_: Calls, x: torch.Tensor) -> torch.Tensor:
        seen.extend([x.device, x.is_cuda, x.is_cpu, x.is_meta, x.get_device()])
        return x + torch.arange(8, device=x.device)

    costlab.analyze(Calls(look), "f32[2,8]")
    assert seen == [torch.device("cpu"), False, True, False, -1]


def test_a_small_constant_has_values_and_a_large_one_has_none() -> None:
    """Constants keep their values up to 65,536 elements; a larger one takes no memory."""
    seen: list[bool] = []

    def look(_: Calls, x: torch.Tensor) -> torch.Tensor:
        small, large = torch.ones(8, device="cpu"), torch.zeros(1 << 20, pin_memory=False)
        seen.append(bool(small.sum().item() == 8))
        return x * small + large[:8]

    costlab.analyze(Calls(look), "f32[2,8]")
    assert seen == [True]
    with pytest.raises(costlab.TraceError, match="only shapes"):
        costlab.analyze(
            Calls(lambda _, x: x * torch.zeros(1 << 20).sum().item()), "f32[8]", on="meta"
        )


def test_values_of_parameters_may_be_read() -> None:
    """A small buffer or parameter has its values, also after the forward wrote to it."""
    seen: list[int] = []

    def count(m: Any, x: torch.Tensor) -> torch.Tensor:
        m.steps += 1
        seen.append(int(m.steps))
        m.steps.add_(1)
        seen.append(int(m.steps.item()))
        return x

    model: Any = Calls(count)
    model.register_buffer("steps", torch.zeros((), dtype=torch.long))
    costlab.analyze(model, "f32[2]")
    assert seen == [1, 2]
    assert int(model.steps) == 0


def test_initializers_cost_nothing() -> None:
    """Filling a tensor in place, by a method or by `nn.init`, is no operation."""

    def noise(_: Calls, x: torch.Tensor) -> torch.Tensor:
        mask = x.new_empty((2, 1)).bernoulli_(0.9)
        return x * nn.init.uniform_(mask) + nn.init.ones_(torch.empty(8))

    report = costlab.analyze(Calls(noise), "f32[2,8]")
    assert report.coverage.unknown == ()
    assert report.total.flops == 2 * (2 * 8)


def test_assigning_an_attribute_of_a_tensor_leaves_a_parameter_alone() -> None:
    """`weight.data = …` and `weight.grad = …` in a forward change nothing of the caller's."""

    def assign(m: Calls, x: torch.Tensor) -> torch.Tensor:
        m.weight.grad = torch.ones(8, 8)
        m.weight.data = torch.zeros(8, 8)
        return x @ m.weight

    model = Calls(assign)
    before = model.weight.detach().clone()
    assert macs(model, "f32[2,8]") == 2 * 8 * 8
    assert torch.equal(model.weight, before)
    assert model.weight.grad is None


def test_what_several_outputs_are_called_is_kept() -> None:
    """Operations that return named tuples return them in a trace as well."""
    model = Calls(lambda _, x: x.topk(2).values + x.sort(-1).indices[:, :2] + x.max(1)[0][:, None])
    assert costlab.analyze(model, "f32[5,8]").coverage.unknown == ()


def test_an_in_place_operation_that_torch_refuses_is_refused() -> None:
    """A float added in place to integers, or a result that is too large, is torch's own error."""
    with pytest.raises(costlab.TraceError, match=r"add\(i64\[2\]\)"):
        costlab.analyze(Calls(lambda _, x: x.add_(1.5)), "i64[2]")
    with pytest.raises(costlab.TraceError, match=r"add\(f32\[2\], f32\[3,2\]\)"):
        costlab.analyze(Calls(lambda _, x: x.add_(torch.ones(3, 2))), "f32[2]")


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (torch.conv2d, ("conv2d",)),
        (F.relu, ("relu",)),
        (F.gelu, ("gelu",)),
        (torch.Tensor.add, ("Tensor.add", "add")),
        (torch.Tensor.split, ("Tensor.split", "split")),
        (torch.Tensor.T.__get__, ("Tensor.T", "T")),  # type: ignore[attr-defined]  # a descriptor
        (torch.ops.aten.mm.default, ("aten::mm", "mm")),
        (torch.ops.aten.mm, ("aten::mm", "mm")),
    ],
)
def test_a_function_has_the_name_by_which_it_is_called(
    function: Any, names: tuple[str, ...]
) -> None:
    """Builtins, functionals, methods, attributes and dispatcher operations find their names."""
    assert names_of(function) == names


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("add", ("add", False)),
        ("add_", ("add", True)),
        ("__iadd__", ("add", True)),
        ("__add__", ("add", False)),
        ("__setitem__", ("__setitem__", True)),
        ("no_such_operation", None),
    ],
)
def test_spellings_of_one_operation_find_it(name: str, found: tuple[str, bool] | None) -> None:
    """Operators and in-place spellings are found under the operation's own name."""
    assert lookup((name,), costlab.OPS) == found


def test_the_body_of_a_functional_does_not_ask_for_a_mode() -> None:
    """A Python functional is entered without its check; a compiled one has no body to enter."""
    body = body_of(F.cosine_embedding_loss)
    assert body is not None
    x = torch.randn(2, 3)
    target = torch.ones(2)
    assert torch.equal(body(x, x, target), F.cosine_embedding_loss(x, x, target))
    assert body_of(torch.conv2d) is None
    assert body_of(lambda x: x) is None


def test_a_loss_in_the_forward_is_priced() -> None:
    """A composite without a rule is entered and priced by what it is made of."""
    model = Calls(lambda _, x: F.mse_loss(x, torch.zeros(2, 8)) + F.cosine_similarity(x, x).sum())
    report = costlab.analyze(model, "f32[2,8]")
    assert report.total.macs == 0
    assert report.total.flops > 2 * 8
