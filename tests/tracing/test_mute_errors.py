"""Exceptions of a model that cannot say what they are: told by their class and their line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import costlab
from costlab.cli import COULD_NOT_SAY, main
from costlab.crosscheck import cross_checked
from costlab.errors import words_of
from tests.tracing.networks import Calls

if TYPE_CHECKING:
    from pathlib import Path

FAILURES = [RuntimeError("no words"), SystemExit(1), RecursionError()]
"""What a `__str__` may raise."""


def mute(failure: BaseException, root: type[Exception] = Exception) -> Exception:
    """An exception of a class of the user's whose `__str__` raises."""

    class Mute(root):  # type: ignore[misc, valid-type]  # a base that the caller chooses
        def __str__(self) -> str:
            raise failure

    return Mute()


def raising(error: Exception) -> nn.Module:
    """A model whose forward raises it."""

    def stop(_: Calls, x: Any) -> None:
        del x
        raise error

    return Calls(stop)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
@pytest.mark.parametrize("root", [Exception, RuntimeError, RecursionError])
@pytest.mark.parametrize("on", ["auto", "real"])
def test_an_exception_without_words_is_told_by_its_class_and_line(
    failure: BaseException, root: type[Exception], on: str
) -> None:
    """What the forward raised is the cause; the message names its class and the user's line."""
    error = mute(failure, root)
    with pytest.raises(costlab.TraceError, match=r"stopped at Calls \[.*: Mute: \(its") as stopped:
        costlab.analyze(raising(error), "f32[2,8]", on=on)
    assert f"its __str__ raises {type(failure).__name__})" in str(stopped.value)
    assert f"{__file__}:" in str(stopped.value)
    assert stopped.value.__cause__ is error


def test_an_interruption_is_none_of_them() -> None:
    """Ctrl-C within a `__str__` is still Ctrl-C."""
    with pytest.raises(KeyboardInterrupt):
        words_of(mute(KeyboardInterrupt()))


def test_another_counter_that_meets_it_says_so() -> None:
    """The report itself is whole; the counters that ran the model say with what they ended."""
    report = costlab.analyze(nn.Linear(8, 8), "f32[2,8]")
    given = (torch.zeros(2, 8),)
    checked = cross_checked(report, raising(mute(RuntimeError("no words"))), given)
    assert checked.total == report.total
    assert "Mute: (its __str__ raises RuntimeError)" in checked.counters[0].error


MODEL = """
from torch import nn

class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")

class Forward(nn.Module):
    def forward(self, x):
        raise Mute

class Built(nn.Module):
    def __init__(self):
        raise Mute
"""


@pytest.mark.parametrize(("name", "line"), [("Forward", 10), ("Built", 14)])
def test_no_command_takes_it_for_a_defect_of_its_own(
    name: str, line: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`costlab report` names the line that raised it, in a forward or a constructor."""
    file = tmp_path / f"mute_{name.lower()}.py"
    file.write_text(MODEL)
    with pytest.raises(SystemExit) as ended:
        main(["report", f"{file}:{name}", "-i", "f32[2,8]"])
    told = capsys.readouterr().err
    assert ended.value.code == COULD_NOT_SAY
    assert f"{file}:{line}]: Mute: (its __str__ raises RuntimeError)" in told
    assert "defect" not in told
    sys.modules.pop(file.stem, None)
