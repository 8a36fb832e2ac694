"""What the tests of ONNX make: graphs by hand, and files that torch writes itself."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from costlab.onnx.counting import report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from costlab.report import Report

Shape = tuple[int | str, ...]
FLOAT = TensorProto.FLOAT


def held(name: str, *shape: int, dtype: Any = np.float32) -> onnx.TensorProto:
    """A tensor of zeros that a file holds."""
    return numpy_helper.from_array(np.zeros(shape, dtype), name)


def numbers(name: str, values: Any, dtype: Any = np.int64) -> onnx.TensorProto:
    """A tensor of these numbers that a file holds."""
    return numpy_helper.from_array(np.array(values, dtype), name)


def values(shapes: Mapping[str, Shape], dtype: int = FLOAT) -> list[onnx.ValueInfoProto]:
    """Declarations of inputs or outputs."""
    return [helper.make_tensor_value_info(name, dtype, shape) for name, shape in shapes.items()]


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[str],
    initializers: Sequence[onnx.TensorProto] = (),
    *,
    opset: int = 20,
    functions: Sequence[onnx.FunctionProto] = (),
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model of these nodes; the shapes of its outputs are left open."""
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    for result in results:
        result.type.tensor_type.elem_type = FLOAT
    graph = helper.make_graph(nodes, "graph", inputs, results, initializers)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(each, 1) for each in domains)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=10)


def counted(made: onnx.ModelProto, folder: Path, *specs: str) -> Report:
    """The report on a model, by way of a file."""
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return report(str(path), specs)


def single(
    folder: Path,
    op: str,
    shapes: Sequence[tuple[int, ...] | None],
    *,
    outputs: int = 1,
    domain: str = "",
    opset: int = 20,
    initializers: Sequence[onnx.TensorProto] = (),
    types: Sequence[int] = (),
    **attributes: Any,
) -> Report:
    """The report on a model of one operator, whose inputs have these shapes.

    Inputs come first; `initializers` follow them in order, None leaves one out.
    """
    kinds = [*types, *[FLOAT] * len(shapes)]
    inputs = [
        helper.make_tensor_value_info(f"x{at}", kinds[at], shape)
        for at, shape in enumerate(shapes)
        if shape is not None
    ]
    names = [f"x{at}" if shape is not None else "" for at, shape in enumerate(shapes)]
    names += [each.name for each in initializers]
    made = [f"y{at}" for at in range(outputs)]
    node = helper.make_node(op, names, made, domain=domain, **attributes)
    domains = [domain] if domain else []
    return counted(model([node], inputs, made, initializers, opset=opset, domains=domains), folder)


def exported(
    net: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    path: Path,
    dynamic: dict[int, str] | None = None,
) -> Path:
    """The file that torch itself writes of a network in eval mode, nothing folded.

    `dynamic` names axes of the one input whose sizes are left open.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter is the older one, which needs onnx alone
        torch.onnx.export(
            net.eval(),
            inputs,
            str(path),
            dynamo=False,
            do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            opset_version=17,
            input_names=["x"],
            dynamic_axes={"x": dynamic} if dynamic else None,
        )
    return path
