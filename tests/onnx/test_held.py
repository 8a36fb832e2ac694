"""What a file of ONNX holds besides weights: settings of operators, which no parameter is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
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
