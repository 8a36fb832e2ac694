"""What a model holds: each parameter once, by all its names, by what it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import costlab

if TYPE_CHECKING:
    from costlab.parameters import Parameters
    from costlab.report import Report


def held(model: nn.Module, inputs: Any) -> tuple[Report, Parameters]:
    """The report on a model, and its parameters."""
    report = costlab.analyze(model, inputs)
    assert report.parameters is not None
    return report, report.parameters


class Net(nn.Module):
    """A module whose forward is a function of its parts, given by name."""

    def __init__(self, forward: Any, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        self.run = forward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the function gives."""
        result: torch.Tensor = self.run(self, x)
        return result


def test_tied_embeddings_count_once() -> None:
    """A head that shares its weight with the table of embeddings adds its bias alone."""
    table, head = nn.Embedding(50, 8), nn.Linear(8, 50)
    head.weight = table.weight
    model = Net(lambda net, x: net.head(net.table(x)), table=table, head=head)
    report, found = held(model, "i64[2,5]")
    assert report.total.params == found.elements == 50 * 8 + 50
    assert report.total.params_executed == 50 * 8 + 50
    (tied,) = found.tied
    assert (tied.path, tied.aliases) == ("table.weight", ("head.weight",))


def test_a_module_with_two_names_counts_once() -> None:
    """All parameters of a module that is registered twice are tied."""
    layer = nn.Linear(4, 4)
    model = Net(lambda net, x: net.b(net.a(x)), a=layer, b=layer)
    report, found = held(model, "f32[1,4]")
    assert report.total.params == 4 * 4 + 4
    assert report.total.macs == 2 * 4 * 4
    assert [weight.aliases for weight in found.each] == [("b.weight",), ("b.bias",)]


def test_a_list_of_one_module_counts_once() -> None:
    """Three entries of a ModuleList that are one layer: its parameters, three times its work."""
    layer = nn.Linear(4, 4, bias=False)
    model = nn.Sequential(*[layer] * 3)
    report, found = held(model, "f32[1,4]")
    assert (report.total.params, report.total.macs) == (16, 3 * 16)
    assert found.each[0].aliases == ("1.weight", "2.weight")


def test_a_list_within_a_shared_module() -> None:
    """Sharing at two levels at once is still one parameter, by four names."""
    layer = nn.Linear(4, 4, bias=False)
    pair = nn.Sequential(layer, layer)
    report, found = held(nn.Sequential(pair, pair), "f32[1,4]")
    assert (report.total.params, report.total.macs) == (16, 4 * 16)
    assert found.each[0].aliases == ("0.1.weight", "1.0.weight", "1.1.weight")


def test_parametrizations_count_what_is_stored() -> None:
    """Weight norm stores a length for each row and a direction; the weight itself is made."""
    model = parametrizations.weight_norm(nn.Linear(6, 4))
    report, found = held(model, "f32[1,6]")
    assert report.total.params == found.executed == 4 + 4 * 1 + 4 * 6
    assert not found.tied


def test_frozen_parameters() -> None:
    """What wants no gradient is frozen, whether it runs or not."""
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    model[0].requires_grad_(requires_grad=False)
    _, found = held(model, "f32[1,4]")
    assert found.frozen == 4 * 8 + 8
    assert [weight.trainable for weight in found.each] == [False, False, True, True]


def test_what_the_forward_never_uses() -> None:
    """Each parameter says whether it ran, and the sums agree with the totals."""
    model = Net(lambda net, x: net.used(x), used=nn.Linear(4, 4), spare=nn.Linear(4, 9))
    report, found = held(model, "f32[1,4]")
    assert [weight.path for weight in found.each if not weight.executed] == [
        "spare.weight",
        "spare.bias",
    ]
    assert found.executed == report.total.params_executed == 4 * 4 + 4
    assert found.elements == report.total.params == 4 * 4 + 4 + 4 * 9 + 9


def test_buffers_once_and_in_bytes() -> None:
    """Batch norm has a mean and a variance a channel, and one count of 8 bytes."""
    norm = nn.BatchNorm1d(6)
    _, found = held(nn.Sequential(norm, norm), "f32[2,6]")
    assert found.buffers == (3, 6 + 6 + 1, 4 * 6 + 4 * 6 + 8)


def test_bytes_by_type() -> None:
    """A model of two types takes the bytes of each."""
    model = nn.Sequential(nn.Linear(4, 4, bias=False).half(), nn.Linear(4, 4, bias=False))
    model.forward = lambda x: x  # type: ignore[method-assign]  # only what it holds is looked at
    _, found = held(model, "f32[1,4]")
    assert found.dtypes == {"float32": 4 * 16, "float16": 2 * 16}
    assert found.bytes == 6 * 16


