"""What a file of ONNX holds besides weights: settings of operators, which no parameter is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import helper

from tests.onnx.making import counted, held, model, numbers, values

if TYPE_CHECKING:
    from pathlib import Path

node = helper.make_node


def test_the_bounds_of_a_range_are_no_weights(tmp_path: Path) -> None:
    """Start, limit and step say what is made, be they floats."""
    bounds = {"start": 0.0, "limit": 12.0, "step": 0.5}
    nodes = [
        node("Range", list(bounds), ["row"]),
        node("Reshape", ["row", "shape"], ["rows"]),
        node("MatMul", ["rows", "w"], ["y"]),
    ]
    helds = [held("w", 4, 5), numbers("shape", [-1, 4])]
    helds += [numbers(name, value, np.float32) for name, value in bounds.items()]
    made = counted(model(nodes, values({"x": (1, 4)}), ["y"], helds), tmp_path)
    assert made.total.params == made.total.params_executed == 4 * 5
    assert made.total.macs == np.arange(*bounds.values()).size * 5


def test_the_thresholds_of_a_detector_are_no_weights(tmp_path: Path) -> None:
    """How much boxes may overlap, and how sure a score has to be, is a setting."""
    nodes = [
        node("MatMul", ["x", "w"], ["boxes"]),
        node("NonMaxSuppression", ["boxes", "scores", "most", "overlap", "sure"], ["y"]),
    ]
    helds = [
        held("w", 6, 4), numbers("most", 5),
        numbers("overlap", 0.5, np.float32), numbers("sure", 0.1, np.float32),
    ]  # fmt: skip
    inputs = values({"x": (1, 9, 6), "scores": (1, 2, 9)})
    made = counted(model(nodes, inputs, ["y"], helds), tmp_path)
    assert made.total.params == 6 * 4


@pytest.mark.parametrize("op", ["MatMul", "Gemm"])
def test_a_product_with_a_dequantized_weight_is_a_layer(op: str, tmp_path: Path) -> None:
    """Its scale and its zero point are no weights, but the file holds them as well."""
    nodes = [
        node("DequantizeLinear", ["q", "scale", "zero"], ["w"]),
        node(op, ["x", "w"], ["h"]),
        node(op, ["h", "w"], ["p"]),
        node("MatMul", ["h", "p"], ["y"]),
    ]
    helds = [held("q", 4, 4, dtype=np.int8), numbers("scale", 0.5, np.float32)]
    helds.append(numbers("zero", 0, np.int8))
    made = counted(model(nodes, values({"x": (4, 4)}), ["y"], helds), tmp_path)
    assert (made.total.depth, made.total.params) == (2, 4 * 4)
