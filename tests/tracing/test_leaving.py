"""What leaves torch within a forward, or goes back through it, is counted or named."""

from __future__ import annotations

import copy
import ctypes
import json
import sys
import warnings
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.dlpack import from_dlpack

from costlab import Report, TraceError, UnknownOperationError, UsageError, analyze

X = torch.ones(4, 4)


class Forward(nn.Module):
    """A function of the input, as a model."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function, self.layer = function, nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> Any:
        """What the function makes of it, given the layer too."""
        return self.function(x, self.layer)


def by_numpy(x: torch.Tensor, _: Any) -> torch.Tensor:
    """A product by numpy."""
    return torch.from_numpy(x.detach().numpy() @ x.detach().numpy().T)


def by_array(x: torch.Tensor, _: Any) -> torch.Tensor:
    """The same, asked for as an array."""
    return torch.as_tensor(np.asarray(x.detach()) @ np.asarray(x.detach()).T)


def by_list(x: torch.Tensor, _: Any) -> torch.Tensor:
    """Numbers of Python."""
    return torch.tensor([[2 * value for value in row] for row in x.tolist()])


def by_dlpack(x: torch.Tensor, _: Any) -> torch.Tensor:
    """Memory that another library looks at."""
    made: torch.Tensor = from_dlpack(np.from_dlpack(x.detach()) * 2)
    return made


LEAVING = {"numpy": by_numpy, "numpy ": by_array, "tolist": by_list, "dlpack": by_dlpack}


@pytest.mark.parametrize("name", LEAVING)
@pytest.mark.parametrize("on", ["auto", "real"])
def test_what_leaves_torch_is_unknown(name: str, on: Any) -> None:
    """The operation is named, the total is a lower bound, and a strict analysis refuses."""
    model = Forward(LEAVING[name])
    report = analyze(model, X, on=on)
    assert {entry.op for entry in report.coverage.unknown} == {name.strip()}
    assert report.is_lower_bound
    with pytest.raises(UnknownOperationError, match=name.strip()):
        analyze(model, X, on=on, strict=True)


@pytest.mark.parametrize("name", LEAVING)
@pytest.mark.parametrize("on", ["meta", "fake"])
def test_on_shapes_nothing_leaves(name: str, on: Any) -> None:
    """There are no values that could, which is an error, and what ran is a lower bound."""
    with pytest.raises(TraceError, match="reads the values") as raised:
        analyze(Forward(LEAVING[name]), X, on=on)
    assert raised.value.partial.is_lower_bound


def test_positions_as_a_list_are_no_computing() -> None:
    """A list of integers says sizes: it decides what is counted, and is remarked."""
    report = analyze(Forward(lambda x, _: x.split(x.mean(1).long().tolist())), X)
    assert not report.coverage.unknown
    assert any("tolist" in text for text in report.warnings)


def by_pointer(x: torch.Tensor, _: Any) -> torch.Tensor:
    """Memory that is copied by a function of C's."""
    made = torch.empty_like(x)
    ctypes.memmove(made.data_ptr(), x.data_ptr(), made.nbytes)
    return made


def by_memory(x: torch.Tensor, _: Any) -> torch.Tensor:
    """The same, of which the memory itself is asked."""
    made = torch.empty_like(x)
    memory = made.untyped_storage()
    ctypes.memmove(memory.data_ptr(), x.untyped_storage().data_ptr(), memory.nbytes())
    return made


def by_older_memory(x: torch.Tensor, _: Any) -> torch.Tensor:
    """The same, as it was done before there was memory without a type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        made, of = torch.empty_like(x), attrgetter("storage")
        ctypes.memmove(of(made)().data_ptr(), of(x)().data_ptr(), made.nbytes)
    return made


POINTERS = [by_pointer, by_memory, by_older_memory]


@pytest.mark.parametrize("function", POINTERS)
def test_a_pointer_that_is_handed_out_is_unknown(function: Any) -> None:
    """On real tensors, and so by itself; on shapes there is no memory, which is said."""
    for on in ("auto", "real"):
        report = analyze(Forward(function), X, on=on)
        assert [(entry.op, entry.calls) for entry in report.coverage.unknown] == [("data_ptr", 2)]
        assert report.is_lower_bound
    for on in ("meta", "fake"):
        with pytest.raises(TraceError, match="data_ptr"):
            analyze(Forward(function), X, on=on)


@pytest.mark.parametrize("on", ["auto", "meta", "fake", "real"])
def test_pointers_of_constants_are_unknown(on: Any) -> None:
    """What is written there is seen by nobody, on whatever tensors the forward runs."""

    def copied(x: torch.Tensor, _: Any) -> torch.Tensor:
        made, source = torch.zeros(4), torch.ones(4)
        ctypes.memmove(made.data_ptr(), source.data_ptr(), made.nbytes)
        assert made.sum() == 4
        return x * made

    report = analyze(Forward(copied), X, on=on)
    assert [(entry.op, entry.calls) for entry in report.coverage.unknown] == [("data_ptr", 2)]


def test_what_is_written_by_a_pointer_to_a_weight_is_not_written_to_the_model() -> None:
    """A copy's memory is handed out, by either way."""

    def cleared(x: torch.Tensor, layer: Any) -> torch.Tensor:
        ctypes.memset(layer.weight.data_ptr(), 0, layer.weight.nbytes)
        ctypes.memset(layer.bias.untyped_storage().data_ptr(), 0, layer.bias.nbytes)
        made: torch.Tensor = layer(x)
        assert not made.any()
        return made

    model = Forward(cleared)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    assert analyze(model, X).is_lower_bound
    assert all(map(torch.equal, before, model.parameters()))