class State:
    """What a library for 4-bit weights keeps beside them: the shape, and scales in two levels."""

    def __init__(self, shape: torch.Size, inner: State | None = None) -> None:
        self.shape = shape
        self.absmax = torch.zeros(4, dtype=torch.uint8 if inner else torch.float32)
        self.state2 = inner


class Params4bit(nn.Parameter):
    """Two weights a byte, with a `quant_state` that says what they stand for."""

    quant_state: State


def test_four_bits_count_as_the_weights_that_they_are() -> None:
    """64 bytes of a packed 8 × 16 matrix are 128 parameters; its scales take bytes besides."""
    packed = Params4bit(torch.zeros(64, 1, dtype=torch.uint8), requires_grad=False)
    packed.quant_state = State(torch.Size((8, 16)), State(torch.Size((4,))))
    model = Net(lambda _, x: x)
    model.register_parameter("weight", packed)
    report, found = held(model, "f32[1,4]")
    assert report.total.params == found.elements == 8 * 16
    assert found.each[0].shape == (8, 16)
    assert found.bytes == 8 * 16 // 2 + 4 * 1 + 4 * 4
    assert found.dtypes == {"uint8": 64 + 4, "float32": 16}
    assert report.warnings == ()


class Quantized(torch.Tensor):
    """A matrix whose rows are integers with a scale each; its own shape is the matrix's."""

    integers: torch.Tensor
    scales: torch.Tensor

    def __new__(cls, integers: torch.Tensor, scales: torch.Tensor) -> Self:
        """An empty wrapper of the shape that the integers stand for."""
        made: Self = torch.Tensor._make_wrapper_subclass(
            cls, (integers.shape[0], 2 * integers.shape[1]), dtype=torch.bfloat16
        )
        made.integers, made.scales = integers, scales
        return made

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        """Its tensors by name."""
        return ["integers", "scales"], None

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch annotates an instance's method
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Detached, it is itself; nothing else is asked of it here."""
        del types, kwargs
        assert func is torch.ops.aten.detach.default
        return args[0]


def test_a_tensor_made_of_tensors_counts_by_its_own_shape() -> None:
    """What torch sees is 8 × 16 in bfloat16; what holds it is integers and scales."""
    matrix = Quantized(torch.zeros(8, 8, dtype=torch.uint8), torch.zeros(8))
    model = Net(lambda _, x: x)
    model.register_parameter("weight", nn.Parameter(matrix, requires_grad=False))
    report, found = held(model, "f32[1,4]")
    assert report.total.params == 8 * 16
    assert found.dtypes == {"uint8": 64, "float32": 4 * 8}


def test_torch_types_that_pack() -> None:
    """An element of float4_e2m1fn_x2 is two values, along the last axis."""
    packed = torch.empty(4, 8, dtype=torch.float4_e2m1fn_x2, device="meta")
    model = Net(lambda _, x: x)
    model.register_parameter("weight", nn.Parameter(packed, requires_grad=False))
    report, found = held(model, "f32[1,4]")
    assert found.each[0].shape == (4, 16)
    assert (report.total.params, found.bytes) == (64, 32)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")  # deprecated, but not what it makes
def test_quint4x2_has_the_shape_of_the_weight() -> None:
    """The 4-bit type of torch itself tells the elements, two of which lie in a byte."""
    weight = torch.quantize_per_channel(
        torch.zeros(4, 8), torch.ones(4), torch.zeros(4), 0, torch.quint4x2
    )
    model = Net(lambda _, x: x)
    model.register_parameter("weight", nn.Parameter(weight, requires_grad=False))
    report, found = held(model, "f32[1,4]")
    assert (report.total.params, found.bytes) == (32, 16)


def test_bytes_that_may_be_anything_are_remarked_on() -> None:
    """A parameter of bytes without a word about what is in them is counted as it is, and said."""
    model = Net(lambda _, x: x)
    for name in ("one", "two"):
        weight = nn.Parameter(torch.zeros(8, dtype=torch.uint8), requires_grad=False)
        model.register_parameter(name, weight)
    report, found = held(model, "f32[1,4]")
    assert found.elements == 16
    (warning,) = report.warnings
    assert warning.startswith("one and 1 more: uint8 may pack several weights")


def test_the_model_is_left_alone() -> None:
    """Nothing is set on parameters while they are looked at."""
    model = nn.Linear(4, 4)
    before = {name: dict(vars(weight)) for name, weight in model.named_parameters()}
    held(model, "f32[1,4]")
    assert {name: dict(vars(weight)) for name, weight in model.named_parameters()} == before
