"""The list of parameters as a value: its sums, and the same again from a document."""

import json

import pytest

from costlab.graph import Graph, Module, Parameter, TensorSpec
from costlab.inputspec import format_spec
from costlab.parameters import Buffers, Parameters, parameters_of

TABLE, PACKED, SCALES = TensorSpec((50, 8)), TensorSpec((64, 1), "uint8"), TensorSpec((4,))
GRAPH = Graph(
    tensors=(),
    nodes=(),
    inputs=(),
    outputs=(),
    parameters=(
        Parameter("table.weight", TABLE, 3, aliases=("head.weight",)),
        Parameter("fc.weight", PACKED, 4, False, (), (8, 16), (PACKED, SCALES)),
        Parameter("aux.weight", TensorSpec((7,), "float16")),
        Parameter("scale", TensorSpec(()), 5),
    ),
    modules=(Module("", "Net"),),
    buffers=(SCALES, SCALES, TensorSpec((), "int64")),
)


def test_sums() -> None:
    """Elements by what weights stand for, bytes by what holds them."""
    found = parameters_of(GRAPH)
    assert found.elements == 50 * 8 + 8 * 16 + 7 + 1
    assert found.executed == found.elements - 7
    assert found.frozen == 8 * 16
    assert found.bytes == 4 * 50 * 8 + (64 + 4 * 4) + 2 * 7 + 4
    assert found.dtypes == {"float32": 4 * 50 * 8 + 4 * 4 + 4, "uint8": 64, "float16": 2 * 7}
    assert sum(found.dtypes.values()) == found.bytes
    assert [weight.path for weight in found.tied] == ["table.weight"]
    assert found.buffers == Buffers(3, 4 + 4 + 1, 16 + 16 + 8)


def test_a_model_without_parameters() -> None:
    """Nothing is held, and nothing is wrong."""
    empty = Graph((), (), (), (), (), (Module("", "Net"),))
    assert parameters_of(empty) == Parameters((), Buffers())
    assert parameters_of(empty).elements == 0


def test_a_list_comes_back() -> None:
    """What is written as JSON is read as an equal value."""
    found = parameters_of(GRAPH)
    document = json.loads(json.dumps(found.to_dict()))
    assert Parameters.from_dict(document) == found
    assert document["each"][0]["aliases"] == ["head.weight"]
    assert "aliases" not in document["each"][1]


@pytest.mark.parametrize("dtype", ["quint4x2", "float4_e2m1fn_x2", "float8_e4m3fn", "bits1x8"])
def test_any_type_comes_back(dtype: str) -> None:
    """A type without a short name is written by its own."""
    spec = TensorSpec((4, 8), dtype)
    graph = Graph((), (), (), (), (Parameter("w", spec),), (Module("", "Net"),))
    document = parameters_of(graph).to_dict()
    assert document["each"][0]["held"] == [format_spec(spec)]
    assert Parameters.from_dict(document).each[0].held == (spec,)
