"""The table of single operations: costlab is exact on each, and each is what it says it is."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
import torch

import costlab
from tests.ops.single_operations import CASES

if TYPE_CHECKING:
    from tests.ops.single_cases import Case


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_costlab_is_exact(case: Case, mode: str) -> None:
    """Multiply-adds are those of the definition, and nothing is unknown."""
    module, inputs = case.build()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of what is slow or deprecated
        report = costlab.analyze(module, inputs, mode=mode, strict=True)
    assert report.total.macs == case.macs()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_case_runs(case: Case) -> None:
    """Each module takes its inputs on the CPU, so that any counter can be asked."""
    module, inputs = case.build()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        assert module(*inputs) is not None


def test_the_table_is_large_and_its_names_are_distinct() -> None:
    """At least 60 cases, each by a name of its own."""
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 60
    assert sum(case.macs() == 0 for case in CASES) < 10
