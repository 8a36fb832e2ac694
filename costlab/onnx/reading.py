"""A file → a model without its weights: bounded, checked, and nothing outside the file opened.

Does not know what an operator is.
"""

from __future__ import annotations

import stat
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from costlab.errors import NoSuchModelError, SourceError, UsageError
from costlab.graph import TensorSpec
from costlab.onnx.elements import NAMES, bounded, entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import FunctionProto, GraphProto, ModelProto, TensorProto

LARGEST_FILE = 2**31
"""protobuf reads no message of more bytes; larger models keep their weights in other files."""
DEEPEST = 16
"""Graphs in graphs, or functions that call functions."""
FEW = 64
"""Elements of a tensor whose values are kept: sizes, axes, scales."""
INSTALL = "reading .onnx files needs the package onnx; install it with pip install 'costlab[onnx]'"


class Initial(NamedTuple):
    """A tensor that the file holds: its name, its spec, and its values if they are few."""

    name: str
    spec: TensorSpec
    values: Any = None


class File(NamedTuple):
    """A model as read: its main graph without weights, what the weights are, its functions."""

    path: str
    graph: GraphProto
    initials: tuple[Initial, ...]
    opsets: dict[str, int]
    functions: dict[tuple[str, str, str], FunctionProto]


def read(path: str) -> File:
    """The model in a file.

    Raises:
        SourceError: there is no such file, it is damaged, or holds what no model does.
        UsageError: onnx is not installed.
    """
    model = _parsed(path)
    try:
        return _taken_apart(path, model)
    except (ArithmeticError, LookupError, SourceError, TypeError, ValueError) as error:
        raise SourceError(f"{path} is damaged: {error}") from error


def _parsed(path: str) -> ModelProto:
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise UsageError(INSTALL) from error
    file = Path(path)
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for, a device has no end
            raise SourceError(f"cannot read {path}: it is a folder, a pipe or a device, no file")
        size = status.st_size
        if size > LARGEST_FILE:
            message = f"{path} has {size:,} bytes; a model is at most {LARGEST_FILE:,}, without "
            raise SourceError(message + "the weights that it keeps in other files")
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise NoSuchModelError(f"there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {path}: {error}") from error
    try:
        # From bytes, so that nothing knows a folder in which external data might be looked for.
        model: ModelProto = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        message = f"{path} is no ONNX model, or only a part of one: {error}"
        raise SourceError(message) from error
    if not model.graph.node and not model.graph.output:
        raise SourceError(f"{path} holds no graph; is it an ONNX model?")
    return model


def _taken_apart(path: str, model: ModelProto) -> File:
    """The parts of a model, checked with its weights declared as inputs, which takes no data."""
    from onnx import helper

    graph = model.graph
    for inner in _graphs(graph, 0):
        for tensor in inner.initializer:
            described(tensor)
    initials = [described(tensor) for tensor in graph.initializer]
    for sparse in graph.sparse_initializer:
        stored = sparse.values
        initials.append(Initial(stored.name, TensorSpec(bounded(sparse.dims), _type(stored))))
    graph.ClearField("initializer")
    graph.ClearField("sparse_initializer")
    declared = {value.name for value in graph.input}
    added = [each for each in initials if each.name not in declared]
    for name, spec, _ in added:
        number = next(number for number, known in NAMES.items() if known == spec.dtype)
        graph.input.append(helper.make_tensor_value_info(name, number, list(spec.shape)))
    _check(model)
    given = {each.name for each in initials}
    inputs = [value for value in graph.input if value.name not in given]
    graph.ClearField("input")
    graph.input.extend(inputs)
    functions = {(_plain(f.domain), f.name, f.overload): f for f in model.functions}
    for function in functions.values():
        for node in function.node:
            _check_depth(node, 0)
    opsets = {_plain(opset.domain): opset.version for opset in model.opset_import}
    return File(path, graph, tuple(initials), opsets, functions)


def _check(model: ModelProto) -> None:
    """Asks onnx whether a model is well-formed.

    Raises:
        SourceError: it is not.
    """
    from onnx import checker

    bare = [
        value.type.tensor_type
        for value in (*model.graph.input, *model.graph.output)
        if value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape")
    ]
    for each in bare:  # what the checker asks for, though an output's shape follows from the graph
        each.shape.SetInParent()
    try:
        checker.check_model(model)
    except checker.ValidationError as error:
        # An operator that onnx does not know is not damage: it is named as unknown.
        if "No Op registered" not in str(error) and "No opset import" not in str(error):
            raise SourceError(_shortened(str(error))) from error
    for each in bare:
        each.ClearField("shape")


def _graphs(graph: GraphProto, depth: int) -> Iterator[GraphProto]:
    """The graphs that nodes of a graph hold, at whatever depth.

    Raises:
        SourceError: there are too many in one another.
    """
    for node in graph.node:
        for inner in _check_depth(node, depth):
            yield inner
            yield from _graphs(inner, depth + 1)


def _check_depth(node: Any, depth: int) -> list[GraphProto]:
    found = [
        graph
        for attribute in node.attribute
        for graph in ([attribute.g] if attribute.HasField("g") else attribute.graphs)
    ]
    if found and depth == DEEPEST:
        raise SourceError(f"it has more than {DEEPEST} graphs in one another")
    return found


def described(tensor: TensorProto) -> Initial:
    """What a tensor of the file is; its values only if they are few and stand in the file itself.

    Raises:
        SourceError: it has another number of bytes, or of numbers, than its shape needs.
    """
    spec = TensorSpec(bounded(tensor.dims), _type(tensor))
    outside = tensor.data_location == tensor.EXTERNAL
    if not outside:
        _check_length(tensor, spec)
    values = None
    if not outside and prod(spec.shape) <= FEW and spec.dtype != "string":
        from onnx import numpy_helper

        values = numpy_helper.to_array(tensor)
    return Initial(tensor.name, spec, values)


def _check_length(tensor: TensorProto, spec: TensorSpec) -> None:
    """Holds what a tensor has in the file against its shape.

    Raises:
        SourceError: it is more, or less.
    """
    from onnx import helper

    if tensor.HasField("raw_data"):
        found, needed, of = len(tensor.raw_data), spec.bytes, "bytes"
    else:
        written = getattr(tensor, helper.tensor_dtype_to_field(tensor.data_type))
        found, needed, of = len(written), entries(spec), "numbers"
    if found != needed:
        raise SourceError(f"the tensor {tensor.name!r} has {found:,} {of}, not {needed:,}")


def _type(tensor: TensorProto) -> str:
    if tensor.data_type not in NAMES:
        message = f"the tensor {tensor.name!r} is of a type, {tensor.data_type}, that onnx lacks"
        raise SourceError(message)
    return NAMES[tensor.data_type]


def _plain(domain: str) -> str:
    """A domain, the standard one by its empty name."""
    return "" if domain == "ai.onnx" else domain


def _shortened(text: str) -> str:
    """The first line of what the checker says, without its dump of the node."""
    return " ".join(text.partition("==>")[0].split())[:300]
