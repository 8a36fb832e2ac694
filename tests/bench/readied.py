"""Small sides made ready on the CPU, and closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from costlab.bench.precision import recorded
from costlab.bench.prepared import Ready, Where, prepare
from costlab.bench.study import Arm, Case, Precision, Regime, Side, Subject

SUBJECT = Subject("two 3×3", "two_3x3(inputs=8)", (8, 9, 9), takes_finish=True)
CACHE = 1 << 16


def case_of(
    arm: Arm = "eager",
    subject: Subject = SUBJECT,
    precision: Precision = "fp32",
    regime: Regime = "cold",
) -> Case:
    """A small case."""
    side = Side(subject, arm)
    return Case("s", "p", side, side, 2, precision, "nhwc", "bn_relu", regime)


OPENED: list[Ready] = []


def ready(case: Case, where: Where | None = None, seed: int = 1) -> Ready:
    """The variant of a case, on the CPU; closed after the test."""
    side = prepare(case.variant, case, seed, where or Where(torch.device("cpu"), CACHE))
    OPENED.append(side)
    return side


@contextmanager
def closing() -> Iterator[None]:
    """Closes what is opened within it, and finds out whether that leaves flags behind."""
    before = recorded()
    yield
    while OPENED:
        OPENED.pop().close()
    assert recorded() == before


Function = Callable[[nn.Module], Callable[[Tensor], Any]]
