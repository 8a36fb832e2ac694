"""Whether fresh processes choose the same kernels."""

import json
from dataclasses import asdict

import pytest

from costlab.bench.fresh import Agreement, agreement, chosen, read_case
from costlab.bench.seams import ArmError
from costlab.bench.study import Case, Side, Subject

SIDE = Side(Subject("5×5", "conv5x5(inputs=4)", (4, 9, 9), takes_finish=True), "eager")
CASE = Case("s", "p", SIDE, SIDE, 1, "fp32", "nchw", "bias_relu", "warm")


def test_a_case_survives_json() -> None:
    """What another process reads is the case that was asked for."""
    assert read_case(json.loads(json.dumps(asdict(CASE)))) == CASE


def test_processes_agree_where_nothing_is_chosen() -> None:
    """On a CPU, eager runs the same operations in each process."""
    found = agreement(CASE, 2, device="cpu")
    assert len(found.runs) == 2
    assert found.agree
    assert any("conv" in name for name, _ in found.runs[0])


def test_other_kernels_are_no_agreement() -> None:
    """One process with another kernel, or one more call, is enough."""
    one, two = (("conv_a", 1),), (("conv_b", 1),)
    assert Agreement((one, one, one)).agree
    assert not Agreement((one, two, one)).agree
    assert not Agreement(((("conv_a", 2),), one)).agree


def test_an_arm_that_cannot_run_is_told_by_its_process() -> None:
    """The last line of what went wrong there comes back as an error of the arm."""
    case = Case("s", "p", SIDE, Side(SIDE.subject, "graph"), 1, "fp32", "nchw", "bare", "warm")
    with pytest.raises(ArmError, match="graph runs on a CUDA device only"):
        agreement(case, 1, device="cpu")


def test_kernels_are_given_in_order_of_name() -> None:
    """So that two runs can be compared, whichever kernel took longer."""
    asked = {"case": asdict(CASE), "side": asdict(SIDE), "device": "cpu", "seed": 0}
    names = chosen(json.loads(json.dumps(asked)))
    assert list(names) == sorted(names)
    assert len(names) >= 2