@pytest.mark.parametrize("on", ["auto", "meta", "fake", "real"])
def test_torch_asking_for_itself_is_no_work(on: Any) -> None:
    """A recurrent layer looks at what of its weights share memory, and a size tells of no place."""

    def asked(x: torch.Tensor, _: Any) -> torch.Tensor:
        layer = nn.LSTM(4, 2)
        layer.flatten_parameters()
        copied = copy.deepcopy(x.detach())
        assert copied.untyped_storage().nbytes() == x.nbytes
        return copied

    assert not analyze(Forward(asked), X, on=on).coverage.unknown


def force(x: torch.Tensor, layer: nn.Module, *, lasting: bool = True) -> torch.Tensor:
    """The gradient of an energy with respect to the input."""
    x = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        (found,) = torch.autograd.grad(layer(x).sum(), x, create_graph=lasting)
    return found


def by_backward(x: torch.Tensor, layer: nn.Module) -> Any:
    """The same by a backward."""
    x = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        layer(x).sum().backward(inputs=[x])
    return x.grad


@pytest.mark.parametrize("function", [force, by_backward])
@pytest.mark.parametrize("on", ["auto", "real"])
def test_a_backward_within_a_forward_is_counted(function: Any, on: Any) -> None:
    """The product of the layer, 4·4·1, and as many of the gradient of its input."""
    report: Report = analyze(Forward(function), X, on=on)
    assert report.total.macs == 2 * 4 * 4
    assert not report.is_lower_bound


@pytest.mark.parametrize("on", ["meta", "fake"])
def test_on_shapes_there_is_no_history(on: Any) -> None:
    """The error says what the forward asks for and which way counts it."""
    with pytest.raises(TraceError, match=r"asks for gradients itself \(autograd.grad\).*on real"):
        analyze(Forward(force), X, on=on)


def test_a_gradient_without_a_graph_is_not_gone_back_through() -> None:
    """Only one with a history of its own is a part of the backward of a step."""
    found = {
        lasting: analyze(
            Forward(lambda x, layer, lasting=lasting: force(x, layer, lasting=lasting)),
            X, on="real", mode="train",
        ).training
        for lasting in (True, False)
    }  # fmt: skip
    once, twice = found[False], found[True]
    assert once is not None
    assert twice is not None
    assert once.total.weight_gradient_macs == 0
    assert twice.total.weight_gradient_macs == 4 * 4


def nested(levels: int) -> nn.Module:
    """A layer within as many modules."""
    model: nn.Module = nn.Linear(4, 4)
    for _ in range(levels):
        model = nn.Sequential(model)
    return model


def test_a_deep_model_is_traced_where_torch_runs_it() -> None:
    """200 levels are, and are written and read; the limit is as before."""
    limit = sys.getrecursionlimit()
    report = analyze(nested(200), X)
    assert report.total.macs == 4 * 4 * 4
    assert Report.from_dict(json.loads(report.to_json())) == report
    assert report._repr_html_()
    assert sys.getrecursionlimit() == limit


def test_a_model_deeper_than_python_s_calls_is_refused() -> None:
    """Torch does not run it either; the error tells how deep, and the way out."""
    with pytest.raises(UsageError, match=r"levels deep.*setrecursionlimit"):
        analyze(nested(2000), X)


def test_complex_products_are_remarked() -> None:
    """A multiply-add of complex numbers is one, which the report says; real ones need no word."""
    of_complex = analyze(nn.Linear(4, 4, dtype=torch.cfloat), "c64[2,4]")
    assert of_complex.total.macs == 2 * 4 * 4
    assert any("complex" in text for text in of_complex.warnings)
    assert not analyze(nn.Linear(4, 4), "f32[2,4]").warnings
